// Opening and closing, and what follows when anything was done to a connection.
#include "stack/tcp_core.hpp"

#include <algorithm>
#include <array>

#include "base/contract.hpp"
#include "tcp/defer_accept.hpp"
#include "tcp/tuning_limits.hpp"

namespace millrace::stack {

namespace {

base::KeyedHash make_hash(base::Random& random) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return base::KeyedHash{key};
}

// Receive descriptors, a transmit burst and control traffic keep a quarter of the pool (decision
// 5).
// Of that, an eighth is kept for requests and short answers.
packet::PacketBudget queue_budget(const packet::CorePools& pools) {
  constexpr std::uint64_t kChargePerPacket = packet::PacketPool::kHeadroomBytes +
                                             packet::CorePools::kDataRoomBytes +
                                             packet::Packet::kOverheadBytes;
  static_assert(kChargePerPacket == packet::PacketBudget::kPacketCharge);
  const std::uint64_t limit = std::uint64_t{pools.data.capacity()} * 3 / 4 * kChargePerPacket;
  return packet::PacketBudget{limit, limit / 8};
}

}  // namespace

TcpCore::TcpCore(const Config& config, packet::CorePools& pools, net::Ipv4Output& output,
                 std::span<const net::Interface> interfaces, CoreStats& stats, base::Random& random,
                 Instant now)
    : config_{config},
      pools_{pools},
      output_{output},
      interfaces_{interfaces},
      stats_{stats},
      random_{random},
      frames_{pools},
      plain_frames_{pools},
      budget_{queue_budget(pools)},
      active_blocks_{config.max_active_blocks == 0 ? config.max_connections
                                                   : config.max_active_blocks},
      sent_segments_{pools.data.capacity()},
      challenge_acks_{config.tcp.challenge_acks_per_second, random},
      tunings_{config.max_connections + 1},  // One for answers with cookies.
      bbr_models_{std::max(config.tcp.bbr_connections, 1U), random.next_u32()},
      resources_{config.tcp,     active_blocks_,
                 sent_segments_, budget_,
                 stats,          challenge_acks_,
                 tunings_,       config.tcp.bbr_connections == 0 ? nullptr : &bbr_models_},
      connections_{config.max_connections},
      listeners_{config.max_listeners},
      listening_{config.max_listeners},
      time_wait_{config.max_time_wait, 2 * config.tcp.msl},
      path_mtus_{config.max_path_mtus, config.tcp.path_mtu_lifetime, make_hash(random)},
      demux_{config.max_connections + config.max_time_wait, make_hash(random)},
      isns_{make_hash(random)},
      cookies_{make_hash(random)},
      fast_open_cookies_{config.tcp.fast_open_key, config.tcp.fast_open_key_lifetime, random, now},
      fast_open_cache_{config.tcp.fast_open_destinations, config.tcp.fast_open_pause,
                       make_hash(random)},
      ports_{{.first = config.tcp.local_port_first, .last = config.tcp.local_port_last},
             make_hash(random),
             random},
      timestamp_offsets_{make_hash(random)},
      timers_{now},
      pacing_{now},
      now_{now} {}

TcpCore::~TcpCore() {
  connections_.for_each([this](ConnectionSlot& slot) { slot.connection.release(resources_); });
}

Result<base::SlotHandle> TcpCore::listen(const ListenOptions& options,
                                         TcpHandler& handler) noexcept {
  if (is_shut_down_) {
    return fail(Error::InvalidState);
  }
  const bool has_sound_times =
      options.defer_accept >= Duration::zero() && options.defer_accept <= tcp::kDeferAcceptMax;
  if (options.port.is_unspecified() || !has_sound_times || !tcp::is_valid(options.tuning)) {
    return fail(Error::InvalidArgument);
  }
  if (!options.address.is_unspecified() && !is_our_address(options.address)) {
    return fail(Error::AddressNotAvailable);
  }
  const Endpoint endpoint{.address = options.address, .port = options.port};
  const std::uint32_t other = listening_.find(
      options.port, [&](std::uint32_t index) { return listeners_.at(index).overlaps(endpoint); });
  if (other != PortIndex::kNone) {
    return fail(Error::AddressInUse);
  }
  tcp::Listener* const listener = listeners_.emplace(endpoint, options.backlog, handler);
  if (listener == nullptr) {
    return fail(Error::OutOfListeners);
  }
  listening_.insert(options.port, listeners_.index_of(*listener));
  const bool is_open_to_all = config_.tcp.fast_open_by_default && options.fast_open == 0;
  listener->allow_fast_open(is_open_to_all ? options.backlog : options.fast_open);
  listener->take_without_cookies(config_.tcp.fast_open_without_cookies);
  listener->set_options(
      options.tuning,
      tcp::timeouts_within(options.defer_accept, config_.tcp.rto_initial, config_.tcp.rto_max));
  return listeners_.handle_of(*listener);
}

