// Capture: writes every frame that passes a device into a pcapng file, for Wireshark. The file
// format is all it knows; what the frames mean is for the reader.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "device/device.hpp"

namespace millrace::device {

/// One moment on both clocks: the steady one that drives the stack, and the wall's.
struct ClockAnchor {
  Instant steady;
  std::chrono::nanoseconds since_epoch;  ///< Wall-clock time at `steady`, since 1970-01-01 UTC.

  /// Takes the system's wall clock now, while the steady one shows `steady`.
  [[nodiscard]] static ClockAnchor at(Instant steady);
};

/// A pcapng file in the making. Used by one core at a time. Frames are buffered and written in
/// large pieces: when the buffer is full, on `flush`, and at the end.
class CaptureFile {
 public:
  /// Called once when a write fails and capturing has stopped, with one line that says so.
  using OnFailure = std::move_only_function<void(const std::string&)>;

  /// Longer frames are cut, which the file tells.
  static constexpr std::uint32_t kBytesKeptMax = 16'384;

  enum class Direction : std::uint8_t { Inbound = 1, Outbound = 2 };

  /// Creates or empties `path`. Error: one line with the reason.
  [[nodiscard]] static Result<std::unique_ptr<CaptureFile>, std::string> create(
      const std::string& path, const ClockAnchor& anchor);
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;
  /// Writes what is buffered.
  ~CaptureFile();

  void on_failure(OnFailure callback) { on_failure_ = std::move(callback); }

  /// Declares an Ethernet interface; the number goes with its frames. Before the first frame of it.
  [[nodiscard]] std::uint32_t add_interface(const std::string& name);
  /// Keeps a copy of the chain's bytes, of at most `kBytesKeptMax` of them.
  void write(std::uint32_t interface_number, Direction direction, Instant now,
             const rte_mbuf* frame) noexcept;
  void flush() noexcept;

  /// A place in the buffer to which `rewind` can return, as long as nothing was flushed since.
  struct Mark {
    std::size_t buffered_bytes = 0;
    std::uint64_t frames = 0;
  };
  /// Makes room for a whole burst, so that a mark stays good while it is written.
  void make_room_for_burst() noexcept;
  [[nodiscard]] Mark mark() const noexcept { return {buffer_.size(), frames_}; }
  void rewind(const Mark& mark) noexcept;

  /// Frames in the file or in the buffer.
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  /// Frames that came after a write had failed.
  [[nodiscard]] std::uint64_t frames_lost() const noexcept { return frames_lost_; }
  /// Empty as long as all is well.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

 private:
  CaptureFile(int descriptor, std::string path, const ClockAnchor& anchor);
  void put(std::span<const std::byte> bytes) noexcept;
  template <class T>
  void put_number(T value) noexcept;
  void put_padding() noexcept;
  void put_option(std::uint16_t code, std::span<const std::byte> value) noexcept;
  void begin_block(std::uint32_t type) noexcept;
  void end_block() noexcept;
  void put_section_header() noexcept;
  void stop(int error) noexcept;

  int descriptor_;
  std::string path_;
  ClockAnchor anchor_;
  std::vector<std::byte> buffer_;  // Reserved once; never grows.
  std::size_t block_start_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t frames_written_ = 0;
  std::uint32_t interfaces_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t frames_lost_ = 0;
  std::string failure_;
  OnFailure on_failure_;
};

/// Passes bursts on to `inner` and writes what passed. A frame sent is captured when the device
/// takes it, with its checksum fields as they were handed over.
class CaptureDevice final : public Device {
 public:
  using Clock = std::move_only_function<Instant() noexcept>;

  /// `file` must outlive the device. `clock` is read once per burst that moved a frame.
  CaptureDevice(std::unique_ptr<Device> inner, CaptureFile& file, const std::string& name,
                Clock clock);

  void rx_burst(packet::Burst& burst) noexcept override;
  void tx_burst(packet::Burst& burst) noexcept override;
  [[nodiscard]] const Capabilities& capabilities() const noexcept override {
    return inner_->capabilities();
  }
  [[nodiscard]] int wake_descriptor() const noexcept override { return inner_->wake_descriptor(); }
  /// Flushes the file first: a good moment, and the reader sees all there is.
  [[nodiscard]] bool arm_wake() noexcept override;
  void disarm_wake() noexcept override { inner_->disarm_wake(); }
  [[nodiscard]] std::uint32_t held_packets() const noexcept override {
    return inner_->held_packets();
  }
  [[nodiscard]] Losses losses() const noexcept override { return inner_->losses(); }

 private:
  void flush_now_and_then(Instant now) noexcept;

  std::unique_ptr<Device> inner_;
  CaptureFile& file_;
  std::uint32_t interface_number_;
  Clock clock_;
  Instant last_flush_{};
};

}  // namespace millrace::device
