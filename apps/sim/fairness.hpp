// Fairness: how several long transfers of one controller share a path, by Jain's index over time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/sim/bulk.hpp"

namespace swarm {

struct FairnessPlan {
  std::string controller;
  std::size_t flows = 2;
  std::uint64_t seed = 1;
};

/// What each flow got in one stretch of time.
struct Shares {
  double seconds = 0;  ///< At its end.
  std::vector<double> bits_per_second{};
};

struct FairnessResult {
  FairnessPlan plan;
  bool has_marks = false;                 ///< The queue marks instead of waiting until it is full.
  double jain = 0;                        ///< Over all of the time that is measured: 1 is even.
  double use = 0;                         ///< Of the link's payload rate, by all together.
  std::vector<double> bits_per_second{};  ///< Of each, over the same time.
  LossCounts losses{};                    ///< Of all together, over the same time.
  std::vector<Shares> over_time{};
  std::string problem{};
};

/// (sum of x)^2 / (n * sum of x^2); 0 where nobody has anything.
[[nodiscard]] double jain_index(std::span<const double> shares) noexcept;

/// Runs one. The EAL must run, with `fairness_memory` at hand.
[[nodiscard]] FairnessResult run_fairness(const FairnessPlan& plan);

[[nodiscard]] std::uint64_t fairness_memory(const std::vector<FairnessPlan>& plans);

/// One JSON document.
[[nodiscard]] std::string to_json(const std::vector<FairnessResult>& results);

}  // namespace swarm