Result<base::SlotHandle> TcpCore::connect(Instant now, const Endpoint& destination,
                                          TcpHandler& handler,
                                          const ConnectOptions& options) noexcept {
  now_ = now;
  if (is_shut_down_) {
    return fail(Error::InvalidState);
  }
  const IpAddress& remote = destination.address;
  // RFC 9293 §3.9.1.1, MUST-46.
  if (destination.port.is_unspecified() || remote.is_unspecified() || remote.is_multicast() ||
      remote.is_limited_broadcast() || !tcp::is_valid(options.tuning)) {
    return fail(Error::InvalidArgument);
  }
  if (options.local_address && !is_our_address(*options.local_address)) {
    return fail(Error::AddressNotAvailable);
  }
  const auto path = output_.route(remote, options.local_address);
  if (!path) {
    return fail(Error::NetworkUnreachable);
  }
  if (path->interface->is_broadcast(remote)) {
    return fail(Error::InvalidArgument);
  }
  FourTuple tuple{.local = {.address = path->source, .port = options.local_port},
                  .remote = destination};
  if (connections_.size() == connections_.capacity()) {
    return fail(Error::OutOfConnections);
  }
  InitialData data;
  if (const auto copied = copy_initial(options.data, data); !copied) {
    return fail(copied.error());
  }
  std::optional<tcp::TimeWaitEntry> before;
  if (const auto taken = take_local_port(now, tuple, before); !taken) {
    return fail(taken.error());
  }
  ConnectionSlot* const slot = add_connection(tuple, *path);
  base::expects(slot != nullptr);
  slot->handler = &handler;
  slot->connection.set_tuning(resources_, options.tuning);
  const auto iss_floor = before ? std::optional{before->snd_nxt} : std::nullopt;
  slot->connection.open_active(resources_, now, choose_iss(now, tuple, iss_floor),
                               options.timeout.value_or(config_.tcp.connect_timeout));
  if (before) {
    slot->connection.require_irs_after(before->rcv_nxt);
  }
  if (!queue_initial(now, *slot, data)) {
    return fail(Error::OutOfPackets);
  }
  if (options.fast_open) {
    offer_fast_open(now, *slot);
  }
  settle(*slot);
  return connections_.handle_of(*slot);
}

ConnectionSlot* TcpCore::add_connection(const FourTuple& tuple, const net::Path& path) noexcept {
  ConnectionSlot* const slot =
      connections_.emplace(tuple, path, mss_limit_of(path), path_mss(now_, tuple.remote.address),
                           path_mtus_.generation(now_), config_.tcp.hop_limit, now_);
  if (slot == nullptr) {
    return nullptr;
  }
  slot->connection.set_timestamp_offset(timestamp_offsets_.of(tuple));
  const std::uint32_t index = connections_.index_of(*slot);
  slot->timer.owner = index;
  demux_.insert(tuple, DemuxTarget::connection(index));
  slot->is_in_demux = true;
  return slot;
}

std::optional<DemuxTarget> TcpCore::find_target(const FourTuple& tuple) const noexcept {
  return demux_.find(tuple, [&](DemuxTarget target) {
    return target.is_time_wait() ? time_wait_.at(target.index()).tuple == tuple
                                 : connections_.at(target.index()).connection.tuple() == tuple;
  });
}

