#include "apps/sim/ideal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/random.hpp"

namespace swarm {

namespace {

constexpr unsigned kReductions = 10'000;
constexpr unsigned kRoundsMax = 4'000'000;
constexpr double kLeast = 2;

/// RFC 5681 §3.1. Windows are in segments.
class IdealReno {
 public:
  [[nodiscard]] static double grow(double window, double /*trip*/) noexcept { return window + 1; }
  [[nodiscard]] static double reduce(double window) noexcept {
    return std::max(kLeast, window / 2);
  }
};

/// RFC 9438 §4, fast convergence included. Times are in seconds.
class IdealCubic {
 public:
  [[nodiscard]] double grow(double window, double trip) noexcept {
    constexpr double kSlowly = 9.0 / 17;  // §4.3: until Reno would be where the loss was.
    estimate_ += estimate_ >= prior_ ? 1 : kSlowly;
    const bool is_behind_reno = curve(since_) < estimate_;
    const double next = is_behind_reno ? std::max(window, estimate_)
                                       : std::clamp(curve(since_ + trip), window, 1.5 * window);
    since_ += trip;
    return next;
  }
  [[nodiscard]] double reduce(double window) noexcept {
    const double left = std::max(kLeast, 0.7 * window);
    const double plateau = window < plateau_ ? 0.85 * window : window;
    plateau_ = std::max(plateau, left);
    prior_ = window;
    estimate_ = left;
    until_plateau_ = std::cbrt((plateau_ - left) / kC);
    since_ = 0;
    return left;
  }

 private:
  static constexpr double kC = 0.4;

  [[nodiscard]] double curve(double time) const noexcept {
    const double distance = time - until_plateau_;
    return kC * distance * distance * distance + plateau_;
  }

  double plateau_ = 0;
  double prior_ = 0;
  double estimate_ = 0;
  double until_plateau_ = 0;
  double since_ = 0;
};

/// Segments from one loss by chance to the next.
class Chance {
 public:
  explicit Chance(double loss) : loss_{loss} { draw(); }

  /// So many have left. True: one of them is lost.
  [[nodiscard]] bool strikes(double segments) noexcept {
    left_ -= segments;
    if (left_ >= 0) {
      return false;
    }
    while (left_ < 0) {
      draw();
    }
    return true;
  }

 private:
  void draw() noexcept {
    constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53
    const double even = (static_cast<double>(random_.next_u64() >> 11U) + 0.5) * kUnit;
    left_ +=
        loss_ > 0 ? std::log(even) / std::log1p(-loss_) : std::numeric_limits<double>::infinity();
  }

  double loss_;
  double left_ = 0;
  millrace::base::Random random_ = millrace::base::Random::from_seed(1);
};

template <class Rules>
double play(const CellPath& path, double buffer_bytes) {
  const double shortest = shortest_round_trip(path);
  const double segments_per_second = link_rate(path) / 8 / path.payload;
  const double held = segments_per_second * shortest;
  const double full = held + buffer_bytes / path.payload;
  Rules rules;
  Chance chance{path.loss};
  double window = std::max(kLeast, full / 2);
  double sent = 0;
  double seconds = 0;
  unsigned reductions = 0;
  bool is_recovering = false;
  for (unsigned round = 0; round < kRoundsMax && reductions < kReductions; ++round) {
    const double trip = shortest * std::max(1.0, window / held);
    sent += window;
    seconds += trip;
    if (chance.strikes(window) || window > full) {
      // A recovery takes the next round trip, in which nothing grows.
      window = rules.reduce(window);
      ++reductions;
      is_recovering = true;
    } else if (std::exchange(is_recovering, false) == false) {
      window = rules.grow(window, trip);
    }
  }
  return sent / seconds * path.payload * 8;
}

}  // namespace

std::optional<double> ideal_goodput(const CellPath& path, double buffer_bytes,
                                    std::string_view controller) {
  if (controller == "reno") {
    return play<IdealReno>(path, buffer_bytes);
  }
  if (controller == "cubic") {
    return play<IdealCubic>(path, buffer_bytes);
  }
  return std::nullopt;
}

}  // namespace swarm
