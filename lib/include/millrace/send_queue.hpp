// SendQueue: what a connection could not take yet, kept until it can. Memory is taken once, by
// whoever makes the queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/tcp.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// Sends data whole although `TcpSocket::send` may take less: keeps the rest, in order, and goes on
/// when it is told to. One queue belongs to one connection; call `flush` in its `on_writable`.
///
/// Memory: the constructor takes all of it, no call afterwards takes any, so make queues at start
/// or in `on_accepted`. Back-pressure: `send` takes data whole or not at all; who has more than
/// `room()` waits for `on_writable`, and who answers requests reads the next one only while there
/// is room for its answer. The end: `close` and `shutdown` wait until all has gone. That may take
/// for ever if the peer does not read, so give it a timer that calls `TcpSocket::abort`. Use it on
/// the core of its connection.
///
///     struct Session final : millrace::TcpHandler {
///       void on_writable(millrace::TcpSocket socket) override { out.flush(socket); }
///       void say(millrace::TcpSocket socket, std::string_view line) {
///         if (!out.send(socket, line)) {
///           socket.abort();  // So much behind that this line does not fit any more.
///         }
///       }
///       void on_peer_finished(millrace::TcpSocket socket) override { out.close(socket); }
///       millrace::SendQueue out{16 * 1024};
///     };
class SendQueue {
 public:
  /// Has no memory: every `send` answers InvalidArgument.
  SendQueue() noexcept = default;
  /// Takes memory for `capacity` bytes beyond what the connection's send buffer holds, which is
  /// also the most that one `send` takes.
  explicit SendQueue(std::size_t capacity) : memory_(capacity) {}
  /// Takes over what `other` holds, which has no memory afterwards.
  SendQueue(SendQueue&& other) noexcept { *this = std::move(other); }
  /// Drops what is held, then takes over what `other` holds.
  SendQueue& operator=(SendQueue&& other) noexcept;
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;
  ~SendQueue() = default;

  /// Hands `data` to the connection and keeps what it does not take. All of it is taken or, on an
  /// error, nothing. While the connection is being opened all is kept: `flush` in `on_connected`.
  /// Errors: WouldBlock (more than `room()`: `on_writable` follows), InvalidArgument (more than
  /// `capacity()`: it never fits), InvalidState (`close` or `shutdown` was called, here or on the
  /// socket).
  Result<void> send(TcpSocket socket, std::span<const std::byte> data);
  /// The same, for text.
  Result<void> send(TcpSocket socket, std::string_view text);

  /// Hands over as much of what is kept as the connection takes, then ends it if that was asked for
  /// and nothing is left. For `on_writable`, and `on_connected` if anything was sent before it. To
  /// have sent nothing is no error. Error: InvalidState (sending was shut down on the socket while
  /// data was kept).
  Result<void> flush(TcpSocket socket);

  /// Calls `TcpSocket::close` once all has gone, which may be at once; nothing more can be sent.
  /// What arrives meanwhile is still to be read, or the connection ends with a reset. Errors: as
  /// `flush`.
  Result<void> close(TcpSocket socket);
  /// The same with `TcpSocket::shutdown`: receiving goes on. Errors: as `flush`.
  Result<void> shutdown(TcpSocket socket);

  /// Drops what is kept and forgets that an end was asked for: fit for another connection.
  void clear() noexcept;

  /// Bytes kept here, not counting what the connection has taken.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Whether nothing is kept.
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Bytes that may be kept.
  [[nodiscard]] std::size_t capacity() const noexcept { return memory_.size(); }
  /// Bytes that `send` is sure to take now; it takes no more than these.
  [[nodiscard]] std::size_t room() const noexcept { return memory_.size() - size_; }
  /// Whether an end was asked for and waits until all has gone.
  [[nodiscard]] bool is_ending() const noexcept {
    return end_ == End::Shutdown || end_ == End::Close;
  }

 private:
  enum class End : std::uint8_t {
    None,      ///< Not asked for.
    Shutdown,  ///< Waits until all has gone.
    Close,     ///< The same.
    Done,      ///< Was carried out.
  };

  [[gnu::visibility("hidden")]] Result<void> end(TcpSocket socket, End how);
  [[gnu::visibility("hidden")]] Result<void> finish(TcpSocket socket);
  [[gnu::visibility("hidden")]] void keep(std::span<const std::byte> data) noexcept;
  [[nodiscard, gnu::visibility("hidden")]] std::span<const std::byte> first_piece() const noexcept;

  std::vector<std::byte> memory_;  // A ring: the bytes kept begin at `begin_` and may wrap.
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  End end_ = End::None;
};

}  // namespace millrace

#pragma GCC visibility pop
