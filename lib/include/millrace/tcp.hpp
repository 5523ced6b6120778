// TCP as applications see it: TcpListener, TcpSocket and the handler that hears of their events.
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
#include <millrace/tcp_info.hpp>
#include <millrace/tcp_tuning.hpp>
#include <millrace/time.hpp>

namespace millrace::stack {
class Stack;
}

#pragma GCC visibility push(default)

namespace millrace {

class TcpHandler;
class TcpSocket;
class Worker;

/// The eleven states of RFC 9293 §3.3.2.
enum class TcpState : std::uint8_t {
  Closed,       ///< No connection.
  Listen,       ///< A port that waits for SYNs; no socket is ever in it.
  SynSent,      ///< We have asked to connect.
  SynReceived,  ///< Both have asked, and our SYN is not acknowledged yet.
  Established,  ///< Data flows both ways.
  FinWait1,     ///< We have finished sending, and our FIN is not acknowledged yet.
  FinWait2,     ///< We have finished sending; the peer may go on.
  CloseWait,    ///< The peer has finished sending; we may go on.
  Closing,      ///< Both have finished at once, and our FIN is not acknowledged yet.
  LastAck,      ///< Both have finished, the peer first; our FIN is not acknowledged yet.
  TimeWait,     ///< Over; its addresses stay taken until no old segment can arrive any more.
};

/// "SYN-SENT" and so on, as the RFC writes them. Static storage.
[[nodiscard]] std::string_view to_string(TcpState state) noexcept;

/// When a connection on which nothing moves asks whether its peer is still there (RFC 9293 §3.8.4).
/// Linux's defaults. Times count in whole seconds, rounded up.
struct KeepaliveOptions {
  Duration idle = std::chrono::hours{2};  ///< Without a segment from the peer. Up to 32,767 s.
  Duration interval = std::chrono::seconds{75};  ///< Between probes. Up to 32,767 s.
  std::uint32_t count = 9;  ///< Probes without an answer that end the connection. 2 to 127.
};

/// One connection. A small value that names it: copy it freely, keep it as long as you like. Once
/// the connection is gone every call answers Error::StaleHandle. The owner of the connection is its
/// core: calls from another thread answer Error::WrongCore. No call blocks; every call may be made
/// inside any handler. No call changes the handle itself, hence `const`, and lambdas may hold one.
///
///     void count_lines(millrace::TcpSocket socket, std::size_t& lines) {
///       for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
///         lines += static_cast<std::size_t>(std::ranges::count(millrace::as_text(bytes), '\n'));
///         socket.consume(bytes.size());
///       }
///     }
class TcpSocket {
 public:
  /// Names no connection: every call answers Error::StaleHandle.
  TcpSocket() noexcept = default;

  /// Copies `data` behind what waits to be sent and returns how many bytes were taken, which may be
  /// fewer. Errors: WouldBlock (no room: `on_writable` follows), InvalidState (not connected yet,
  /// or sending is shut down), OutOfPackets (the core's pool is in use: `on_writable` follows).
  Result<std::size_t> send(std::span<const std::byte> data) const;
  /// The same, for text.
  Result<std::size_t> send(std::string_view text) const;

  /// Queues a whole Buffer without copying, which succeeds whenever `writable()` is above zero and
  /// packets are left. On an error `buffer` is left as it was. Errors: as above; InvalidArgument
  /// (it is a datagram in several pieces: send one after the other, see `Buffer::take_rest`).
  Result<void> send(Buffer&& buffer) const;

  /// As `send`, and says that the data up to its last byte is urgent (RFC 9293 §3.8.5). RFC 6093
  /// §6 advises new applications against it. Errors: as above.
  Result<std::size_t> send_urgent(std::span<const std::byte> data) const;

  /// Copies received bytes out and returns how many, at least one (none for an empty `into`).
  /// Errors: WouldBlock (nothing there: `on_readable` follows), EndOfStream (the peer has finished
  /// and all is read).
  Result<std::size_t> receive(std::span<std::byte> into) const;

  /// Takes the next received packet as it is, without copying. Errors: as above; OutOfPackets where
  /// an urgent byte that is received out of line splits the packet.
  Result<Buffer> receive_buffer() const;

  /// Borrows the next contiguous received bytes, empty if there are none; more may follow behind
  /// them. Valid until the handler returns or anything else is called on this socket. `consume`
  /// what you have used; what you leave stays, and is no event again until more arrives.
  [[nodiscard]] std::span<const std::byte> peek() const;
  /// Gives back the first `bytes` of what has been received. Error: InvalidArgument (more than
  /// there are).
  Result<void> consume(std::size_t bytes) const;

