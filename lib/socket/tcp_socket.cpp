// The native socket: finds its connection, does one thing to it, and lets the core settle what
// follows.
#include <algorithm>
#include <cstring>
#include <utility>

#include <millrace/tcp.hpp>

#include "packet/packet.hpp"
#include "socket/find.hpp"
#include "stack/frame_builder.hpp"
#include "stack/stack.hpp"
#include "wire/word_sum.hpp"

namespace millrace {

using packet::Packet;
using socket::find;
using socket::find_slot;
using socket::no_slot;

namespace {

/// Copies the bytes into a fresh packet. What a segment will refer to is summed on the way, unless
/// the device does that; what is short is summed when it is copied into a segment.
tcp::KnownSum append_bytes(Packet& packet, std::span<const std::byte> bytes, bool device_sums) {
  std::byte* const to = packet.append(static_cast<std::uint16_t>(bytes.size())).data();
  if (device_sums || bytes.size() <= stack::FrameBuilder::kCopyMax) {
    std::memcpy(to, bytes.data(), bytes.size());
    return {};
  }
  return {.words = wire::copy_and_sum_words(to, bytes),
          .bytes = static_cast<std::uint32_t>(bytes.size())};
}

/// Copies what fits into fresh packets of the send buffer. Returns how much that was.
std::size_t append_in_packets(stack::Stack& stack, stack::ConnectionSlot& slot,
                              std::span<const std::byte> data) {
  tcp::Connection& connection = slot.connection;
  const bool device_sums = slot.path.interface->offloads.tx_tcp_checksum;
  const tcp::Resources& resources = stack.tcp().resources();
  std::size_t taken = 0;
  while (taken < data.size()) {
    const std::size_t room = connection.writable(resources);
    Packet packet = room > 0 ? stack.pools().data.allocate() : Packet{};
    if (!packet) {
      break;
    }
    const std::size_t bytes = std::min<std::size_t>(
        {data.size() - taken, connection.packet_bytes_max(), packet.tailroom()});
    const tcp::KnownSum sum = append_bytes(packet, data.subspan(taken, bytes), device_sums);
    if (!connection.append(resources, stack.now(), packet, true, sum)) {
      break;
    }
    taken += bytes;
  }
  return taken;
}

/// What stands before the urgent byte in the first packet, which cannot be handed out whole.
Packet copy_front(stack::Stack& stack, tcp::Connection& connection) {
  Packet packet = stack.pools().data.allocate();
  if (packet) {
    const auto front = connection.peek();
    const auto bytes = front.first(std::min<std::size_t>(front.size(), packet.tailroom()));
    std::ranges::copy(bytes, packet.append(static_cast<std::uint16_t>(bytes.size())).begin());
    connection.consume(stack.tcp().resources(), static_cast<std::uint32_t>(bytes.size()));
  }
  return packet;
}

}  // namespace

Result<std::size_t> TcpSocket::send(std::span<const std::byte> data) const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  if (slot == nullptr) {
    return no_slot(stack_);
  }
  tcp::Connection& connection = slot->connection;
  const tcp::Resources& resources = stack_->tcp().resources();
  if (const auto sendable = connection.check_sendable(resources, stack_->now()); !sendable) {
    stack_->tcp().settle(*slot);
    return fail(sendable.error());
  }
  std::size_t taken = connection.append_to_tail(data);
  taken += append_in_packets(*stack_, *slot, data.subspan(taken));
  if (taken < data.size()) {
    connection.want_writable(resources, stack_->now());
  }
  stack_->tcp().settle_transfer(*slot);
  if (taken == 0 && !data.empty()) {
    return fail(Error::OutOfPackets);
  }
  return taken;
}

Result<std::size_t> TcpSocket::send(std::string_view text) const {
  return send(std::as_bytes(std::span{text}));
}

Result<void> TcpSocket::send(Buffer&& buffer) const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  if (slot == nullptr) {
    return no_slot(stack_);
  }
  tcp::Connection& connection = slot->connection;
  const tcp::Resources& resources = stack_->tcp().resources();
  if (const auto sendable = connection.check_sendable(resources, stack_->now()); !sendable) {
    stack_->tcp().settle(*slot);
    return sendable;
  }
  if (buffer.has_more_pieces()) {
    return fail(Error::InvalidArgument);
  }
  Packet packet{buffer.release()};
  if (!packet || packet.size() == 0) {
    return {};
  }
  const auto queued = connection.append(resources, stack_->now(), packet, true);
  if (!queued) {
    buffer = Buffer{packet.release()};
  }
  stack_->tcp().settle_transfer(*slot);
  return queued;
}

