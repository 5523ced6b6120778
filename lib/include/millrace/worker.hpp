// Worker: what an application can ask of the core it runs on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <millrace/buffer.hpp>
#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/function.hpp>
#include <millrace/stats.hpp>
#include <millrace/tcp.hpp>
#include <millrace/time.hpp>
#include <millrace/udp.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// A timer that was set. A small value with the rules of TcpSocket: stale once it has fired. The
/// timer goes on when its handle does not.
///
///     struct Session {
///       void heard_from_peer(millrace::Worker& worker) {
///         limit.cancel();
///         limit = worker.after(std::chrono::seconds{30}, [this] { socket.abort(); })
///                     .value_or(millrace::Timer{});
///       }
///       millrace::TcpSocket socket;
///       millrace::Timer limit;
///     };
class Timer {
 public:
  /// Names no timer.
  Timer() noexcept = default;

  /// Keeps it from firing; what its function has captured is destroyed at once. Inside handlers and
  /// other timers, too. Errors, which may be ignored: StaleHandle (it has fired, was cancelled, or
  /// names none), WrongCore.
  Result<void> cancel() const;

  /// For the library.
  Timer(stack::Stack* stack, std::uint32_t index, std::uint32_t generation) noexcept
      : stack_{stack}, index_{index}, generation_{generation} {}

 private:
  stack::Stack* stack_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
};

/// One of this host's addresses, and where it has it. A plain value.
struct InterfaceAddress {
  IpPrefix prefix;         ///< The address together with its network's length.
  std::size_t device = 0;  ///< Whose it is: a position in `Config::devices`, in the order of the
                           ///< command line's `--device`.

  /// The address alone.
  [[nodiscard]] constexpr const IpAddress& address() const noexcept { return prefix.address(); }
};

/// One core's share of Millrace: its connections, listeners and timers. Call it on its own thread
/// only, from the start function, a handler, a timer or a background completion; elsewhere every
/// call answers Error::WrongCore.
///
///     millrace::Result<void> listen(millrace::Worker& worker, millrace::TcpHandler& handler) {
///       const auto listener = worker.listen({.port = millrace::Port{7}}, handler);
///       return listener ? millrace::Result<void>{} : millrace::fail(listener.error());
///     }
class Worker {
 public:
  virtual ~Worker() = default;

  /// Listens. `handler` hears of every connection accepted and must outlive listener and
  /// connections. Errors: AddressInUse, AddressNotAvailable, InvalidArgument (port zero, or a
  /// value of the options is out of its range),
  /// OutOfListeners.
  virtual Result<TcpListener> listen(const ListenOptions& options, TcpHandler& handler) = 0;

  /// Starts to connect; `handler` hears `on_connected` or `on_closed` later and must outlive the
  /// connection. Errors: NetworkUnreachable, AddressNotAvailable, AddressInUse (no port free),
  /// InvalidArgument (destination is multicast, broadcast or unspecified, too much
  /// data, or a tuning out of its range), OutOfConnections, OutOfPackets (for the data).
  virtual Result<TcpSocket> connect(const Endpoint& destination, TcpHandler& handler,
                                    const ConnectOptions& options = {}) = 0;

  /// Opens a UDP socket. `handler` hears of its events and must outlive it. Errors: AddressInUse,
  /// AddressNotAvailable, InvalidArgument (a value of `options` is out of its range), OutOfSockets;
  /// with a peer those of `UdpSocket::connect`, too.
  virtual Result<UdpSocket> open_udp(const UdpOptions& options, UdpHandler& handler) = 0;

  /// Calls `function` once after `delay`, to within the wheel's tick of 33 µs, and never inside
  /// `after` itself: no delay, or a negative one, means "soon, but not in the middle of this". It
  /// may do all that handlers may. A function still waiting when the program ends is destroyed
  /// uncalled. Error: OutOfTimers.
  virtual Result<Timer> after(Duration delay, InlineFunction function) = 0;

  /// Runs `work` on a helper thread, where it may block, then `done` on this core. Neither may use
  /// objects of the other's thread without care of their own. At the end of the program, work that
  /// runs is waited for, the rest is destroyed uncalled. Error: WouldBlock (each helper thread has
  /// 64 jobs: there is room again when the `done` of one is called, so go on from there).
  virtual Result<void> background(InlineFunction work, InlineFunction done) = 0;

  /// An empty packet buffer to fill in place and send; it is the caller's. Error: OutOfPackets
  /// (some come back as peers acknowledge: try again in `on_writable`, or after a while).
  virtual Result<Buffer> allocate_buffer() = 0;

  /// Asks all workers of this program to stop after the current turn. Connections that are left are
  /// aborted, and their handlers hear `on_closed` with ConnectionAborted, so keep them until
  /// `Program::run` returns. That returns `exit_status`; the first call decides, and what such an
  /// `on_closed` asks for comes too late. What `Program::on_stop` was granted ends, too.
  virtual void stop(int exit_status = 0) noexcept = 0;

  /// The time at the start of this turn; it stands still inside one.
  [[nodiscard]] virtual Instant now() const noexcept = 0;
  /// Counters of this core since start. Valid as long as the worker, and changing.
  [[nodiscard]] virtual const CoreStats& stats() const noexcept = 0;
  /// What this core holds now. Walks tables: for reports, not for hot paths.
  [[nodiscard]] virtual CoreUsage usage() const noexcept = 0;
  /// This host's addresses as `--address` or the configuration gave them, device by device; never
  /// empty. All workers have the same. On any thread; valid as long as the worker, and unchanging.
  ///
  ///     millrace::Endpoint own_endpoint(const millrace::Worker& worker, millrace::Port port) {
  ///       return {worker.addresses().front().address(), port};
  ///     }
  [[nodiscard]] virtual std::span<const InterfaceAddress> addresses() const noexcept = 0;
  /// The name servers that `--dns` or the configuration gave; empty: those of /etc/resolv.conf. All
  /// workers have the same. On any thread; valid as long as the worker, and unchanging.
  [[nodiscard]] virtual std::span<const Endpoint> name_servers() const noexcept = 0;
  /// Which of the program's workers this is, counted from zero.
  [[nodiscard]] virtual unsigned index() const noexcept = 0;
};

}  // namespace millrace

#pragma GCC visibility pop