  /// How many bytes are still to be read before the end of the urgent data that the peer has
  /// announced, received or not. Zero when there is none, or all of it has been read.
  [[nodiscard]] std::size_t urgent_left() const;
  /// Out of line alone: takes the last urgent byte. Errors: WouldBlock (none has arrived, or it was
  /// taken), InvalidState (urgent data is read in line).
  Result<std::byte> receive_urgent() const;

  /// Payload bytes that `receive` could return now.
  [[nodiscard]] std::size_t readable() const;
  /// Bytes that `send` would take now. Zero also when it would fail. While less than a third of the
  /// send buffer is free, or no packets are left, asking also asks for `on_writable`.
  [[nodiscard]] std::size_t writable() const;
  /// Payload bytes handed to `send` and not yet acknowledged by the peer.
  [[nodiscard]] std::size_t unacknowledged() const;
  /// Payload bytes handed to `send` and never sent yet.
  [[nodiscard]] std::size_t unsent() const;

  /// Says that nothing more will be sent: FIN follows what is queued; receiving goes on. When the
  /// peer has finished, too, and all is read and acknowledged, the connection ends by itself, and
  /// `close` is not needed. Error: InvalidState (not connected yet).
  Result<void> shutdown() const;
  /// Ends the connection in order: what is queued is still sent, then FIN. If received data is
  /// unread, or data arrives later, the peer gets a reset instead (RFC 9293 §3.6.1). Only
  /// `on_closed` follows. Closing twice is harmless.
  Result<void> close() const;
  /// Ends the connection at once with a reset; what is queued is lost. `on_closed` follows with
  /// ConnectionAborted: not inside this call, but after the handler or timer that makes it has
  /// returned. Until then the handle is valid.
  Result<void> abort() const;

  /// Whether small segments may leave at once (Nagle's algorithm off, RFC 9293 §3.7.4). Default:
  /// false.
  Result<void> set_no_delay(bool on) const;
  /// On: segments that are not full wait for more, 200 ms at most
  /// (`TcpConfig::override_timeout`), whatever `set_no_delay` says. Off, the default: what waits
  /// goes. Urgent data and FIN wait for nothing.
  Result<void> set_cork(bool on) const;
  /// On: an ACK that waits goes now, and what `TcpConfig::quick_acks_max` has left over go without
  /// delay as well. Off: ACKs wait for company, until something is lost. Neither lasts: the traffic
  /// decides from then on, as with Linux's TCP_QUICKACK.
  Result<void> set_quick_acks(bool on) const;
  /// What this connection is to do otherwise than `TcpConfig` says, from now on and instead of what
  /// was chosen before. Error: InvalidArgument (a value is out of its range; nothing is changed).
  Result<void> set_tuning(const TcpTuning& tuning) const;
  /// What was chosen; all empty when the handle is stale.
  [[nodiscard]] TcpTuning tuning() const;
  /// By name, one of `kCongestionNames`, who decides on the congestion window from now on: as
  /// TcpTuning::congestion_control. Error: Unsupported (any other name).
  Result<void> set_congestion_control(std::string_view name) const;
  /// Its name; static storage. It is "cubic" where "bbr" was meant and
  /// `TcpConfig::bbr_connections` have it. Error: StaleHandle.
  [[nodiscard]] Result<std::string_view> congestion_control() const;
  /// How long `close` may take to deliver what is queued before it aborts. Zero aborts at once;
  /// empty (the default) leaves it to the user timeout.
  Result<void> set_linger(std::optional<Duration> limit) const;
  /// R2 of this connection: how long unacknowledged data may wait for progress (RFC 9293 §3.8.3).
  /// Zero: for ever. What the peer says in an option no longer changes it. With keepalives it is
  /// also how long the peer may be silent, whatever their count, as in Linux.
  Result<void> set_user_timeout(Duration limit) const;
  /// Tells the peer in an option how long this side would wait for it, and from now on heeds what
  /// the peer tells in turn, within `TcpConfig::user_timeout_min` and `user_timeout_max` (RFC
  /// 5482). Called before the SYN leaves it goes with the SYN. Error: InvalidArgument (not above
  /// zero, or above 32,767 minutes).
  Result<void> advertise_user_timeout(Duration time) const;
  /// Keepalives of this connection; empty (the default): none. Error: InvalidArgument (a value is
  /// out of its range).
  Result<void> set_keepalive(const std::optional<KeepaliveOptions>& options) const;
  /// Whether urgent data is read in the stream, in line, as RFC 6093 §6 recommends: the default.
  /// Otherwise its last byte is not in the stream: `receive_urgent` has it, and one call of
  /// `receive`, `peek` or `receive_buffer` never reads across its place. Set it before urgent data
  /// arrives.
  Result<void> set_urgent_inline(bool on) const;
  /// The class of service that segments carry from now on: six bits, handed to IP as they are (RFC
  /// 9293 §3.9.1.9). Applications should not change it often. Default: 0. Error: InvalidArgument
  /// (above 63).
  Result<void> set_dscp(std::uint8_t dscp) const;
  /// How many routers segments may pass from now on. Default: `TcpConfig::hop_limit`. Error:
  /// InvalidArgument (zero).
  Result<void> set_hop_limit(std::uint8_t hops) const;
  /// Whether `on_soft_error` is called. Default: true.
  Result<void> set_soft_errors(bool on) const;
  /// From the next event on they go to `handler`, which must outlive the connection. An accepted
  /// connection starts with its listener's.
  Result<void> set_handler(TcpHandler& handler) const;
  /// A pointer of the application's choosing, null at first. The library never looks behind it.
  Result<void> set_user_data(void* data) const;
  /// What `set_user_data` was given; null when the handle is stale.
  [[nodiscard]] void* user_data() const;
  /// The same as a pointer to T, which must be what it was set from.
  template <class T>
  [[nodiscard]] T* user_data_as() const {
    return static_cast<T*>(user_data());
  }