Result<std::size_t> TcpSocket::receive(std::span<std::byte> into) const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  if (slot == nullptr) {
    return no_slot(stack_);
  }
  tcp::Connection& connection = slot->connection;
  const auto available = connection.readable();
  if (!available) {
    return fail(available.error());
  }
  // Not across an urgent byte that is kept aside.
  into = into.first(std::min(into.size(), *available));
  std::size_t copied = 0;
  while (copied < into.size()) {
    const auto front = connection.peek();
    const auto bytes = front.first(std::min(front.size(), into.size() - copied));
    if (bytes.empty()) {
      break;
    }
    std::memcpy(into.data() + copied, bytes.data(), bytes.size());
    copied += bytes.size();
    connection.consume(stack_->tcp().resources(), static_cast<std::uint32_t>(bytes.size()));
  }
  stack_->tcp().settle_transfer(*slot);
  return copied;
}

Result<Buffer> TcpSocket::receive_buffer() const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  if (slot == nullptr) {
    return no_slot(stack_);
  }
  tcp::Connection& connection = slot->connection;
  if (const auto available = connection.readable(); !available) {
    return fail(available.error());
  }
  Packet packet = connection.is_front_split()
                      ? copy_front(*stack_, connection)
                      : connection.receive_packet(stack_->tcp().resources());
  stack_->tcp().settle_transfer(*slot);
  if (!packet) {
    return fail(Error::OutOfPackets);
  }
  return Buffer{packet.release()};
}

std::span<const std::byte> TcpSocket::peek() const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  return slot != nullptr ? slot->connection.peek() : std::span<const std::byte>{};
}

Result<void> TcpSocket::consume(std::size_t bytes) const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  if (slot == nullptr) {
    return no_slot(stack_);
  }
  tcp::Connection& connection = slot->connection;
  if (bytes > connection.readable().value_or(0)) {
    return fail(Error::InvalidArgument);
  }
  if (bytes > 0) {
    connection.consume(stack_->tcp().resources(), static_cast<std::uint32_t>(bytes));
    stack_->tcp().settle_transfer(*slot);
  }
  return {};
}

std::size_t TcpSocket::readable() const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  return slot != nullptr ? slot->connection.readable().value_or(0) : 0;
}

std::size_t TcpSocket::writable() const {
  stack::ConnectionSlot* const slot = find_slot(stack_, index_, generation_);
  if (slot == nullptr) {
    return 0;
  }
  tcp::Connection& connection = slot->connection;
  const std::size_t room = connection.writable(stack_->tcp().resources());
  if (room == 0) {
    // If packets are what is missing, no ACK may ever bring them: this asks to hear of them.
    static_cast<void>(connection.check_sendable(stack_->tcp().resources(), stack_->now()));
    stack_->tcp().settle(*slot);
  }
  return room;
}

std::size_t TcpSocket::unacknowledged() const {
  const auto slot = find(stack_, index_, generation_);
  return slot ? (*slot)->connection.unacknowledged() : 0;
}

Result<void> TcpSocket::shutdown() const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  const auto done = (*slot)->connection.shutdown(stack_->tcp().resources(), stack_->now());
  stack_->tcp().settle(**slot);
  return done;
}

Result<void> TcpSocket::close() const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.close(stack_->tcp().resources(), stack_->now());
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::abort() const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.abort_by_application(stack_->tcp().resources());
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::set_no_delay(bool on) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->connection.set_no_delay(on);
  // What waited for more may go now.
  stack_->tcp().settle(**slot);
  return {};
}

Result<void> TcpSocket::set_linger(std::optional<Duration> limit) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (limit && *limit < Duration::zero()) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->connection.set_linger(limit);
  return {};
}

Result<void> TcpSocket::set_user_timeout(Duration limit) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  if (limit < Duration::zero()) {
    return fail(Error::InvalidArgument);
  }
  (*slot)->connection.set_user_timeout(limit);
  return {};
}

Result<void> TcpSocket::set_handler(TcpHandler& handler) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->handler = &handler;
  return {};
}

Result<void> TcpSocket::set_user_data(void* data) const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  (*slot)->user_data = data;
  return {};
}

void* TcpSocket::user_data() const {
  const auto slot = find(stack_, index_, generation_);
  return slot ? (*slot)->user_data : nullptr;
}

Result<FourTuple> TcpSocket::endpoints() const {
  const auto slot = find(stack_, index_, generation_);
  if (!slot) {
    return fail(slot.error());
  }
  return (*slot)->connection.tuple();
}

TcpState TcpSocket::state() const {
  const auto slot = find(stack_, index_, generation_);
  return slot ? (*slot)->connection.state() : TcpState::Closed;
}

bool TcpSocket::is_open() const { return find(stack_, index_, generation_).has_value(); }

}  // namespace millrace