bool TcpCore::is_our_address(const IpAddress& address) const noexcept {
  return std::ranges::any_of(
      interfaces_, [&](const net::Interface& interface) { return interface.has_address(address); });
}

void TcpCore::close_listener(base::SlotHandle handle) noexcept {
  connections_.for_each([&](ConnectionSlot& slot) {
    if (slot.phase <= Phase::Waiting && slot.listener == handle) {
      slot.connection.abort(resources_, Error::ConnectionAborted);
      settle(slot);
    }
  });
  listening_.erase(listeners_.at(handle.index).endpoint().port, handle.index);
  listeners_.erase(handle.index);
}

void TcpCore::resume_listener(base::SlotHandle handle) noexcept {
  connections_.for_each([&](ConnectionSlot& slot) {
    if (slot.phase == Phase::Waiting && slot.listener == handle && !slot.event_link.is_linked()) {
      events_.push_back(slot);
    }
  });
}

ConnectionSlot* TcpCore::find(base::SlotHandle handle) noexcept {
  ConnectionSlot* const slot = connections_.find(handle);
  return slot == nullptr || slot->phase != Phase::Open ? nullptr : slot;
}

void TcpCore::settle_fully(ConnectionSlot& slot) noexcept {
  if (!slot.connection.is_consistent()) [[unlikely]] {
    // Decision 11: a bug of ours costs this connection, not the process.
    ++stats_.tcp_broken_invariants;
    slot.connection.abort(resources_, Error::ConnectionAborted);
  }
  if (slot.connection.take_path_doubt()) {
    // RFC 9293 §3.8.3, R1.
    output_.doubt(now_, slot.path);
  }
  slot.events = static_cast<std::uint8_t>(slot.events | slot.connection.take_events().bits());
  const TcpState state = slot.connection.state();
  if (slot.is_in_demux && state == TcpState::TimeWait) {
    enter_time_wait(slot);
  } else if (slot.is_in_demux && state == TcpState::Closed) {
    leave_demux(slot);
  }
  if (state == TcpState::Closed && slot.phase <= Phase::Waiting) {
    // Nobody has heard of it, so nobody hears of its end.
    leave_listener(slot);
    bury(slot);
  } else if (slot.phase != Phase::HalfOpen && slot.phase != Phase::Over) {
    note_events(slot);
  }
  note_orphan(slot);
  note_early(slot);
  mark(slot);
}

void TcpCore::note_orphan(ConnectionSlot& slot) noexcept {
  const TcpState state = slot.connection.state();
  const bool is_orphan = slot.phase == Phase::Open && slot.connection.is_closed_by_application() &&
                         state != TcpState::Closed && state != TcpState::TimeWait;
  if (is_orphan == slot.orphan_link.is_linked()) {
    return;
  }
  if (is_orphan) {
    orphans_.push_back(slot);
    ++orphan_count_;
  } else {
    OrphanList::unlink(slot);
    --orphan_count_;
  }
}

void TcpCore::limit_orphans() noexcept {
  // The application has let go of them: what they hold must not depend on peers' good will.
  while (orphan_count_ > config_.max_orphans) {
    ConnectionSlot& idlest = *orphans_.front();
    ++stats_.tcp_orphans_reset;
    idlest.connection.abort(resources_, Error::ConnectionAborted);
    settle(idlest);
  }
}

void TcpCore::leave_demux(ConnectionSlot& slot) noexcept {
  demux_.erase(slot.connection.tuple(), DemuxTarget::connection(connections_.index_of(slot)));
  slot.is_in_demux = false;
  slot.vetted_by = 0;
}

void TcpCore::leave_listener(ConnectionSlot& slot) noexcept {
  tcp::Listener* const listener = listeners_.find(slot.listener);
  if (listener != nullptr) {
    slot.phase == Phase::HalfOpen ? listener->on_half_open_gone() : listener->on_waiting_gone();
  }
}

void TcpCore::bury(ConnectionSlot& slot) noexcept {
  slot.phase = Phase::Over;
  if (slot.event_link.is_linked()) {
    EventQueue::unlink(slot);
  }
  over_.push_back(slot);
}

