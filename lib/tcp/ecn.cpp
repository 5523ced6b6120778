#include "tcp/ecn.hpp"

namespace millrace::tcp {

namespace {

// RFC 3168 §6.1.1: both flags make an ECN-setup SYN; ECE alone an ECN-setup SYN,ACK.
constexpr std::uint8_t kBoth = TcpFlags::kEce | TcpFlags::kCwr;

}  // namespace

std::uint8_t Ecn::syn_flags(EcnMode mode, bool is_repeated) noexcept {
  if ((mode == EcnMode::On || is_exact_) && !is_repeated) {
    has_asked_ = true;
    return kBoth;
  }
  has_sent_plain_ = true;
  return 0;
}

void Ecn::on_syn(const Segment& syn, EcnMode mode) noexcept {
  // A mark on a SYN, where no host sets one, means that something on the way rewrites them: no
  // mark could be believed. Bits that are reserved are not looked at, so a SYN that offers more
  // than RFC 3168 is answered as that RFC says.
  const bool is_setup = syn.flags.has(kBoth) && syn.ecn == wire::Ecn::NotCapable;
  if (!is_setup) {
    peer_has_sent_plain_ = true;
  } else if ((mode != EcnMode::Off || is_exact_) && !has_sent_plain_) {
    peer_has_asked_ = true;
  }
}

std::uint8_t Ecn::syn_ack_flags() noexcept {
  if (!peer_has_asked_ || peer_has_sent_plain_) {
    has_sent_plain_ = true;
    return 0;
  }
  has_asked_ = true;
  return TcpFlags::kEce;
}

void Ecn::on_syn_ack(const Segment& syn_ack) noexcept {
  // RFC 3168 §6.1.1: a host that only sends back what it got sets both, and has not understood.
  if (syn_ack.flags.ece() && !syn_ack.flags.cwr()) {
    peer_has_asked_ = true;
  } else {
    peer_has_sent_plain_ = true;
  }
}

bool Ecn::on_text(const Segment& segment, SeqNum rcv_nxt, std::uint32_t unacked) noexcept {
  if (!may_echo()) {
    return false;
  }
  if (is_exact_) {
    return on_text_exactly(segment.ecn == wire::Ecn::Congested, rcv_nxt, unacked);
  }
  // RFC 3168 §6.1.3: CWR ends the echo, unless its own segment was marked. A sender that has just
  // slowed down may have a window of one segment, and one that has not should hear of it soon.
  const bool is_marked = segment.ecn == wire::Ecn::Congested;
  const bool is_news = segment.flags.cwr() || (is_marked && !is_echoing_);
  if (segment.flags.cwr()) {
    is_echoing_ = false;
  }
  is_echoing_ = is_echoing_ || is_marked;
  return is_news;
}

bool Ecn::on_text_exactly(bool is_marked, SeqNum rcv_nxt, std::uint32_t unacked) noexcept {
  // RFC 8257 §3.2: an ACK speaks of octets that were all marked or all not; where that changes,
  // what has arrived before is acknowledged at once with what was true of it. CWR means nothing
  // here.
  const bool is_change = is_marked != is_echoing_;
  if (is_change && unacked > 0) {
    // Of two changes before anything could leave, one ACK tells: marked, if any of it was.
    is_owed_echo_ = is_echoing_ || (is_owed_ && is_owed_echo_);
    is_owed_ = true;
    owed_ = rcv_nxt;
  }
  is_echoing_ = is_marked;
  return is_change;
}

std::optional<Ecn::OwedAck> Ecn::take_owed_ack() noexcept {
  if (!is_owed_) {
    return std::nullopt;
  }
  is_owed_ = false;
  return OwedAck{.ack = owed_, .flags = is_owed_echo_ ? TcpFlags::kEce : std::uint8_t{0}};
}

bool Ecn::on_ack(TcpFlags flags, SeqNum ack) noexcept {
  if (is_reduced_ && ack.is_after(reduced_at_)) {
    is_reduced_ = false;
  }
  // RFC 3168 §6.1.2: once for each window of data.
  return is_echo(flags) && !is_reduced_;
}

void Ecn::on_reduction(SeqNum snd_nxt) noexcept {
  reduced_at_ = snd_nxt;
  is_reduced_ = true;
  // RFC 3168 §6.1.2: told to the peer whatever the reason was.
  is_cwr_due_ = may_mark();
}

std::uint8_t Ecn::take_new_data_flags() noexcept {
  const bool was_due = is_cwr_due_;
  is_cwr_due_ = false;
  return was_due ? TcpFlags::kCwr : std::uint8_t{0};
}

}  // namespace millrace::tcp
