// Reading and writing take turns within `pump`; whatever the other end may do is measured against
// its plan.
#include "pressure/player.hpp"

#include <algorithm>
#include <chrono>

namespace pressure {

using millrace::Instant;

namespace {

// A reset is sent once and may be lost: who waits for the other end would then wait for ever.
constexpr auto kPatience = std::chrono::seconds{5};
// Before the number has come nobody knows whether that may be: it must not be a slow machine.
constexpr auto kPatienceWithoutNumber = std::chrono::seconds{40};
// Losses cost time, but an orderly conversation must come to its end.
constexpr auto kLongest = std::chrono::seconds{120};

}  // namespace

Player::Player(Ledger& ledger, std::uint64_t seed, std::uint64_t conversation, Instant now)
    : ledger_{ledger}, seed_{seed}, is_opener_{true}, began_at_{now}, progress_at_{now} {
  ++ledger_.opened;
  learn(conversation);
}

Player::Player(Ledger& ledger, std::uint64_t seed, Instant now)
    : ledger_{ledger},
      seed_{seed},
      is_opener_{false},
      began_at_{now},
      progress_at_{now},
      // It may have been aborted at once, and all that would tell of it lost.
      next_wake_{now + kPatienceWithoutNumber} {
  ++ledger_.accepted;
}

void Player::learn(std::uint64_t number) {
  const Plan plan = plan_for(seed_, number);
  conversation_.emplace(Conversation{.number = number,
                                     .plan = plan,
                                     .mine = is_opener_ ? plan.opener : plan.acceptor,
                                     .theirs = is_opener_ ? plan.acceptor : plan.opener,
                                     .outgoing = Stream{seed_, number, is_opener_},
                                     .incoming = Stream{seed_, number, !is_opener_}});
}

void Player::pump(Wire& wire, Instant now) {
  next_wake_ = Instant::max();
  if (is_ended_by_us_) {
    return;
  }
  if (conversation_ || read_number(wire)) {
    read(wire, now);
    write(wire, now);
    end_if_due(wire);
  }
  watch(wire, now);
}

bool Player::read_number(Wire& wire) {
  while (received_ < kNumberBytes) {
    const std::size_t got = wire.receive(std::span{number_}.subspan(received_));
    if (got == 0) {
      return false;
    }
    received_ += got;
  }
  std::uint64_t number = 0;
  for (const std::byte byte : number_) {
    number = number << 8U | std::to_integer<std::uint64_t>(byte);
  }
  ledger_.bytes_in += kNumberBytes;
  learn(number);
  return true;
}

void Player::read(Wire& wire, Instant now) {
  std::array<std::byte, kBufferBytes> buffer;
  const SidePlan& mine = conversation_->mine;
  while (true) {
    if (!has_paused_reading_ && received_ >= mine.reading.at) {
      has_paused_reading_ = true;
      read_from_ = now + mine.reading.length;
    }
    if (now < read_from_) {
      wake_at(read_from_);
      return;
    }
    const std::uint64_t until_pause =
        has_paused_reading_ ? buffer.size() : mine.reading.at - received_;
    const std::size_t wanted =
        std::min<std::uint64_t>({buffer.size(), until_pause, mine.piece_bytes});
    const std::size_t got = wire.receive(std::span{buffer}.first(wanted));
    if (got == 0) {
      return;
    }
    if (conversation_->incoming.matching(received_, std::span{buffer}.first(got)) != got) {
      violate("a byte is not what was sent", now);
    }
    received_ += got;
    ledger_.bytes_in += got;
    progress_at_ = now;
    if (received_ > conversation_->theirs.bytes) {
      violate("more arrived than was sent", now);
    }
  }
}

void Player::write(Wire& wire, Instant now) {
  std::array<std::byte, kBufferBytes> buffer;
  const SidePlan& mine = conversation_->mine;
  while (sent_ < mine.bytes) {
    if (!has_paused_sending_ && sent_ >= mine.sending.at) {
      has_paused_sending_ = true;
      send_from_ = now + mine.sending.length;
    }
    if (now < send_from_) {
      wake_at(send_from_);
      return;
    }
    const std::uint64_t until_pause = has_paused_sending_ ? buffer.size() : mine.sending.at - sent_;
    const std::size_t size =
        std::min<std::uint64_t>({buffer.size(), until_pause, mine.piece_bytes, mine.bytes - sent_});
    const auto piece = std::span{buffer}.first(size);
    conversation_->outgoing.copy(sent_, piece);
    const std::size_t taken = wire.send(piece);
    sent_ += taken;
    ledger_.bytes_out += taken;
    if (taken > 0) {
      progress_at_ = now;
    }
    if (taken < size) {
      return;
    }
  }
}

void Player::end_if_due(Wire& wire) {
  if (sent_ < conversation_->mine.bytes) {
    return;
  }
  switch (conversation_->mine.ending) {
    case Ending::HalfClose:
      if (!finished_sending_) {
        finished_sending_ = true;
        wire.finish_sending();
      }
      is_ended_by_us_ = peer_finished_;
      break;
    case Ending::LateClose: is_ended_by_us_ = peer_finished_; break;
    case Ending::EarlyClose: is_ended_by_us_ = true; break;
    case Ending::Abort:
      is_ended_by_us_ = true;
      wire.abort();
      return;
  }
  if (is_ended_by_us_) {
    wire.close();
  }
}

void Player::watch(Wire& wire, Instant now) {
  if (is_ended_by_us_) {
    return;
  }
  const bool may_be_cut = conversation_ && !conversation_->plan.ends_in_order();
  // Whoever does not say which conversation it is may have aborted it at once.
  const bool may_give_up = may_be_cut || !conversation_;
  const auto patience = conversation_ ? kPatience : kPatienceWithoutNumber;
  const Instant limit = may_give_up ? std::max({progress_at_, read_from_, send_from_}) + patience
                                    : began_at_ + kLongest;
  if (now < limit) {
    wake_at(limit);
    return;
  }
  if (may_give_up) {
    gave_up_ = true;
    ++ledger_.given_up;
  } else {
    violate("is stuck", now);
  }
  is_ended_by_us_ = true;
  wire.abort();
}

void Player::on_peer_finished(Wire& wire, Instant now) {
  peer_finished_ = true;
  progress_at_ = now;
  if (conversation_ && received_ != conversation_->theirs.bytes) {
    violate("the stream ended early", now);
  }
  pump(wire, now);
}

void Player::on_closed(std::string_view failure, Instant now) {
  if (!conversation_ || !conversation_->plan.ends_in_order()) {
    ledger_.cut += gave_up_ ? 0 : 1;
    return;
  }
  const bool is_whole = sent_ == conversation_->mine.bytes && peer_finished_ &&
                        received_ == conversation_->theirs.bytes;
  if (failure.empty() && is_whole) {
    ++ledger_.complete;
  } else if (!gave_up_) {
    violate(failure.empty() ? "closed before its end" : failure, now);
  }
}

void Player::wake_at(Instant when) noexcept { next_wake_ = std::min(next_wake_, when); }

void Player::violate(std::string_view what, Instant now) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - began_at_);
  ledger_.violate(conversation_ ? conversation_->number : 0,
                  std::string{what} + (is_opener_ ? " (opener, " : " (acceptor, ") +
                      std::to_string(sent_) + " sent, " + std::to_string(received_) +
                      " received, " + std::to_string(age.count()) + " s old)");
}

}  // namespace pressure
