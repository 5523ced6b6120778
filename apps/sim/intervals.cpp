#include "apps/sim/intervals.hpp"

#include <algorithm>

namespace swarm {

void Intervals::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) {
    return;
  }
  // The first piece that touches the new one, and the first that lies wholly behind it.
  const auto first = std::ranges::lower_bound(pieces_, begin, {}, &Piece::end);
  const auto last = std::ranges::upper_bound(first, pieces_.end(), end, {}, &Piece::begin);
  if (first == last) {
    pieces_.insert(first, {.begin = begin, .end = end});
    return;
  }
  first->begin = std::min(first->begin, begin);
  first->end = std::max((last - 1)->end, end);
  pieces_.erase(first + 1, last);
}

bool Intervals::contains(std::uint64_t begin, std::uint64_t end) const noexcept {
  const auto after = std::ranges::upper_bound(pieces_, begin, {}, &Piece::begin);
  return begin >= end || (after != pieces_.begin() && (after - 1)->end >= end);
}

}  // namespace swarm
