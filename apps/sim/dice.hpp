// Dice: numbers for a plan, each from the range that its name says, all from one generator.
#pragma once

#include <cstddef>
#include <cstdint>

#include <millrace/time.hpp>

#include "base/random.hpp"

namespace swarm {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_{millrace::base::Random::from_seed(seed)} {}

  [[nodiscard]] bool percent(std::uint32_t chance) noexcept { return random_.below(100) < chance; }
  [[nodiscard]] bool coin() noexcept { return random_.one_in(2); }
  /// Both included.
  [[nodiscard]] std::uint32_t between(std::uint32_t least, std::uint32_t most) noexcept {
    return least + random_.below(most - least + 1);
  }
  /// Likewise, and each doubling as likely as any other.
  [[nodiscard]] std::uint32_t scaled(std::uint32_t least, std::uint32_t most) noexcept {
    std::uint32_t doublings = 0;
    while (std::uint64_t{least} << (doublings + 1) <= most) {
      ++doublings;
    }
    const std::uint64_t floor = std::uint64_t{least} << random_.below(doublings + 1);
    const std::uint64_t value = floor + random_.below(static_cast<std::uint32_t>(floor));
    return static_cast<std::uint32_t>(value < most ? value : most);
  }
  [[nodiscard]] millrace::Duration microseconds(std::uint32_t least, std::uint32_t most) noexcept {
    return std::chrono::microseconds{scaled(least, most)};
  }
  [[nodiscard]] std::size_t index(std::size_t size) noexcept {
    return random_.below(static_cast<std::uint32_t>(size));
  }
  [[nodiscard]] std::uint64_t seed() noexcept { return random_.next_u64(); }

 private:
  millrace::base::Random random_;
};

}  // namespace swarm
