// Frame: the bytes of a whole Ethernet frame on its way, move-only and eight bytes small, so that
// events can carry one without allocating. Its memory goes back to the FrameStore that it came
// from, which hands it out again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace millrace::sim {

class FrameStore;

class Frame {
 public:
  Frame() noexcept = default;
  /// Of `bytes` zeros, in memory of its own.
  explicit Frame(std::size_t bytes);
  Frame(Frame&& other) noexcept : block_{std::exchange(other.block_, nullptr)} {}
  Frame& operator=(Frame&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame();

  /// The same bytes once more, from the same store.
  [[nodiscard]] Frame clone() const;
  void append(std::span<const std::byte> bytes);
  /// Cuts it down to its first `bytes`.
  void truncate(std::size_t bytes);

  [[nodiscard]] std::size_t size() const noexcept { return block_ ? block_->bytes.size() : 0; }
  [[nodiscard]] std::byte* data() noexcept { return block_ ? block_->bytes.data() : nullptr; }
  [[nodiscard]] const std::byte* data() const noexcept {
    return block_ ? block_->bytes.data() : nullptr;
  }
  [[nodiscard]] std::byte* begin() noexcept { return data(); }
  [[nodiscard]] std::byte* end() noexcept { return data() + size(); }
  [[nodiscard]] const std::byte* begin() const noexcept { return data(); }
  [[nodiscard]] const std::byte* end() const noexcept { return data() + size(); }
  [[nodiscard]] std::byte& operator[](std::size_t at) noexcept { return block_->bytes[at]; }
  [[nodiscard]] std::byte operator[](std::size_t at) const noexcept { return block_->bytes[at]; }

 private:
  friend class FrameStore;
  struct Block {
    std::vector<std::byte> bytes;
    FrameStore* home = nullptr;  // None: freed when the frame is.
  };

  explicit Frame(Block* block) noexcept : block_{block} {}

  Block* block_ = nullptr;
};

/// Outlives its frames.
class FrameStore {
 public:
  FrameStore() = default;
  FrameStore(const FrameStore&) = delete;
  FrameStore& operator=(const FrameStore&) = delete;
  ~FrameStore() = default;

  /// An empty one.
  [[nodiscard]] Frame take();
  /// Frames that were ever made: the most that were on their way at once.
  [[nodiscard]] std::size_t made() const noexcept { return blocks_.size(); }

 private:
  friend class Frame;

  std::vector<std::unique_ptr<Frame::Block>> blocks_;
  std::vector<Frame::Block*> spare_;
};

}  // namespace millrace::sim
