// UDP as applications see it: UdpSocket, the datagrams it moves, and the handler that hears of its
// events.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include <millrace/buffer.hpp>
#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>

namespace millrace::stack {
class Stack;
}

#pragma GCC visibility push(default)

namespace millrace {

class UdpHandler;

/// What becomes of datagrams that are larger than a link takes (RFC 791 §3.2, RFC 1191).
enum class Fragmentation : std::uint8_t {
  Discover,  ///< What fits the path, as far as it is known, must not be fragmented on the way; what
             ///< does not is cut here. What routers say of the path is heeded.
  Allowed,   ///< What does not fit our link is cut here, and routers may go on. They are not asked.
  Forbidden,  ///< Never: what does not fit the path is an Error::MessageTooLong.
  Probe,      ///< Never, and what routers say of the path is not heeded: what fits our link leaves.
              ///< For those who find out themselves what arrives (RFC 8899).
};

/// What a socket is given: `worker.open_udp({.port = millrace::Port{53}}, handler)`.
struct UdpOptions {
  Port port{};          ///< Ours. Zero: drawn at random among those that are free.
  IpAddress address{};  ///< Which of our addresses; unspecified: all, and broadcasts, too.
  std::optional<Endpoint> peer{};  ///< Connected to from the start, as by `UdpSocket::connect`.
  bool broadcast = false;          ///< May send to broadcast addresses.
  bool share_port = false;  ///< Other sockets may have the port, too, if all say so: each datagram
                            ///< goes to the one that fits most closely, a connected one first, and
                            ///< of several that fit alike to the one that was opened last.
  Fragmentation fragmentation = Fragmentation::Discover;  ///< Of what it sends.
  std::optional<std::uint8_t> hop_limit{};             ///< 1 to 255; empty: `UdpConfig::hop_limit`.
  std::uint8_t dscp = 0;                               ///< Class of service: six bits.
  std::optional<std::uint32_t> receive_queue_bytes{};  ///< Empty: as in `UdpConfig`.
};

/// One datagram as it was received. Its payload is in the packets that it came in.
struct Datagram {
  Buffer
      payload;  ///< In one piece, or in several if it came in fragments: see `Buffer::take_rest`.
  Endpoint source;       ///< Who sent it. Port zero: wants no answer.
  Endpoint destination;  ///< What it was sent to: an address of ours, or one of broadcast.
};

/// What an ICMP error, or a neighbor that never answered, says of what a connected socket has sent
/// (RFC 1122 §4.1.3.3). It may be forged: whoever knows both ends can send one.
struct UdpError {
  Error error = Error::HostUnreachable;  ///< ConnectionRefused, HostUnreachable, NetworkUnreachable
                                         ///< or MessageTooLong (see `UdpSocket::payload_max`).
  bool is_lasting = false;  ///< The peer's host itself says that nobody is there; else it may pass.
  std::uint8_t icmp_type = 3;  ///< As it came; 3: destination unreachable.
  std::uint8_t icmp_code = 1;  ///< As it came; host unreachable also for a silent neighbor.
  IpAddress reporter;          ///< Who says so: a router, the peer, or an address of ours.
};

/// One UDP socket. A small value that names it, with TcpSocket's rules: copy it freely; once it is
/// closed every call answers Error::StaleHandle; calls from another thread answer Error::WrongCore;
/// no call blocks, and every call may be made inside any handler.
///
///     void answer(millrace::UdpSocket socket) {
///       while (auto datagram = socket.receive()) {
///         if (!socket.send_to(datagram->source, std::move(datagram->payload))) {
///           return;  // Lost, as the network may lose it.
///         }
///       }
///     }
class UdpSocket {
 public:
  /// Names no socket: every call answers Error::StaleHandle.
  UdpSocket() noexcept = default;

  /// Sends a copy of `data` as one datagram to the peer of a connected socket. Success means that
  /// it is on its way to the device, or waits for the neighbor's address; it may get lost as any.
  /// Errors: InvalidState (not connected), WouldBlock (too much waits for the device: `on_writable`
  /// follows), MessageTooLong, OutOfPackets (`on_writable` follows), NetworkUnreachable.
  Result<void> send(std::span<const std::byte> data) const;
  /// The same, for text.
  Result<void> send(std::string_view text) const;
  /// The same without copying: a whole Buffer, which may be in pieces, becomes the payload. On an
  /// error it is left as it was.
  Result<void> send(Buffer&& buffer) const;

  /// Sends to any destination, also on a connected socket. To a multicast address it goes no
  /// further than the link. Errors: as `send`; InvalidArgument (port zero, or no IPv4 address),
  /// NotPermitted (a broadcast address, and `UdpOptions::broadcast` was not set).
  Result<void> send_to(const Endpoint& destination, std::span<const std::byte> data) const;
  /// The same, for text.
  Result<void> send_to(const Endpoint& destination, std::string_view text) const;
  /// The same without copying. On an error `buffer` is left as it was.
  Result<void> send_to(const Endpoint& destination, Buffer&& buffer) const;

  /// The next datagram, whole and without copying. Error: WouldBlock (none is there: `on_readable`
  /// follows).
  Result<Datagram> receive() const;
  /// As many as there are, up to the size of `into`, of which the first are overwritten. Returns
  /// how many; zero is no error.
  Result<std::size_t> receive(std::span<Datagram> into) const;
  /// Bytes of payload in the next datagram, which may be none. Error: WouldBlock (none is there).
  [[nodiscard]] Result<std::size_t> next_size() const;
  /// Datagrams that wait to be received.
  [[nodiscard]] std::size_t readable() const;
  /// What all of them hold up, in bytes, charged by buffer size.
  [[nodiscard]] std::size_t readable_charge() const;

