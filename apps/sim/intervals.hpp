// Intervals: which numbers of a long range have been seen, as a sorted list of gapless pieces.
#pragma once

#include <cstdint>
#include <vector>

namespace swarm {

class Intervals {
 public:
  struct Piece {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  /// From `begin` to before `end`; nothing if that is not ahead.
  void add(std::uint64_t begin, std::uint64_t end);
  /// Whether all from `begin` to before `end` have been added.
  [[nodiscard]] bool contains(std::uint64_t begin, std::uint64_t end) const noexcept;
  /// Up to which all from zero on have been added.
  [[nodiscard]] std::uint64_t prefix() const noexcept {
    return pieces_.empty() || pieces_.front().begin != 0 ? 0 : pieces_.front().end;
  }
  /// Behind the last that was added.
  [[nodiscard]] std::uint64_t end() const noexcept {
    return pieces_.empty() ? 0 : pieces_.back().end;
  }
  [[nodiscard]] const std::vector<Piece>& pieces() const noexcept { return pieces_; }

 private:
  std::vector<Piece> pieces_;
};

}  // namespace swarm