void TcpCore::enter_time_wait(ConnectionSlot& slot) noexcept {
  const FourTuple& tuple = slot.connection.tuple();
  if (time_wait_.is_full()) {
    // RFC 9293 gives no bound; memory does. The oldest has waited longest.
    remove_time_wait(*time_wait_.oldest());
    ++stats_.tcp_time_wait_recycled;
  }
  const std::uint32_t entry = time_wait_.add(now_, tuple, slot.connection.send_sequence().snd_nxt,
                                             slot.connection.receive_sequence().rcv_nxt);
  if (const tcp::Timestamps& timestamps = slot.connection.timestamps(); timestamps.is_on()) {
    time_wait_.set_timestamps(entry, timestamps.ts_recent());
  }
  time_wait_.set_dscp(entry, slot.dscp);
  demux_.retarget(tuple, DemuxTarget::connection(connections_.index_of(slot)),
                  DemuxTarget::time_wait(entry));
  slot.is_in_demux = false;
  slot.vetted_by = 0;
}

void TcpCore::remove_time_wait(std::uint32_t index) noexcept {
  demux_.erase(time_wait_.at(index).tuple, DemuxTarget::time_wait(index));
  time_wait_.remove(index);
}

void TcpCore::shut_down(Error reason) noexcept {
  is_shut_down_ = true;
  listeners_.for_each(
      [this](const tcp::Listener& listener) { close_listener(listeners_.handle_of(listener)); });
  connections_.for_each([&](ConnectionSlot& slot) {
    if (slot.phase != Phase::Over) {
      slot.connection.abort(resources_, reason);
      settle(slot);
    }
  });
}

bool TcpCore::has_undelivered() noexcept {
  bool found = false;
  connections_.for_each([&found](const ConnectionSlot& slot) {
    const TcpState state = slot.connection.state();
    const bool has_fin =
        state == TcpState::FinWait1 || state == TcpState::Closing || state == TcpState::LastAck;
    found =
        found || has_fin || slot.connection.unacknowledged() > 0 || slot.transmit_link.is_linked();
  });
  return found;
}

void TcpCore::reap() noexcept {
  for (ConnectionSlot* slot = over_.front(); slot != nullptr; slot = over_.front()) {
    if (slot->transmit_link.is_linked()) {
      // Its reset, or its last ACK, is still to be sent. Those behind it wait a turn longer.
      return;
    }
    EventQueue::unlink(*slot);
    cancel_timer(*slot);
    slot->connection.release(resources_);
    connections_.erase(connections_.index_of(*slot));
  }
}

void TcpCore::advance(Instant now) noexcept {
  now_ = now;
  const auto on_expired = [this, now](base::TimerNode& node) {
    ConnectionSlot& slot = connections_.at(node.owner);
    slot.connection.on_timer(resources_, now);
    settle(slot);
  };
  timers_.advance(now, kTimersPerTurn, on_expired);
  pacing_.advance(now, kTimersPerTurn, on_expired);
  std::uint32_t left = kTimersPerTurn;
  for (auto oldest = time_wait_.oldest();
       oldest && time_wait_.at(*oldest).expires() <= now && left > 0;
       oldest = time_wait_.oldest(), --left) {
    remove_time_wait(*oldest);
  }
}

std::optional<Instant> TcpCore::next_deadline() const noexcept {
  std::optional<Instant> first = timers_.next_deadline();
  for (const auto& other : {pacing_.next_deadline(), time_wait_.next_deadline()}) {
    if (other && (!first || *other < *first)) {
      first = other;
    }
  }
  return first;
}

void TcpCore::check_invariants() noexcept {
  timers_.check_invariants();
  connections_.for_each(
      [](ConnectionSlot& slot) { base::ensures(slot.connection.check_invariants()); });
}

void TcpCore::add_usage(CoreUsage& usage) const noexcept {
  usage.connections = connections_.size();
  usage.time_wait = time_wait_.size();
  usage.listeners = listeners_.size();
  usage.timers_armed += timers_.armed() + pacing_.armed();
  usage.orphans = orphan_count_;
  usage.active_blocks_in_use = active_blocks_.size();
}

}  // namespace millrace::stack
