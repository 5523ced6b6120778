// TCP as applications see it: TcpListener, TcpSocket and the handler that hears of their events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <millrace/buffer.hpp>
#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
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

/// One connection. A small value that names it: copy it freely, keep it as long as you like. Once
/// the connection is gone every call answers Error::StaleHandle. The owner of the connection is its
/// core: calls from another thread answer Error::WrongCore. No call blocks; every call may be made
/// inside any handler.
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
  Result<std::size_t> send(std::span<const std::byte> data);
  /// The same, for text.
  Result<std::size_t> send(std::string_view text);

  /// Queues a whole Buffer without copying, which succeeds whenever `writable()` is above zero and
  /// packets are left. On an error `buffer` is left as it was. Errors: as above.
  Result<void> send(Buffer&& buffer);

  /// Copies received bytes out and returns how many, at least one (none for an empty `into`).
  /// Errors: WouldBlock (nothing there: `on_readable` follows), EndOfStream (the peer has finished
  /// and all is read).
  Result<std::size_t> receive(std::span<std::byte> into);

  /// Takes the next received packet as it is, without copying. Errors: as above.
  Result<Buffer> receive_buffer();

  /// Borrows the next contiguous received bytes, empty if there are none; more may follow behind
  /// them. Valid until the handler returns or anything else is called on this socket. `consume`
  /// what you have used; what you leave stays, and is no event again until more arrives.
  [[nodiscard]] std::span<const std::byte> peek() const;
  /// Gives back the first `bytes` of what has been received. Error: InvalidArgument (more than
  /// there are).
  Result<void> consume(std::size_t bytes);

  /// Payload bytes that `receive` could return now.
  [[nodiscard]] std::size_t readable() const;
  /// Bytes that `send` would take now. Zero also when it would fail. While less than a third of the
  /// send buffer is free, asking also asks for `on_writable`.
  [[nodiscard]] std::size_t writable() const;
  /// Payload bytes handed to `send` and not yet acknowledged by the peer.
  [[nodiscard]] std::size_t unacknowledged() const;

  /// Says that nothing more will be sent: FIN follows what is queued; receiving goes on. When the
  /// peer has finished, too, and all is read and acknowledged, the connection ends by itself, and
  /// `close` is not needed. Error: InvalidState (not connected yet).
  Result<void> shutdown();
  /// Ends the connection in order: what is queued is still sent, then FIN. If received data is
  /// unread, or data arrives later, the peer gets a reset instead (RFC 9293 §3.6.1). Only
  /// `on_closed` follows. Closing twice is harmless.
  Result<void> close();
  /// Ends the connection at once with a reset; what is queued is lost. `on_closed` follows with
  /// ConnectionAborted: not inside this call, but after the handler or timer that makes it has
  /// returned. Until then the handle is valid.
  Result<void> abort();

  /// Whether small segments may leave at once (Nagle's algorithm off, RFC 9293 §3.7.4). Default:
  /// false.
  Result<void> set_no_delay(bool on);
  /// How long `close` may take to deliver what is queued before it aborts. Zero aborts at once;
  /// empty (the default) leaves it to the user timeout.
  Result<void> set_linger(std::optional<Duration> limit);
  /// R2 of this connection: how long unacknowledged data may wait for progress (RFC 9293 §3.8.3).
  /// Zero: for ever.
  Result<void> set_user_timeout(Duration limit);
  /// From the next event on they go to `handler`, which must outlive the connection. An accepted
  /// connection starts with its listener's.
  Result<void> set_handler(TcpHandler& handler);
  /// A pointer of the application's choosing, null at first. The library never looks behind it.
  Result<void> set_user_data(void* data);
  /// What `set_user_data` was given; null when the handle is stale.
  [[nodiscard]] void* user_data() const;
  /// The same as a pointer to T, which must be what it was set from.
  template <class T>
  [[nodiscard]] T* user_data_as() const {
    return static_cast<T*>(user_data());
  }

  /// Both ends' addresses. Error: StaleHandle.
  [[nodiscard]] Result<FourTuple> endpoints() const;
  /// Closed when the handle is stale.
  [[nodiscard]] TcpState state() const;
  /// Whether the handle still names a connection.
  [[nodiscard]] bool is_open() const;

  friend bool operator==(const TcpSocket&, const TcpSocket&) noexcept = default;

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
  /// New bytes can be read. What is left unread is no event again until more arrives.
  virtual void on_readable(TcpSocket /*socket*/) {}
  /// After `send` took less than all, or `writable` answered little: a third of the send buffer is
  /// free again.
  virtual void on_writable(TcpSocket /*socket*/) {}
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
};

/// A port that accepts connections. A small value, like TcpSocket, with the same rules: the
/// listener goes on when its handle does not, and calls after `close` answer Error::StaleHandle.
///
///     void slow_down(millrace::Worker& worker, millrace::TcpListener listener) {
///       listener.pause();
///       worker.after(std::chrono::seconds{1}, [listener]() mutable { listener.resume(); });
///     }
class TcpListener {
 public:
  /// Names no listener.
  TcpListener() noexcept = default;

  /// Stops listening. Connections that were accepted go on; half-open ones and those waiting are
  /// reset.
  Result<void> close();
  /// Connections complete their handshake but wait in the backlog, no `on_accepted`. When the
  /// backlog is full, further handshakes are left incomplete, as Linux does: the client retries.
  Result<void> pause();
  /// Accepts again, those waiting first.
  Result<void> resume();
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
};

}  // namespace millrace

#pragma GCC visibility pop
