// Opening, connecting and closing: which port a socket has, and what it is found by.
#include "stack/udp_core.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/contract.hpp"
#include "udp/random_port.hpp"

namespace millrace::stack {

namespace {

constexpr std::uint8_t kDscpMax = 63;
constexpr std::uint32_t kPoolShare = 4;

base::KeyedHash make_hash(base::Random& random) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return base::KeyedHash{key};
}

}  // namespace

UdpCore::UdpCore(const Config& config, const UdpSurroundings& around)
    : config_{config},
      pools_{around.pools},
      budget_{around.budget},
      output_{around.output},
      interfaces_{around.interfaces},
      stats_{around.stats},
      random_{around.random},
      sockets_{config.max_udp_sockets},
      demux_{config.max_udp_sockets, make_hash(around.random)},
      path_mtus_{config.max_path_mtus, config.tcp.path_mtu_lifetime, make_hash(around.random)},
      port_users_(kPorts),
      queued_bytes_max_{
          std::min<std::uint64_t>(config.udp.total_bytes, around.budget.limit() / kPoolShare)} {}

Result<base::SlotHandle> UdpCore::open(const UdpOptions& options, UdpHandler& handler) noexcept {
  if (const auto sound = check_options(options); !sound) {
    return fail(sound.error());
  }
  const udp::QueueLimits limits{
      .bytes = options.receive_queue_bytes.value_or(config_.udp.receive_queue_bytes),
      .datagrams = config_.udp.receive_queue_datagrams};
  UdpSlot* const slot = sockets_.emplace(handler, options, limits, config_.udp.hop_limit);
  if (slot == nullptr) {
    return fail(Error::OutOfSockets);
  }
  const std::uint32_t index = sockets_.index_of(*slot);
  if (options.peer) {
    // Its place is beside the peer from the start: a shared port may be taken without one.
    slot->tuple.remote = *options.peer;
  }
  if (const auto taken = take_port(*slot, options.port); !taken) {
    sockets_.erase(index);
    return fail(taken.error());
  }
  return sockets_.handle_of(*slot);
}

Result<void> UdpCore::check_options(const UdpOptions& options) const noexcept {
  if (is_shut_down_) {
    return fail(Error::InvalidState);
  }
  if (options.dscp > kDscpMax || options.hop_limit == 0 || options.receive_queue_bytes == 0U ||
      (options.peer && options.peer->port.is_unspecified())) {
    return fail(Error::InvalidArgument);
  }
  if (!options.address.is_unspecified() && !is_our_address(options.address)) {
    return fail(Error::AddressNotAvailable);
  }
  return {};
}

Result<void> UdpCore::take_port(UdpSlot& slot, Port port) noexcept {
  FourTuple tuple{.local = {.address = slot.bound_address, .port = port}, .remote = {}};
  if (slot.is_connected()) {
    const Endpoint peer = std::exchange(slot.tuple.remote, Endpoint{});
    const auto towards = tuple_towards(slot, peer);
    if (!towards) {
      return fail(towards.error());
    }
    tuple = {.local = {.address = towards->local.address, .port = port}, .remote = peer};
  }
  slot.tuple = tuple;
  if (port.is_unspecified()) {
    const udp::PortRange range{.first = config_.udp.local_port_first,
                               .last = config_.udp.local_port_last};
    const auto drawn = udp::choose_random_port(
        range, random_, [&](Port candidate) { return port_users_[candidate.number()] == 0; });
    if (!drawn) {
      return fail(Error::AddressInUse);
    }
    tuple.local.port = *drawn;
  } else if (!is_free(slot, port)) {
    return fail(Error::AddressInUse);
  }
  enter_demux(slot, tuple);
  ++port_users_[tuple.local.port.number()];
  return {};
}

bool UdpCore::is_free(const UdpSlot& slot, Port port) noexcept {
  if (port_users_[port.number()] == 0) {
    return true;
  }
  bool is_taken = false;
  sockets_.for_each([&](const UdpSlot& other) {
    const bool overlaps = other.bound_address.is_unspecified() ||
                          slot.bound_address.is_unspecified() ||
                          other.bound_address == slot.bound_address;
    const bool is_another = &other != &slot && other.tuple.local.port == port && overlaps;
    is_taken = is_taken || (is_another && !(other.shares_port && slot.shares_port));
  });
  return !is_taken;
}

Result<void> UdpCore::connect(UdpSlot& slot, const Endpoint& peer) noexcept {
  const auto towards = tuple_towards(slot, peer);
  if (!towards) {
    return fail(towards.error());
  }
  if (is_anothers(*towards, slot)) {
    return fail(Error::AddressInUse);
  }
  leave_demux(slot);
  enter_demux(slot, *towards);
  return {};
}

