// WindowedMax: the largest of the values of the last so many rounds, by three of them: the best,
// and the best since the best and since that (Kathleen Nichols' algorithm).
#pragma once

#include <array>
#include <cstdint>

namespace millrace::tcp {

/// Rounds may wrap around; values of rounds that go back are none of its business.
class WindowedMax {
 public:
  /// `value` was seen in `round`; what is older than `length` rounds is forgotten.
  void add(std::uint32_t value, std::uint32_t round, std::uint32_t length) noexcept {
    const Sample sample{.value = value, .round = round};
    if (value >= best_[0].value || round - best_[2].round > length) {
      best_ = {sample, sample, sample};
      return;
    }
    if (value >= best_[1].value) {
      best_[2] = best_[1] = sample;
    } else if (value >= best_[2].value) {
      best_[2] = sample;
    }
    if (round - best_[0].round > length) {
      // The best is too old, and maybe the next one, too.
      best_ = {best_[1], best_[2], sample};
      if (round - best_[0].round > length) {
        best_ = {best_[1], best_[2], sample};
      }
    } else if (best_[1].round == best_[0].round && round - best_[1].round > length / 4) {
      // A quarter of the window without anything near the best: take what there is.
      best_[2] = best_[1] = sample;
    } else if (best_[2].round == best_[1].round && round - best_[2].round > length / 2) {
      best_[2] = sample;
    }
  }

  [[nodiscard]] std::uint32_t get() const noexcept { return best_[0].value; }

 private:
  struct Sample {
    std::uint32_t value = 0;
    std::uint32_t round = 0;
  };

  std::array<Sample, 3> best_{};
};

}  // namespace millrace::tcp
