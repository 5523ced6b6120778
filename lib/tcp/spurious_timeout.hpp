// SpuriousTimeout: whether the retransmission timer went off too early, told by what the next ACKs
// acknowledge (F-RTO, RFC 5682 §2 and, with selective acknowledgments, §3). What is done about it
// is decided elsewhere.
#pragma once

#include <cstdint>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

class SpuriousTimeout {
 public:
  enum class Verdict : std::uint8_t {
    Unknown,   ///< Send again what was lost, as ever.
    Waiting,   ///< Send new data alone: the answer will tell.
    Spurious,  ///< The timer was wrong: what it took for lost has arrived.
  };
  struct Ack {
    SeqNum snd_una{0};  ///< After it.
    bool advances = false;
    bool has_original = false;  ///< Something that has not left again since has arrived.
    bool has_new_data = false;  ///< There is something new to send, and the peer's window takes it.
  };

  /// The timer went off with everything before `snd_nxt` in flight; `may_ask` is false where a
  /// recovery was going on already.
  void on_timeout(SeqNum snd_nxt, bool may_ask) noexcept {
    step_ = may_ask ? Step::Retransmitted : Step::Off;
    sent_before_ = snd_nxt;
  }
  [[nodiscard]] Verdict on_ack(const Ack& ack) noexcept {
    if (step_ == Step::Off) {
      return Verdict::Unknown;
    }
    if (step_ == Step::NewData && ack.has_original) {
      // RFC 5682 §2.1, step 3b, and §3.1, step 3b: what left once only cannot have been lost.
      step_ = Step::Off;
      return Verdict::Spurious;
    }
    if (step_ == Step::Retransmitted && ack.advances && ack.snd_una.is_before(sent_before_) &&
        ack.has_new_data) {
      // Step 2b: new data, so that the answer cannot be to something sent twice.
      step_ = Step::NewData;
      return Verdict::Waiting;
    }
    // Steps 2a and 3a: a duplicate, or all at once.
    step_ = Step::Off;
    return Verdict::Unknown;
  }
  void forget() noexcept { step_ = Step::Off; }
  /// Only new data is to leave.
  [[nodiscard]] bool is_waiting() const noexcept { return step_ == Step::NewData; }

 private:
  enum class Step : std::uint8_t { Off, Retransmitted, NewData };

  SeqNum sent_before_{0};
  Step step_ = Step::Off;
};

}  // namespace millrace::tcp