Result<FourTuple> UdpCore::tuple_towards(const UdpSlot& slot, const Endpoint& peer) const noexcept {
  const auto path = path_to(slot, peer);
  if (!path) {
    return fail(path.error());
  }
  return FourTuple{.local = {.address = path->source, .port = slot.tuple.local.port},
                   .remote = peer};
}

Result<void> UdpCore::disconnect(UdpSlot& slot) noexcept {
  const FourTuple alone{.local = {.address = slot.bound_address, .port = slot.tuple.local.port},
                        .remote = {}};
  if (is_anothers(alone, slot)) {
    return fail(Error::AddressInUse);
  }
  leave_demux(slot);
  enter_demux(slot, alone);
  return {};
}

Result<void> UdpCore::rebind(UdpSlot& slot, const Endpoint& wanted) noexcept {
  if (is_shut_down_ || slot.is_connected()) {
    return fail(Error::InvalidState);
  }
  if (!wanted.address.is_unspecified() && !is_our_address(wanted.address)) {
    return fail(Error::AddressNotAvailable);
  }
  const FourTuple before = slot.tuple;
  const IpAddress address = std::exchange(slot.bound_address, wanted.address);
  leave_demux(slot);
  --port_users_[before.local.port.number()];
  const auto taken = take_port(slot, wanted.port);
  if (!taken) {
    slot.bound_address = address;
    enter_demux(slot, before);
    ++port_users_[before.local.port.number()];
  }
  return taken;
}

void UdpCore::close(UdpSlot& slot) noexcept {
  if (slot.event_link.is_linked()) {
    UdpEventQueue::unlink(slot);
  }
  if (slot.blocked_link.is_linked()) {
    UdpBlockedList::unlink(slot);
  }
  queued_bytes_ -= slot.queue.charge();
  budget_.release(slot.queue.charge());
  --port_users_[slot.tuple.local.port.number()];
  leave_demux(slot);
  sockets_.erase(sockets_.index_of(slot));
}

void UdpCore::shut_down() noexcept {
  is_shut_down_ = true;
  sockets_.for_each([this](UdpSlot& slot) { close(slot); });
}

bool UdpCore::is_our_address(const IpAddress& address) const noexcept {
  return std::ranges::any_of(
      interfaces_, [&](const net::Interface& interface) { return interface.has_address(address); });
}

UdpSlot* UdpCore::find_exactly(const FourTuple& tuple) noexcept {
  const auto target = demux_.find(
      tuple, [&](DemuxTarget candidate) { return sockets_.at(candidate.index()).tuple == tuple; });
  return target ? &sockets_.at(target->index()) : nullptr;
}

/// Whether a socket that shares no port with `slot` has that place.
bool UdpCore::is_anothers(const FourTuple& tuple, const UdpSlot& slot) noexcept {
  const UdpSlot* const other = find_exactly(tuple);
  return other != nullptr && other != &slot && !(other->shares_port && slot.shares_port);
}

void UdpCore::enter_demux(UdpSlot& slot, const FourTuple& tuple) noexcept {
  const auto own = DemuxTarget::connection(sockets_.index_of(slot));
  UdpSlot* const other = find_exactly(tuple);
  slot.tuple = tuple;
  if (other == nullptr) {
    demux_.insert(tuple, own);
    return;
  }
  // Of those that fit alike the latest is found first.
  const auto others = DemuxTarget::connection(sockets_.index_of(*other));
  demux_.retarget(tuple, others, own);
  demux_.insert(tuple, others);
}

void UdpCore::leave_demux(UdpSlot& slot) noexcept {
  demux_.erase(slot.tuple, DemuxTarget::connection(sockets_.index_of(slot)));
}

void UdpCore::note(UdpSlot& slot, std::uint8_t news) noexcept {
  slot.news |= news;
  if (!slot.event_link.is_linked()) {
    events_.push_back(slot);
  }
}

SocketPage UdpCore::list(SocketCursor from, const PageLimits& limits) const noexcept {
  SocketPage page;
  std::uint32_t places = limits.places;
  std::uint32_t index = from.index();
  while (page.records.size() < limits.records && !page.records.full()) {
    const UdpSlot* const slot = sockets_.next_from(index, places);
    if (slot == nullptr) {
      break;
    }
    SocketRecord record;
    record.protocol = SocketRecord::Protocol::Udp;
    record.state = slot->is_connected() ? TcpState::Established : TcpState::Closed;
    record.receive_queue = slot->queue.bytes();
    record.tuple = slot->tuple;
    record.handle = sockets_.handle_of(*slot);
    static_cast<void>(page.records.push_back(record));
    ++index;
  }
  page.next = index >= sockets_.touched() ? SocketCursor{SocketCursor::Table::Done, 0}
                                          : SocketCursor{SocketCursor::Table::Udp, index};
  return page;
}

}  // namespace millrace::stack
