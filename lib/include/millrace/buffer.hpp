// Buffer: a piece of packet memory that an application holds, fills or passes on without copying.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

struct rte_mbuf;

#pragma GCC visibility push(default)

namespace millrace {

/// The same bytes as text, for protocols that are made of it: `as_text(socket.peek())`. No copy is
/// made; valid as long as `bytes`. On any thread.
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

/// Owns one packet buffer: either payload as it was received, or an empty one to be filled in place
/// and sent.
///
/// Lifetime: move-only; the memory returns to its core's pool when the Buffer is destroyed or sent.
/// Held Buffers count against the pool, so hold few and shortly. Use and destroy it on the core
/// that it came from, while the worker lives; inside any handler. Nothing here blocks or fails.
///
///     millrace::Result<void> send_in_place(millrace::Worker& worker, millrace::TcpSocket socket) {
///       auto buffer = worker.allocate_buffer();
///       if (!buffer) {
///         return millrace::fail(buffer.error());
///       }
///       buffer->spare()[0] = std::byte{'!'};
///       buffer->extend(1);
///       return socket.send(*std::move(buffer));
///     }
class Buffer {
 public:
  /// Holds no memory.
  Buffer() noexcept = default;
  /// Takes over the memory of `other`, which holds none afterwards.
  Buffer(Buffer&& other) noexcept : mbuf_{std::exchange(other.mbuf_, nullptr)} {}
  /// Gives its memory back, then takes over that of `other`.
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  /// The payload held, contiguous; empty without memory. Valid until the Buffer is moved, sent or
  /// destroyed. Of a UDP datagram that came in several pieces, the first one.
  [[nodiscard]] std::span<std::byte> data() const noexcept;
  /// Bytes in `data()`.
  [[nodiscard]] std::size_t size() const noexcept { return data().size(); }
  /// Whether there is no payload.
  [[nodiscard]] bool empty() const noexcept { return mbuf_ == nullptr || size() == 0; }

  /// Whether more pieces follow behind `data()`. Only what a UdpSocket has received may have any.
  [[nodiscard]] bool has_more_pieces() const noexcept;
  /// Bytes of all pieces.
  [[nodiscard]] std::size_t total_size() const noexcept;
  /// Takes the pieces behind the first one, which a Buffer of their own then holds: empty if there
  /// are none. Walks through a payload without copying it.
  [[nodiscard]] Buffer take_rest() noexcept;
  /// Copies what fits of all pieces' bytes and returns how many that was.
  std::size_t copy_to(std::span<std::byte> into) const noexcept;

  /// The room behind `data()`: write here, then `extend` by what was written. Valid as `data()` is.
  /// None while more pieces follow.
  [[nodiscard]] std::span<std::byte> spare() const noexcept;
  /// Moves the first `bytes` of `spare()` to the end of `data()`; more than that room is a contract
  /// violation.
  void extend(std::size_t bytes) noexcept;
  /// Forgets the first `bytes` of `data()`; more than there are is a contract violation.
  void remove_prefix(std::size_t bytes) noexcept;

  /// For the library: hands the packet out and becomes empty.
  [[nodiscard]] rte_mbuf* release() noexcept { return std::exchange(mbuf_, nullptr); }
  /// For the library: takes a packet whose data is the payload.
  explicit Buffer(rte_mbuf* mbuf) noexcept : mbuf_{mbuf} {}

 private:
  rte_mbuf* mbuf_ = nullptr;
};

}  // namespace millrace

#pragma GCC visibility pop
