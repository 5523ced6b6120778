#include "tcp/sack_report.hpp"

#include "base/contract.hpp"

namespace millrace::tcp {

void SackReport::on_arrival(const SackBlock& block) noexcept {
  base::expects(block.left.is_before(block.right));
  // RFC 2018 §4: first the block that holds the segment which triggers the ACK, then those reported
  // most recently. What has grown into it is part of it.
  SackBlocks others = blocks_;
  blocks_.clear();
  static_cast<void>(blocks_.push_back(block));
  for (const SackBlock& other : others) {
    const bool is_part =
        other.left.is_at_or_before(block.right) && other.right.is_at_or_after(block.left);
    if (!is_part && !blocks_.push_back(other)) {
      return;  // The one reported longest ago is forgotten.
    }
  }
}

void SackReport::on_advance(SeqNum rcv_nxt) noexcept {
  const SackBlocks before = blocks_;
  blocks_.clear();
  for (const SackBlock& block : before) {
    if (block.left.is_after(rcv_nxt)) {
      static_cast<void>(blocks_.push_back(block));
    }
  }
}

bool SackReport::ends_at(SeqNum seq) const noexcept {
  bool is_met = false;
  for (const SackBlock& block : blocks_) {
    if (block.right.is_after(seq)) {
      return false;
    }
    is_met = is_met || block.right == seq;
  }
  return is_met;
}

SackBlocks SackReport::compose(const std::optional<SackBlock>& duplicate,
                               std::size_t most) const noexcept {
  SackBlocks composed;
  if (duplicate) {
    static_cast<void>(composed.push_back(*duplicate));
  }
  for (const SackBlock& block : blocks_) {
    if (composed.size() >= most) {
      break;
    }
    static_cast<void>(composed.push_back(block));
  }
  return composed;
}

}  // namespace millrace::tcp
