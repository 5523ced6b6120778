// Tap: a TAP interface of the kernel's in a network namespace: made with its addresses and routes,
// read and written frame by frame, never waited for, and gone with its owner. Frames are as on a
// wire: no offload joins, splits or half finishes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

namespace millrace::sim {

struct TapSetup {
  std::string name;                 ///< Of the interface: 1 to 15 characters, and not taken.
  std::string network_namespace{};  ///< By its name in /run/netns. Empty: the process's own.
  MacAddress mac{};                 ///< Of the kernel's end.
  IpPrefix address{};               ///< Likewise. IPv4.
  std::optional<IpAddress> gateway{};
  std::vector<IpPrefix> routes{};  ///< By way of the gateway.
  std::uint16_t mtu = 1'500;
};

class Tap {
 public:
  /// Longer frames are not read whole.
  static constexpr std::size_t kFrameMax = 65'550;

  /// Error: one line, which says what was wrong and, where known, what would be right.
  [[nodiscard]] static Result<Tap, std::string> open(const TapSetup& setup);
  /// Takes over a descriptor that hands over a frame with each read and write and does not block.
  explicit Tap(int descriptor) noexcept : descriptor_{descriptor} {}
  Tap(Tap&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  Tap& operator=(Tap&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Tap();

  /// Readable when the kernel has sent something.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// The next frame that the kernel has sent: its size, zero if there is none. Error: the
  /// interface can be read no more.
  [[nodiscard]] Result<std::size_t, std::string> read(std::span<std::byte> into);
  /// Hands the kernel a frame. False: it had no room, and the frame is lost. Error: as above.
  [[nodiscard]] Result<bool, std::string> write(std::span<const std::byte> frame);

 private:
  int descriptor_;
};

}  // namespace millrace::sim
