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
  return segments * path.payload * kBits / shortest_round_trip(path);
}

double reno_window(double loss) noexcept { return std::sqrt(1.5 / loss); }

/// RFC 9438 §5.1, with C = 0.4 and beta = 0.7.
double cubic_window(const CellPath& path) noexcept {
  return 1.054 * std::pow(shortest_round_trip(path) / path.loss, 0.75);
}

/// RFC 5348 §3.1, every segment acknowledged.
double pftk_rate(const CellPath& path) noexcept {
  const double p = path.loss;
  const double round_trip = shortest_round_trip(path);
  const double timeout = std::max(kRtoMin, 2 * round_trip);
  const double seconds =
      round_trip * std::sqrt(2 * p / 3) + timeout * 3 * std::sqrt(3 * p / 8) * p * (1 + 32 * p * p);
  return path.payload * kBits / seconds;
}

}  // namespace

double link_rate(const CellPath& path) noexcept {
  return path.rate * path.payload / (path.payload + kFrameOverhead);
}

double shortest_round_trip(const CellPath& path) noexcept {
  return path.round_trip + (path.payload + 2 * kFrameOverhead) * kBits / path.rate;
}

Bound goodput_bound(const CellPath& path, std::string_view controller) noexcept {
  Bound bound{.bits_per_second = link_rate(path), .law = "link"};
  if (path.loss <= 0) {
    return bound;
  }
  const auto lower = [&bound](double rate, std::string_view law) {
    if (rate < bound.bits_per_second) {
      bound = {.bits_per_second = rate, .law = law};
    }
  };
  const double reno = reno_window(path.loss);
  const double cubic = controller == "cubic" ? cubic_window(path) : 0;
  lower(rate_of_window(path, std::max(reno, cubic)), cubic > reno ? "cubic" : "reno");
  if (path.loss >= kTimeoutsMatterFrom) {
    lower(pftk_rate(path), "pftk");
  }
  return bound;
}

}  // namespace swarm