  /// The connection as it is now. Looks at what is in flight, 4,096 segments at most: for reports,
  /// not for hot paths. Error: StaleHandle.
  [[nodiscard]] Result<TcpInfo> info() const;
  /// Both ends' addresses. Error: StaleHandle.
  [[nodiscard]] Result<FourTuple> endpoints() const;
  /// Closed when the handle is stale.
  [[nodiscard]] TcpState state() const;
  /// Whether the handle still names a connection.
  [[nodiscard]] bool is_open() const;

  /// Whether both name the same connection, which may be gone. A later connection never equals it.
  friend bool operator==(const TcpSocket&, const TcpSocket&) noexcept = default;
  /// Some order that holds for the whole run, so that sockets may be keys of a std::map; std::hash
  /// knows them, too.
  friend std::strong_ordering operator<=>(const TcpSocket& one, const TcpSocket& other) noexcept {
    if (one.stack_ != other.stack_) {
      return std::compare_three_way{}(one.stack_, other.stack_);
    }
    return one.key() <=> other.key();
  }
  /// A number that no other connection of this core has had, until 2^32 have been in its place.
  [[nodiscard]] std::uint64_t key() const noexcept {
    return std::uint64_t{generation_} << 32U | index_;
  }

  /// For the library.
  TcpSocket(stack::Stack* stack, std::uint32_t index, std::uint32_t generation) noexcept
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

/// Hears of a connection's events, on the core that owns it, once per turn of the loop each. All
/// are optional. Inside any of them any call on any object of that core is allowed, destroying the
/// handler of a closed connection included. No call on a socket, listener or worker calls a handler
/// from inside: what it causes is told after the handler or timer that made it has returned. A
/// handler, timer or start function that throws ends the process.
///
/// Order: `on_accepted` or `on_connected` first, then any of the middle ones, `on_closed` last and
/// exactly once. An open that failed hears `on_closed` alone; an accepted connection never does.
/// The library does not own handlers: each must outlive the connections and listeners that it was
/// given to. What belongs to one connection is a handler of its own, or its user data:
///
///     struct Session final : millrace::TcpHandler {
///       void on_closed(millrace::TcpSocket, millrace::Result<void>) override { delete this; }
///       std::string name;
///     };
///     struct Greeter final : millrace::TcpHandler {
///       void on_accepted(millrace::TcpSocket socket) override {
///         socket.set_handler(*new Session);  // Hears of this connection from here on.
///         socket.send("good day\n");
///       }
///     };
class TcpHandler {
 public:
  virtual ~TcpHandler() = default;

