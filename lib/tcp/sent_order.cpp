#include "tcp/sent_order.hpp"

#include <array>
#include <cstddef>

namespace millrace::tcp {

SentSegment* merge_by_transmission(SentSegment* left, SentSegment* right) noexcept {
  SentSegment* first = nullptr;
  SentSegment** last = &first;
  while (left != nullptr && right != nullptr) {
    const bool is_right = is_sent_after(left->sent_at, left->end(), right->sent_at, right->end());
    SentSegment*& from = is_right ? right : left;
    *last = from;
    last = &from->newer;
    from = from->newer;
  }
  *last = left != nullptr ? left : right;
  return first;
}

SentSegment* sort_by_transmission(SentSegment* list) noexcept {
  // Sorted runs of one, two, four records and so on, as many as a count of 32 bits needs; each
  // record is merged about as often as there are lengths.
  std::array<SentSegment*, 32> runs{};
  while (list != nullptr) {
    SentSegment* run = list;
    list = list->newer;
    run->newer = nullptr;
    std::size_t i = 0;
    for (; runs[i] != nullptr && i + 1 < runs.size(); ++i) {
      run = merge_by_transmission(runs[i], run);
      runs[i] = nullptr;
    }
    runs[i] = merge_by_transmission(runs[i], run);
  }
  SentSegment* sorted = nullptr;
  for (SentSegment* const run : runs) {
    sorted = merge_by_transmission(run, sorted);
  }
  return sorted;
}

}  // namespace millrace::tcp
