// What a receiver must report, octet by octet: the model that scripts of selective acknowledgments
// are held against. It shares no code with the library.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/tcp_script.hpp"

namespace millrace::test {

/// Positions are those of scripts: the first octet is 1.
class SackModel {
 public:
  explicit SackModel(std::uint32_t octets, std::size_t blocks_max)
      : has_(octets + 2, false), blocks_max_{blocks_max} {
    has_[0] = true;
  }

  /// A segment [left, right) arrives.
  void arrive(std::uint32_t left, std::uint32_t right) {
    duplicate_ = first_run(left, right, true);
    const bool is_in_order = left <= rcv_nxt();
    // Ahead of the hole, what came first stays, and only the first gap of a newcomer's is filled.
    const auto kept = is_in_order ? Range{left, right} : first_run(left, right, false);
    for (std::uint32_t at = kept.left; at < kept.right; ++at) {
      has_[at] = true;
    }
    // Newest first.
    arrivals_.insert(arrivals_.begin(), left);
  }

  [[nodiscard]] std::uint32_t rcv_nxt() const {
    return static_cast<std::uint32_t>(std::ranges::find(has_, false) - has_.begin());
  }
  /// Octets that wait ahead of a hole.
  [[nodiscard]] bool has_holes() const {
    return std::find(has_.begin() + rcv_nxt(), has_.end(), true) != has_.end();
  }
  /// RFC 2883 §4 and RFC 2018 §4: the duplicate, then what is held around the newest arrivals.
  [[nodiscard]] Blocks blocks() const {
    Blocks all;
    if (duplicate_.left < duplicate_.right) {
      all.emplace_back(duplicate_.left, duplicate_.right);
    }
    Blocks listed;
    for (const std::uint32_t at : arrivals_) {
      if (at <= rcv_nxt() || !has_[at]) {
        continue;
      }
      const std::pair run{run_start(at), run_end(at)};
      if (std::ranges::find(listed, run) == listed.end()) {
        listed.push_back(run);
      }
    }
    all.insert(all.end(), listed.begin(), listed.end());
    all.resize(std::min(all.size(), blocks_max_));
    return all;
  }
  [[nodiscard]] bool reports_duplicate() const { return duplicate_.left < duplicate_.right; }

 private:
  struct Range {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
  };

  [[nodiscard]] Range first_run(std::uint32_t left, std::uint32_t right, bool is_held) const {
    const auto at = [&](std::uint32_t position) { return has_.begin() + position; };
    const auto first = std::find(at(left), at(right), is_held);
    const auto last = std::find(first, at(right), !is_held);
    return {static_cast<std::uint32_t>(first - has_.begin()),
            static_cast<std::uint32_t>(last - has_.begin())};
  }
  [[nodiscard]] std::uint32_t run_start(std::uint32_t at) const {
    while (has_[at - 1]) {
      --at;
    }
    return at;
  }
  [[nodiscard]] std::uint32_t run_end(std::uint32_t at) const {
    while (has_[at]) {
      ++at;
    }
    return at;
  }

  std::vector<bool> has_;
  std::size_t blocks_max_;
  std::vector<std::uint32_t> arrivals_;
  Range duplicate_;
};

}  // namespace millrace::test
