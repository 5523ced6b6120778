// The order of transmission among records of segments (RFC 8985 §6.1): sorting and merging lists
// that are linked by `newer` alone. Which records are in a list is decided elsewhere.
#pragma once

#include "tcp/sent_segment.hpp"

namespace millrace::tcp {

/// Merges two sorted lists, each of which may be empty. Returns the first record of the result.
[[nodiscard]] SentSegment* merge_by_transmission(SentSegment* left, SentSegment* right) noexcept;

/// Sorts a list, by as many comparisons as that takes in any order: n log n.
[[nodiscard]] SentSegment* sort_by_transmission(SentSegment* list) noexcept;

}  // namespace millrace::tcp
