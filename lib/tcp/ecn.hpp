// Ecn: explicit congestion notification of one connection (RFC 3168 §6.1): whether both ends agreed
// on it, what is echoed to the peer, and when the peer's echo counts. How far to slow down is
// decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/config.hpp>

#include "tcp/segment.hpp"

namespace millrace::tcp {

/// Twelve bytes: part of every control block.
class Ecn {
 public:
  /// From here on each ACK tells of what it acknowledges for the first time, and of nothing before
  /// (RFC 8257 §3.2), and a SYN asks for marks whatever the mode says.
  void set_exact(bool on) noexcept { is_exact_ = on; }

  // The handshake.
  /// Flags of our SYN. One that is sent again goes without (§6.1.1.1): a middlebox may have taken
  /// offence.
  [[nodiscard]] std::uint8_t syn_flags(EcnMode mode, bool is_repeated) noexcept;
  /// The peer's SYN, without ACK; also when it comes again.
  void on_syn(const Segment& syn, EcnMode mode) noexcept;
  /// Flags of our SYN,ACK.
  [[nodiscard]] std::uint8_t syn_ack_flags() noexcept;
  /// The peer's SYN,ACK.
  void on_syn_ack(const Segment& syn_ack) noexcept;

  // Receiving.
  /// An acceptable segment with text. `rcv_nxt` is what has arrived before it, of which `unacked`
  /// octets have not been acknowledged. True if its ACK should not be delayed.
  [[nodiscard]] bool on_text(const Segment& segment, SeqNum rcv_nxt,
                             std::uint32_t unacked) noexcept;
  /// An ACK that is to leave before any other, up to `ack`.
  struct OwedAck {
    SeqNum ack{0};
    std::uint8_t flags = 0;  ///< Instead of `ack_flags`.
  };
  [[nodiscard]] std::optional<OwedAck> take_owed_ack() noexcept;
  /// Neither such an ACK nor a flag of new data is due.
  [[nodiscard]] bool is_settled() const noexcept { return !is_owed_ && !is_cwr_due_; }
  /// That ACK, of octets up to `ack`, did not leave.
  void return_owed_ack(SeqNum ack, bool is_echo) noexcept {
    owed_ = ack;
    is_owed_ = true;
    is_owed_echo_ = is_echo;
  }
  /// What every ACK of ours says.
  [[nodiscard]] std::uint8_t ack_flags() const noexcept {
    return is_echoing_ ? TcpFlags::kEce : std::uint8_t{0};
  }

  // Sending.
  /// An acceptable ACK. True if the window is to be reduced because of it; say so with
  /// `on_reduction`.
  [[nodiscard]] bool on_ack(TcpFlags flags, SeqNum ack) noexcept;
  /// The ACK echoes a mark, whether or not it is the first of its round trip.
  [[nodiscard]] bool is_echo(TcpFlags flags) const noexcept {
    return may_mark() && flags.ece() && !flags.syn();
  }
  /// The window was reduced for any reason; until `snd_nxt` is acknowledged echoes are of the same
  /// congestion.
  void on_reduction(SeqNum snd_nxt) noexcept;
  /// Flags of a segment of new data.
  [[nodiscard]] std::uint8_t take_new_data_flags() noexcept;
  /// That segment did not leave.
  void return_new_data_flags() noexcept { is_cwr_due_ = true; }
  /// What its datagram says.
  [[nodiscard]] wire::Ecn new_data_mark() const noexcept {
    return may_mark() ? wire::Ecn::Capable0 : wire::Ecn::NotCapable;
  }

  /// The window was reduced within this round trip.
  [[nodiscard]] bool is_reduced() const noexcept { return may_mark() && is_reduced_; }
  /// Whether data of ours may be marked rather than dropped.
  [[nodiscard]] bool may_mark() const noexcept {
    return has_asked_ && peer_has_asked_ && !has_sent_plain_ && !peer_has_sent_plain_;
  }

 private:
  /// Whether marks of the peer's data are echoed.
  [[nodiscard]] bool may_echo() const noexcept {
    return has_asked_ && peer_has_asked_ && !peer_has_sent_plain_;
  }

  [[nodiscard]] bool on_text_exactly(bool is_marked, SeqNum rcv_nxt,
                                     std::uint32_t unacked) noexcept;

  SeqNum reduced_at_{0};
  SeqNum owed_{0};
  bool has_asked_ : 1 = false;  // A SYN, or SYN,ACK, of ours has offered it.
  bool has_sent_plain_ : 1 = false;
  bool peer_has_asked_ : 1 = false;
  bool peer_has_sent_plain_ : 1 = false;
  bool is_echoing_ : 1 = false;  // A mark has come, and no CWR since.
  bool is_cwr_due_ : 1 = false;
  bool is_reduced_ : 1 = false;  // For the round trip that ends at `reduced_at_`.
  bool is_exact_ : 1 = false;
  bool is_owed_ : 1 = false;       // An ACK up to `owed_`,
  bool is_owed_echo_ : 1 = false;  // with an echo.
};
static_assert(sizeof(Ecn) == 12);

}  // namespace millrace::tcp
