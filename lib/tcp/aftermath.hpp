// Aftermath: what answers may still say of a flight that has been acknowledged, kept while nothing
// is in flight: whether a tail-loss probe has mended a loss (RFC 8985 §7.4.2), or whether what was
// sent again was so for nothing (RFC 3708). What follows from an answer is decided elsewhere.
#pragma once

#include <cstdint>

#include "tcp/loss_recovery.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

/// Twelve bytes: part of every control block. One question at a time; that of a probe comes first,
/// because it is about congestion.
class Aftermath {
 public:
  /// What a report of a duplicate was about.
  enum class Report : std::uint8_t {
    Other,     ///< Something else, or not all of it yet.
    Probe,     ///< The probe: nothing had been lost.
    Recovery,  ///< With it all of a recovery's retransmissions have arrived twice,
    Timeout,   ///< or of a timeout's.
  };

  /// All up to `snd_una` is acknowledged, and `recovery` is about to go.
  void keep(const LossRecovery& recovery, SeqNum snd_una) noexcept {
    const TailProbe& probe = recovery.probe;
    const Undo& undo = recovery.undo;
    *this = Aftermath{};
    if (probe.is_out() && probe.end() == snd_una) {
      question_ = Report::Probe;
      from_ = snd_una - probe.flight();
      to_ = snd_una;
    } else if (undo.is_waiting()) {
      question_ = undo.is_timeout() ? Report::Timeout : Report::Recovery;
      from_ = undo.from();
      to_ = undo.to();
      unaccounted_ = undo.unaccounted();
    }
  }
  /// Something is to be sent, or has arrived: `recovery` is new, and takes over.
  void hand_over(LossRecovery& recovery) noexcept {
    if (question_ == Report::Probe) {
      recovery.probe.on_sent(to_, true, static_cast<std::uint32_t>(to_ - from_));
    } else if (question_ != Report::Other) {
      recovery.undo.resume(from_, to_, unaccounted_, question_ == Report::Timeout);
    }
    forget();
  }

  /// RFC 2883: `block` has arrived twice.
  [[nodiscard]] Report on_duplicate_report(const wire::SackBlock& block,
                                           std::uint32_t mss) noexcept {
    const Report question = question_;
    if (question == Report::Probe && block.right == to_) {
      forget();
      return question;
    }
    if (question != Report::Recovery && question != Report::Timeout) {
      return Report::Other;
    }
    Undo undo;
    undo.resume(from_, to_, unaccounted_, question == Report::Timeout);
    undo.on_duplicate_report(block, mss);
    unaccounted_ = undo.unaccounted();
    if (!undo.is_all_duplicate()) {
      return Report::Other;
    }
    forget();
    return question;
  }
  /// RFC 8985 §7.4.2: an ACK without data or news; of segment and probe both have arrived.
  void on_repeated_ack() noexcept {
    question_ = question_ == Report::Probe ? Report::Other : question_;
  }
  /// The window has moved for another reason, so that there is nothing to take back any more.
  void on_reduction() noexcept {
    question_ = question_ == Report::Probe ? question_ : Report::Other;
  }

 private:
  void forget() noexcept { question_ = Report::Other; }

  SeqNum from_{0};  // The flight in question: [from_, to_).
  SeqNum to_{0};
  std::uint16_t unaccounted_ = 0;
  Report question_ = Report::Other;
};
static_assert(sizeof(Aftermath) == 12);

}  // namespace millrace::tcp