  /// A listener has a new connection.
  virtual void on_accepted(TcpSocket /*socket*/) {}
  /// An active open has succeeded.
  virtual void on_connected(TcpSocket /*socket*/) {}
  /// New bytes can be read. What is left unread is no event again until more arrives, or the peer's
  /// end behind it.
  virtual void on_readable(TcpSocket /*socket*/) {}
  /// After `send` took less than all, or `writable` answered little: a third of the send buffer is
  /// free again, and there are packets.
  virtual void on_writable(TcpSocket /*socket*/) {}
  /// The peer has announced urgent data, or more of it: `TcpSocket::urgent_left` says how much is
  /// to be read, `TcpSocket::receive_urgent` has the last byte if it is received out of line.
  virtual void on_urgent(TcpSocket /*socket*/) {}
  /// Trouble that may pass (RFC 9293 §3.9.1.8); the connection goes on: TimedOut (a segment has
  /// been sent `TcpConfig::r1_retransmissions` times more without an answer), NetworkUnreachable,
  /// HostUnreachable, ConnectionRefused and the like (a router or the peer's host has said so). Of
  /// several in a turn the last.
  virtual void on_soft_error(TcpSocket /*socket*/, Error /*error*/) {}
  /// The peer has sent FIN and everything before it has been read, wherever that was done. Sending
  /// is still possible; answer with `close` or `shutdown`, or the connection stays half open.
  virtual void on_peer_finished(TcpSocket /*socket*/) {}
  /// The connection is over: with a value if both directions were closed in order, else with the
  /// reason. Received bytes can still be read in here; afterwards the handle is stale.
  virtual void on_closed(TcpSocket /*socket*/, Result<void> /*outcome*/) {}
};

/// What a listener is given: `worker.listen({.port = millrace::Port{80}}, handler)`.
struct ListenOptions {
  Port port;            ///< Zero is an InvalidArgument.
  IpAddress address{};  ///< Which of our addresses; unspecified, shown as "::", means all.
  std::uint32_t backlog =
      511;  ///< Established connections that may wait while accepting is paused.
  std::uint32_t fast_open =
      0;  ///< Connections that may be accepted with the data of their SYN before their handshake is
          ///< over (RFC 7413). 0: none. Whoever is accepted so may be a replay of an older SYN:
          ///< only for servers to which a request that comes twice does no harm.
  Duration defer_accept{};  ///< A connection whose client says nothing is not accepted for so long,
                            ///< in steps of SYN,ACKs that are sent again; up to an hour. Zero, the
                            ///< default: at once. As Linux's TCP_DEFER_ACCEPT.
  TcpTuning tuning{};       ///< What accepted connections begin with.
};

/// A port that accepts connections. A small value, like TcpSocket, with the same rules: the
/// listener goes on when its handle does not, and calls after `close` answer Error::StaleHandle.
///
///     void slow_down(millrace::Worker& worker, millrace::TcpListener listener) {
///       listener.pause();
///       worker.after(std::chrono::seconds{1}, [listener] { listener.resume(); });
///     }
class TcpListener {
 public:
  /// Names no listener.
  TcpListener() noexcept = default;

  /// Stops listening. Connections that were accepted go on; half-open ones and those waiting are
  /// reset.
  Result<void> close() const;
  /// Connections complete their handshake but wait in the backlog, no `on_accepted`. When the
  /// backlog is full, further handshakes are left incomplete, as Linux does: the client retries.
  Result<void> pause() const;
  /// Accepts again, those waiting first.
  Result<void> resume() const;
  /// Where it listens. Error: StaleHandle.
  [[nodiscard]] Result<Endpoint> endpoint() const;

  friend bool operator==(const TcpListener&, const TcpListener&) noexcept = default;

  /// For the library.
  TcpListener(stack::Stack* stack, std::uint32_t index, std::uint32_t generation) noexcept
      : stack_{stack}, index_{index}, generation_{generation} {}

 private:
  stack::Stack* stack_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
};

/// What an active open is given: `worker.connect(peer, handler, {.timeout = 2s})`.
struct ConnectOptions {
  std::optional<IpAddress> local_address{};  ///< One of ours; empty: chosen by the route.
  Port local_port{};                         ///< Zero: chosen at random.
  std::optional<Duration> timeout{};  ///< How long to try; empty: `TcpConfig::connect_timeout`.
  std::span<const std::byte> data{};  ///< Copied, and sent first: at most 16 KiB. Queued at once,
                                      ///< so that it needs no `send` in `on_connected`.
  bool fast_open = false;  ///< `data` may leave with the SYN where the server allows it (RFC 7413);
                           ///< it may then arrive there twice. Otherwise it follows the handshake.
  TcpTuning tuning{};      ///< What the connection begins with; what its SYN says is decided by it.
};

}  // namespace millrace

/// Makes TcpSocket a key of unordered containers, which may hold handles of connections that are
/// gone. Any thread may call it.
///
///     std::unordered_map<millrace::TcpSocket, std::string> names;
template <>
struct std::hash<millrace::TcpSocket> {
  /// Never fails.
  [[nodiscard]] std::size_t operator()(const millrace::TcpSocket& socket) const noexcept {
    return std::hash<std::uint64_t>{}(socket.key());
  }
};

#pragma GCC visibility pop
