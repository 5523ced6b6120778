// SackReport: which selective acknowledgments the next ACKs carry: the receiver's half of RFC 2018,
// with RFC 2883's reports of what arrived twice. What is held, and what arrives, is others' to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/fixed_vector.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::SackBlock;
using wire::SeqNum;

using SackBlocks = base::FixedVector<SackBlock, wire::kSackBlocksMax>;

/// RFC 7323 appendix A: timestamps leave room for three of the four.
[[nodiscard]] constexpr std::size_t sack_blocks_max(bool has_timestamps) noexcept {
  return has_timestamps ? wire::kSackBlocksMax - 1 : wire::kSackBlocksMax;
}

/// Bytes of the option with its padding.
[[nodiscard]] constexpr std::uint16_t sack_option_bytes(std::size_t blocks) noexcept {
  return static_cast<std::uint16_t>(blocks == 0 ? 0 : 4 + 8 * blocks);
}

/// The blocks reported last, the newest first. Each is all that is held contiguously around some
/// segment, so that none overlaps or touches another.
class SackReport {
 public:
  /// A segment has arrived, and `block` is everything that is held contiguously around it now.
  void on_arrival(const SackBlock& block) noexcept;
  /// Everything before `rcv_nxt` is acknowledged cumulatively.
  void on_advance(SeqNum rcv_nxt) noexcept;
  /// Nothing is held ahead of a hole any more.
  void clear() noexcept { blocks_.clear(); }

  /// RFC 2018 §4 and RFC 2883 §4: the duplicate, if there is one to report, then the newest blocks,
  /// `most` in all.
  [[nodiscard]] SackBlocks compose(const std::optional<SackBlock>& duplicate,
                                   std::size_t most) const noexcept;
  /// There are blocks, and the rightmost of them ends there.
  [[nodiscard]] bool ends_at(SeqNum seq) const noexcept;
  [[nodiscard]] const SackBlocks& blocks() const noexcept { return blocks_; }

 private:
  SackBlocks blocks_;
};

}  // namespace millrace::tcp
