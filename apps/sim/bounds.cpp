#include "apps/sim/bounds.hpp"

#include <algorithm>
#include <cmath>

namespace swarm {

namespace {

constexpr double kBits = 8;
/// Ethernet with preamble, check sequence and gap; IPv4; TCP with timestamps.
constexpr double kFrameOverhead = 14 + 24 + 20 + 32;
constexpr double kRtoMin = 0.2;
constexpr double kTimeoutsMatterFrom = 0.01;

double rate_of_window(const CellPath& path, double segments) noexcept {
  return segments * path.payload * kBits / path.round_trip;
}

double reno_window(double loss) noexcept { return std::sqrt(1.5 / loss); }

/// RFC 9438 §5.1, with C = 0.4 and beta = 0.7.
double cubic_window(const CellPath& path) noexcept {
  return 1.054 * std::pow(path.round_trip / path.loss, 0.75);
}

/// RFC 5348 §3.1, every segment acknowledged.
double pftk_rate(const CellPath& path) noexcept {
  const double p = path.loss;
  const double timeout = std::max(kRtoMin, 2 * path.round_trip);
  const double seconds = path.round_trip * std::sqrt(2 * p / 3) +
                         timeout * 3 * std::sqrt(3 * p / 8) * p * (1 + 32 * p * p);
  return path.payload * kBits / seconds;
}

}  // namespace

double link_bound(const CellPath& path) noexcept {
  return path.rate * path.payload / (path.payload + kFrameOverhead);
}

double goodput_bound(const CellPath& path, std::string_view controller) noexcept {
  double bound = link_bound(path);
  if (path.loss <= 0) {
    return bound;
  }
  const double window = controller == "cubic" ? std::max(cubic_window(path), reno_window(path.loss))
                                              : reno_window(path.loss);
  bound = std::min(bound, rate_of_window(path, window));
  return path.loss >= kTimeoutsMatterFrom ? std::min(bound, pftk_rate(path)) : bound;
}

}  // namespace swarm