  /// From now on `send` goes to `peer`, and what others send is refused; what has arrived stays.
  /// The local address is chosen by the route unless it was given. Again with another peer, too.
  /// Errors: InvalidArgument (port zero, or no unicast or broadcast IPv4 address), NotPermitted (a
  /// broadcast address), NetworkUnreachable, AddressInUse (another socket has that port and peer,
  /// and does not share it).
  Result<void> connect(const Endpoint& peer) const;
  /// Takes `connect` back. Error: AddressInUse (another socket has that port by now, and does not
  /// share it).
  Result<void> disconnect() const;
  /// Closes it: what waits to be read is lost, what was sent leaves. No handler is called for it
  /// any more.
  Result<void> close() const;

  /// The largest payload that leaves in one piece for the peer, as far as the path is known, or for
  /// any destination on the widest link. In bytes. Error: NetworkUnreachable.
  [[nodiscard]] Result<std::size_t> payload_max() const;

  /// Whether it may send to broadcast addresses.
  Result<void> set_broadcast(bool on) const;
  /// What becomes of large datagrams from now on.
  Result<void> set_fragmentation(Fragmentation fragmentation) const;
  /// How many routers datagrams may pass. Error: InvalidArgument (zero).
  Result<void> set_hop_limit(std::uint8_t hops) const;
  /// Class of service of what is sent, six bits. Error: InvalidArgument (above 63).
  Result<void> set_dscp(std::uint8_t dscp) const;
  /// What may wait to be read, charged by buffer size; one datagram always may. What is there
  /// stays. Error: InvalidArgument (zero).
  Result<void> set_receive_queue_bytes(std::uint32_t bytes) const;
  /// From the next event on they go to `handler`, which must outlive the socket.
  Result<void> set_handler(UdpHandler& handler) const;
  /// A pointer of the application's choosing, null at first. The library never looks behind it.
  Result<void> set_user_data(void* data) const;
  /// What `set_user_data` was given; null when the handle is stale.
  [[nodiscard]] void* user_data() const;
  /// The same as a pointer to T, which must be what it was set from.
  template <class T>
  [[nodiscard]] T* user_data_as() const {
    return static_cast<T*>(user_data());
  }

  /// Where it receives: its port, and the address that it is bound to, which is unspecified when
  /// that is all of ours.
  [[nodiscard]] Result<Endpoint> local() const;
  /// The peer. Error: InvalidState (not connected).
  [[nodiscard]] Result<Endpoint> peer() const;
  /// Whether the handle still names a socket.
  [[nodiscard]] bool is_open() const;

  /// Whether both name the same socket, which may be gone. A later one never equals it.
  friend bool operator==(const UdpSocket&, const UdpSocket&) noexcept = default;
  /// Some order that holds for the whole run.
  friend std::strong_ordering operator<=>(const UdpSocket& one, const UdpSocket& other) noexcept {
    if (one.stack_ != other.stack_) {
      return std::compare_three_way{}(one.stack_, other.stack_);
    }
    return one.key() <=> other.key();
  }
  /// A number that no other UDP socket of this core has had, until 2^32 have been in its place.
  [[nodiscard]] std::uint64_t key() const noexcept {
    return std::uint64_t{generation_} << 32U | index_;
  }

  /// For the library.
  UdpSocket(stack::Stack* stack, std::uint32_t index, std::uint32_t generation) noexcept
      : stack_{stack}, index_{index}, generation_{generation} {}
  /// For the library: its place in the core's table.
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  /// For the library: which of those that had this place.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

 private:
  stack::Stack* stack_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
};

/// Hears of a socket's events, on the core that owns it, once per turn of the loop each, with
/// TcpHandler's rules: all are optional, any call on any object of the core is allowed inside, and
/// no call calls a handler from inside. It must outlive the sockets that it was given to.
///
///     struct Printer final : millrace::UdpHandler {
///       void on_readable(millrace::UdpSocket socket) override {
///         std::array<millrace::Datagram, 32> burst;
///         const std::size_t count = socket.receive(burst).value_or(0);
///         for (const auto& datagram : std::span{burst}.first(count)) {
///           std::puts(datagram.source.to_string().c_str());
///         }
///       }
///     };
class UdpHandler {
 public:
  virtual ~UdpHandler() = default;

  /// Datagrams have arrived. What is left unread is no event again until more arrives.
  virtual void on_readable(UdpSocket /*socket*/) {}
  /// After `send` or `send_to` answered WouldBlock or OutOfPackets: it may go on.
  virtual void on_writable(UdpSocket /*socket*/) {}
  /// Something that a connected socket has sent did not arrive. Of several in a turn the last.
  virtual void on_error(UdpSocket /*socket*/, const UdpError& /*error*/) {}
};

}  // namespace millrace

/// Makes UdpSocket a key of unordered containers. Any thread may call it.
///
///     std::unordered_map<millrace::UdpSocket, std::string> names;
template <>
struct std::hash<millrace::UdpSocket> {
  /// Never fails.
  [[nodiscard]] std::size_t operator()(const millrace::UdpSocket& socket) const noexcept {
    return std::hash<std::uint64_t>{}(socket.key());
  }
};

#pragma GCC visibility pop
