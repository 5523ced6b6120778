// Scoreboard: what the peer's selective acknowledgments say of what is in flight (RFC 2018 §5, RFC
// 2883): which blocks can be true, which one reports a duplicate, and which records they cover.
// When something counts as lost is decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/fixed_vector.hpp"
#include "tcp/delivery_log.hpp"
#include "tcp/sent_segments.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::SackBlock;

/// The blocks of one ACK, sorted out.
struct SackNews {
  base::FixedVector<SackBlock, wire::kSackBlocksMax> blocks;  ///< Of what is in flight.
  std::optional<SackBlock> duplicate;  ///< RFC 2883 §4: this arrived more than once.
  std::uint32_t bad_blocks = 0;        ///< Neither: empty, reversed, or of what is not in flight.
};

/// `ack` is the cumulative acknowledgment that came with `blocks`; in flight is [`snd_una`,
/// `snd_nxt`), and nothing more than `window_max` before it can still be meant.
[[nodiscard]] SackNews read_sack(std::span<const SackBlock> blocks, SeqNum ack, SeqNum snd_una,
                                 SeqNum snd_nxt, std::uint32_t window_max) noexcept;

/// Notes at the records that a block covers whole that they have arrived. It remembers how far it
/// came with each block, so that repeated and growing ones cost little. What it does not get to
/// stays unknown, which is safe.
///
/// Per call it looks at no more than `kStepsMax` records. And what it looks at in vain is limited
/// over time, or a peer could have thousands walked over with each of its small ACKs: a call earns
/// `kCreditPerCall` steps, and up to `kStepsMax` can be saved. News is free, since each record is
/// news once.
class Scoreboard {
 public:
  static constexpr std::uint32_t kStepsMax = 4'096;
  static constexpr std::uint32_t kCreditPerCall = 64;

  /// Returns how many octets are newly known to have arrived.
  std::uint32_t mark(SentSegments& sent, std::span<const SackBlock> blocks,
                     DeliveryLog& log) noexcept;
  /// What was marked is so no longer.
  void forget_places() noexcept { places_.clear(); }
  /// Records before `snd_una` were taken out: places there are no longer known.
  void on_ack(SeqNum snd_una) noexcept;

 private:
  struct Place {
    SackBlock block;
    SentSegment* from;  // Every record before it is done, as far as the block covers it.
    SeqNum seq{0};      // Where `from` starts.
  };

  [[nodiscard]] SentSegment* start_for(SentSegments& sent, const SackBlock& block) const noexcept;

  base::FixedVector<Place, wire::kSackBlocksMax> places_;
  std::uint32_t credit_ = kStepsMax;
};

}  // namespace millrace::tcp
