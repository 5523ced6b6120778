// Buffer: a piece of packet memory that an application holds, fills or passes on without copying.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

struct rte_mbuf;

namespace millrace {

/// Owns one packet buffer: either payload as it was received, or an empty one to be filled in place
/// and sent.
///
/// Lifetime: move-only; the memory returns to its core's pool when the Buffer is destroyed or sent.
/// Held Buffers count against the pool, so hold few and shortly. Use and destroy it on the core
/// that it came from, while the worker lives.
class Buffer {
 public:
  Buffer() noexcept = default;
  Buffer(Buffer&& other) noexcept : mbuf_{std::exchange(other.mbuf_, nullptr)} {}
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  /// Payload bytes held, contiguous. Valid as long as the Buffer.
  [[nodiscard]] std::span<std::byte> data() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return data().size(); }
  [[nodiscard]] bool empty() const noexcept { return mbuf_ == nullptr || size() == 0; }

  /// The room behind `data()`: write here, then `extend` by what was written.
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
