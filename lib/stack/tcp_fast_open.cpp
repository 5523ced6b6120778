// Fast Open on both sides: who is let in with the data of his SYN, and whose SYN carries data (RFC
// 7413 §4.2).
#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/tcp_core.hpp"

namespace millrace::stack {

using packet::Packet;

namespace {

constexpr std::size_t kInitialDataMax = 16 * 1024;

}  // namespace

Result<void> TcpCore::copy_initial(std::span<const std::byte> data, InitialData& into) noexcept {
  if (data.size() > kInitialDataMax) {
    return fail(Error::InvalidArgument);
  }
  while (!data.empty()) {
    Packet packet = pools_.data.allocate();
    if (!packet) {
      return fail(Error::OutOfPackets);
    }
    const std::size_t bytes = std::min<std::size_t>(data.size(), packet.tailroom());
    std::memcpy(packet.append(static_cast<std::uint16_t>(bytes)).data(), data.data(), bytes);
    data = data.subspan(bytes);
    if (!into.push_back(std::move(packet))) {
      return fail(Error::InvalidArgument);
    }
  }
  return {};
}

bool TcpCore::queue_initial(Instant now, ConnectionSlot& slot, InitialData& data) noexcept {
  const bool is_queued = std::ranges::all_of(data, [&](Packet& packet) {
    return slot.connection.append(resources_, now, packet).has_value();
  });
  if (!is_queued) {
    // Nobody has heard of it yet.
    slot.connection.release(resources_);
    leave_demux(slot);
    connections_.erase(connections_.index_of(slot));
  }
  return is_queued;
}

void TcpCore::offer_fast_open(Instant now, ConnectionSlot& slot) noexcept {
  const tcp::FastOpenPeer* const peer =
      fast_open_cache_.find(slot.connection.tuple().remote.address, now);
  if (peer != nullptr) {
    slot.offers_fast_open = true;
    slot.asks_fast_open = peer->cookie.empty();
    slot.is_fast_open_experimental = peer->is_experimental;
    slot.connection.offer_fast_open(peer->cookie, peer->mss);
  }
}

std::optional<std::array<std::uint8_t, 16>> TcpCore::fast_open_key_of(
    const ConnectionSlot& slot) noexcept {
  const tcp::Listener* const listener = listeners_.find(slot.listener);
  return listener == nullptr ? std::nullopt : listener->fast_open_key();
}

void TcpCore::shape_as_experiment(wire::TcpOptions& options) noexcept {
  constexpr std::size_t kRoomBesideUserTimeout = 12;
  options.fast_open_is_experimental = true;
  if (options.fast_open->size() > kRoomBesideUserTimeout) {
    // Its number takes two octets, and the next segments say the timeout again.
    options.user_timeout.reset();
  }
}

std::uint32_t TcpCore::fast_open_room(const IpAddress& peer, Instant now) noexcept {
  constexpr std::uint32_t kMssDefault = 536;  // RFC 9293 §3.7.1, MUST-15.
  const tcp::FastOpenPeer* const known = fast_open_cache_.find(peer, now);
  if (known == nullptr || known->cookie.empty()) {
    return 0;
  }
  return std::max<std::uint32_t>(known->mss, kMssDefault) - std::uint32_t{wire::kTcpOptionsSizeMax};
}

void TcpCore::learn_fast_open(Instant now, const ConnectionSlot& slot,
                              const Arrival& answer) noexcept {
  const IpAddress& peer = answer.tuple.remote.address;
  const wire::TcpOptions& options = answer.segment.options;
  switch (slot.connection.fast_open_outcome()) {
    case tcp::FastOpenOutcome::None: break;
    case tcp::FastOpenOutcome::Taken:
      ++stats_.tcp_fast_opens_out;
      fast_open_cache_.on_success(peer);
      break;
    case tcp::FastOpenOutcome::Lost:
      ++stats_.tcp_fast_opens_lost;
      fast_open_cache_.on_failure(peer, now);
      break;
    case tcp::FastOpenOutcome::Refused: fast_open_cache_.on_refusal(peer, now); return;
  }
  // As Linux: what nobody has asked for is no cookie.
  if (!answer.segment.flags.syn() || !slot.offers_fast_open) {
    return;
  }
  if (options.fast_open && !options.fast_open->empty()) {
    fast_open_cache_.learn(peer,
                           {.cookie = *options.fast_open,
                            .mss = options.mss.value_or(0),
                            .is_experimental = options.fast_open_is_experimental},
                           now);
  } else if (slot.asks_fast_open &&
             slot.connection.fast_open_outcome() == tcp::FastOpenOutcome::None) {
    fast_open_cache_.on_no_cookie(peer, now);
  }
}

bool TcpCore::has_fast_open_leave(Instant now, ConnectionSlot& slot, const Arrival& syn,
                                  bool has_data) noexcept {
  const tcp::Listener& listener = *listeners_.find(slot.listener);
  const auto& offered = syn.segment.options.fast_open;
  if (!(has_data || offered) || !listener.may_fast_open(now)) {
    // As Linux: nor are cookies given away where none could be used.
    return false;
  }
  if (listener.needs_no_cookie()) {
    return true;
  }
  if (!offered) {
    return false;
  }
  const auto verdict = offered->empty() ? tcp::FastOpenVerdict::Wrong
                                        : fast_open_cookies_.check(syn.tuple, *offered, now,
                                                                   listener.fast_open_key());
  slot.grants_fast_open = verdict != tcp::FastOpenVerdict::Good;
  slot.is_fast_open_experimental = syn.segment.options.fast_open_is_experimental;
  return verdict != tcp::FastOpenVerdict::Wrong;
}

void TcpCore::try_fast_open(Instant now, ConnectionSlot& slot, const Arrival& syn,
                            Packet payload) noexcept {
  tcp::Listener& listener = *listeners_.find(slot.listener);
  if (!listener.has_fast_open()) {
    return;
  }
  const bool has_data = payload && payload.size() > 0;
  if (!has_fast_open_leave(now, slot, syn, has_data) ||
      !slot.connection.accept_early(resources_, now, std::move(payload))) {
    const auto& cookie = syn.segment.options.fast_open;
    stats_.tcp_fast_opens_refused += cookie && !cookie->empty() ? 1 : 0;
    return;
  }
  ++stats_.tcp_fast_opens_in;
  listener.on_half_open_gone();
  listener.on_established();
  listener.on_early();
  slot.phase = Phase::Waiting;
  slot.is_early = true;
}

void TcpCore::note_early(ConnectionSlot& slot) noexcept {
  const TcpState state = slot.connection.state();
  if (!slot.is_early || state == TcpState::SynReceived) {
    return;
  }
  slot.is_early = false;
  if (tcp::Listener* const listener = listeners_.find(slot.listener)) {
    listener->on_early_gone();
    // Not one that we have given up, or the application: that costs nobody but us.
    const Result<void> outcome = slot.connection.outcome();
    if (state == TcpState::Closed && !outcome && outcome.error() == Error::ConnectionReset) {
      listener->on_early_reset(now_);
    }
  }
}

}  // namespace millrace::stack
