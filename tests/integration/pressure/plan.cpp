// The numbers are those of SplitMix64: a counter that is mixed well, so that any position of a
// stream can be had at once.
#include "pressure/plan.hpp"

#include <chrono>

namespace pressure {
namespace {

using std::chrono::milliseconds;

std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

class Draw {
 public:
  explicit Draw(std::uint64_t seed) noexcept : state_{seed} {}

  /// From 0 to `limit` - 1.
  std::uint64_t below(std::uint64_t limit) noexcept { return mix(++state_) % limit; }
  /// Small numbers as often as large ones.
  std::uint64_t up_to_bits(std::uint64_t bits) noexcept {
    const std::uint64_t limit = std::uint64_t{1} << below(bits + 1);
    return below(limit);
  }

 private:
  std::uint64_t state_;
};

SidePlan draw_side(Draw& draw, std::uint64_t size_bits, std::uint64_t bytes_min) noexcept {
  SidePlan side;
  side.bytes = bytes_min + draw.up_to_bits(size_bits);
  side.piece_bytes = static_cast<std::uint32_t>(1 + draw.up_to_bits(14));
  if (side.bytes / side.piece_bytes > 2'000) {
    side.piece_bytes = 16'384;  // A million calls for one conversation test nothing more.
  }
  side.sending = {.at = draw.below(side.bytes + 1), .length = milliseconds{draw.up_to_bits(9)}};
  return side;
}

void draw_endings(Draw& draw, Plan& plan) noexcept {
  SidePlan& either = draw.below(2) == 0 ? plan.opener : plan.acceptor;
  const std::uint64_t kind = draw.below(20);
  if (kind < 5) {
    either.ending = Ending::LateClose;
  } else if (kind < 8) {
    either.ending = Ending::EarlyClose;
  } else if (kind < 11) {
    either.ending = Ending::Abort;
  }
}

}  // namespace

bool Plan::ends_in_order() const noexcept {
  const auto is_orderly = [](const SidePlan& side) {
    return side.ending == Ending::HalfClose || side.ending == Ending::LateClose;
  };
  return is_orderly(opener) && is_orderly(acceptor);
}

Plan plan_for(std::uint64_t seed, std::uint64_t conversation) noexcept {
  // Most conversations are short, so that opening and closing get their share.
  constexpr std::uint64_t kSizeBits = 20;
  Draw draw{mix(seed) ^ mix(conversation)};
  Plan plan;
  plan.opener = draw_side(draw, kSizeBits, kNumberBytes);
  plan.acceptor = draw_side(draw, kSizeBits, 0);
  // Where an end stops reading depends on what the other one sends.
  plan.opener.reading = {.at = draw.below(plan.acceptor.bytes + 1),
                         .length = milliseconds{draw.up_to_bits(10)}};
  plan.acceptor.reading = {.at = draw.below(plan.opener.bytes + 1),
                           .length = milliseconds{draw.up_to_bits(10)}};
  draw_endings(draw, plan);
  return plan;
}

Stream::Stream(std::uint64_t seed, std::uint64_t conversation, bool is_openers) noexcept
    : key_{mix(mix(seed) ^ mix(conversation * 2 + (is_openers ? 1 : 0)))},
      conversation_{conversation},
      has_number_{is_openers} {}

std::byte Stream::at(std::uint64_t position) const noexcept {
  if (has_number_ && position < kNumberBytes) {
    return static_cast<std::byte>(conversation_ >> (8U * (kNumberBytes - 1 - position)));
  }
  return static_cast<std::byte>(mix(key_ + position / 8) >> (8U * (position % 8)));
}

void Stream::copy(std::uint64_t position, std::span<std::byte> into) const noexcept {
  for (std::byte& byte : into) {
    byte = at(position++);
  }
}

std::size_t Stream::matching(std::uint64_t position,
                             std::span<const std::byte> bytes) const noexcept {
  std::size_t count = 0;
  while (count < bytes.size() && bytes[count] == at(position + count)) {
    ++count;
  }
  return count;
}

}  // namespace pressure
