// PathMtu: how large the segments of one connection may be: what both hosts take, what routers have
// said (RFC 1191), and what a search of our own has found (RFC 4821). Cutting segments, and knowing
// which were lost, is left to others. Sizes are bytes of payload.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/config.hpp>
#include <millrace/time.hpp>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// IPv4 and TCP without options.
inline constexpr std::uint32_t kPathHeaderBytes = 40;

/// The MTU that a "fragmentation needed" claims, or, where an old router gives none, the next
/// plateau below the datagram it quotes (RFC 1191 §5 and §7); never below `least`. Empty if that is
/// not less than the datagram, which therefore would have passed.
[[nodiscard]] std::optional<std::uint16_t> claimed_mtu(std::uint32_t next_hop_mtu,
                                                       std::uint16_t datagram_bytes,
                                                       std::uint32_t least) noexcept;

/// Part of every control block.
class PathMtu {
 public:
  /// What a sender must have, in bytes, for a probe whose loss is noticed without a timeout.
  struct Supply {
    std::uint32_t unsent = 0;
    std::uint32_t window = 0;  ///< That the peer still allows.
    std::uint32_t in_network = 0;
    std::uint32_t cwnd = 0;
  };

  /// `path` is what routers leave of a segment without options.
  explicit PathMtu(std::uint16_t path = kUnknown) noexcept : path_{path} {}

  /// Both hosts take no more than `ceiling` in a segment without options, and every segment carries
  /// `options_bytes` of these. Only from here on does `mss` mean anything.
  void start(Instant now, std::uint16_t ceiling, std::uint8_t options_bytes,
             const TcpConfig& config) noexcept;
  [[nodiscard]] bool is_started() const noexcept { return ceiling_ != 0; }
  /// The largest segment to send, probes aside.
  [[nodiscard]] std::uint16_t mss() const noexcept;

  /// What hosts and routers leave, whatever a search has found.
  [[nodiscard]] std::uint16_t most() const noexcept;

  /// What routers leave of a segment without options. Before `start`, too.
  [[nodiscard]] std::uint16_t path() const noexcept { return path_; }
  /// What routers leave of a segment without options; `kUnknown` once that is forgotten. True if it
  /// is less than before.
  bool set_path(std::uint16_t path) noexcept;

  /// A segment of `bytes` has timed out for the `count`th time. True if `mss` is smaller now.
  [[nodiscard]] bool on_timeout(Instant now, std::uint32_t count, std::uint32_t bytes,
                                const TcpConfig& config) noexcept;

  /// Whether there is something to probe, if it can be afforded.
  [[nodiscard]] bool wants_probe(Instant now, const TcpConfig& config) const noexcept {
    return is_searching_ && probe_ == 0 && (has_more_to_find() || is_search_over(now, config));
  }
  /// The size of a probe that is due.
  [[nodiscard]] std::optional<std::uint16_t> next_probe(Instant now, const Supply& supply,
                                                        const TcpConfig& config) noexcept;
  void on_probe_sent(SeqNum seq, std::uint16_t bytes) noexcept;
  /// True if a probe has arrived, and `mss` is larger now.
  [[nodiscard]] bool on_ack(SeqNum ack) noexcept;
  /// Duplicate ACKs say that what starts at `seq` was lost. True if that was the probe.
  [[nodiscard]] bool on_loss(SeqNum seq) noexcept;
  /// Something is sent again: a probe in flight can no longer tell anything.
  void on_retransmission() noexcept { probe_ = 0; }

  /// No limit by routers.
  static constexpr std::uint16_t kUnknown = 0xffff;

 private:
  void search_from(Instant now, std::uint16_t low) noexcept;
  [[nodiscard]] bool has_more_to_find() const noexcept;
  /// It has found what there was, and that long ago that it is begun anew.
  [[nodiscard]] bool is_search_over(Instant now, const TcpConfig& config) const noexcept;

  std::uint16_t ceiling_ = 0;
  std::uint16_t path_;
  std::uint16_t low_ = 0;    // Arrives.
  std::uint16_t high_ = 0;   // May arrive: while they differ there is something to find.
  std::uint16_t probe_ = 0;  // Of the probe in flight; zero: there is none.
  bool is_searching_ = false;
  std::uint8_t options_bytes_ = 0;
  SeqNum probe_seq_{0};
  std::uint32_t searched_at_s_ = 0;  // When the search began; it wraps around after 136 years.
};
static_assert(sizeof(PathMtu) <= 20);

}  // namespace millrace::tcp
