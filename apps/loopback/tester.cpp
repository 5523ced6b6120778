// What does not arrive in its turn is known from the numbers that do; what nothing follows is known
// after a while.
#include "loopback/tester.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace loopback {

using millrace::packet::Burst;
using millrace::packet::Packet;

void Tester::send_through(Port& port, Generator generator, std::optional<ArpQuestion> question) {
  out_ = &port;
  generator_.emplace(std::move(generator));
  question_ = question;
}

bool Tester::take(std::span<const std::byte> frame) noexcept {
  if (question_) {
    if (const auto mac = question_->take(frame)) {
      generator_->maker().set_destination(*mac);
      if (verifier_) {
        verifier_->reader().set_source(*mac);
      }
      question_.reset();
      has_arrived_ = true;
      return true;
    }
  }
  const std::uint64_t before = verifier_ ? verifier_->accounted() : 0;
  const bool is_ours = verifier_ && verifier_->take(frame);
  // Repeated ones could come for ever; whoever waits for the rest does not wait for them.
  const bool counts = !is_stopping_ || (verifier_ && verifier_->accounted() != before);
  has_arrived_ = has_arrived_ || (is_ours && counts);
  return is_ours;
}

void Tester::note_foreign() noexcept {
  if (verifier_) {
    verifier_->note_foreign();
  }
}

bool Tester::turn(millrace::Instant now) noexcept {
  if (std::exchange(has_arrived_, false)) {
    last_arrival_ = now;
  }
  if (!generator_) {
    if (verifier_->has_ended()) {
      is_stopping_ = true;
    }
    return false;
  }
  if (question_) {
    return ask(now);
  }
  const bool has_sent = flush() && (is_stopping_ ? send_ends() : send_due(now));
  watch(now);
  return has_sent;
}

void Tester::stop() noexcept {
  if (!std::exchange(is_stopping_, true) && generator_ && !verifier_) {
    ends_left_ = kEndRounds * generator_->flows();
  }
}

bool Tester::is_over() const noexcept {
  return is_stopping_ && !has_unsent() && outstanding() == 0;
}

void Tester::write_off() noexcept {
  if (!generator_ || !verifier_) {
    return;
  }
  for (std::uint16_t flow = 0; flow < generator_->flows(); ++flow) {
    verifier_->expect(flow, generator_->sent_on(flow));
  }
}

Verification Tester::result() const noexcept {
  Verification result = verifier_ ? verifier_->result() : Verification{};
  result.sent = generator_ ? generator_->sent() : 0;
  return result;
}

std::uint64_t Tester::outstanding() const noexcept {
  if (!generator_ || !verifier_) {
    return 0;
  }
  // Somebody else's frames of another test may be counted, too.
  return generator_->sent() - std::min(generator_->sent(), verifier_->accounted());
}

/// How many more there may be: of the count, and on their way.
std::uint64_t Tester::wanted() const noexcept {
  const std::uint64_t left = setup_.count == 0 ? std::numeric_limits<std::uint64_t>::max()
                                               : setup_.count - generator_->sent();
  if (!verifier_) {
    return left;
  }
  const std::uint64_t on_the_way = outstanding();
  return std::min(left, setup_.in_flight - std::min<std::uint64_t>(on_the_way, setup_.in_flight));
}

bool Tester::ask(millrace::Instant now) {
  if (is_stopping_) {
    return false;
  }
  if (question_->has_given_up(now)) {
    problem_ = "nobody has answered ARP at the far end";
    is_stopping_ = true;
    return false;
  }
  question_->turn(now, *out_);
  return false;
}

/// False while there is something that the port does not take.
bool Tester::flush() noexcept {
  if (!waiting_.empty()) {
    out_->send(waiting_);
  }
  return waiting_.empty();
}

bool Tester::send_due(millrace::Instant now) noexcept {
  if (setup_.count != 0 && generator_->sent() == setup_.count) {
    stop();
    return false;
  }
  std::uint64_t due =
      pace_.allowed(now, std::min(wanted(), std::uint64_t{kBurstsPerTurn} * setup_.burst));
  std::uint64_t made = 0;
  for (bool goes_on = due > 0; goes_on && due > 0;) {
    while (waiting_.size() < setup_.burst && due > 0 && goes_on) {
      Packet packet = out_->allocate();
      goes_on = static_cast<bool>(packet);
      if (goes_on) {
        generator_->make(packet);
        waiting_.push_back(std::move(packet));
        --due;
        ++made;
      }
    }
    goes_on = flush() && goes_on;
  }
  pace_.note_sent(made);
  return made > 0;
}

/// For a receiver elsewhere: how many there were of each flow.
bool Tester::send_ends() noexcept {
  while (ends_left_ > 0 && waiting_.size() < setup_.burst) {
    Packet packet = out_->allocate();
    if (!packet) {
      break;
    }
    --ends_left_;
    generator_->make_end(packet, static_cast<std::uint16_t>(ends_left_ % generator_->flows()));
    waiting_.push_back(std::move(packet));
  }
  return !waiting_.empty() && flush();
}

void Tester::watch(millrace::Instant now) noexcept {
  if (outstanding() == 0) {
    last_arrival_ = now;
  } else if (now - last_arrival_ >= setup_.loss_timeout) {
    write_off();
    last_arrival_ = now;
  }
}

}  // namespace loopback
