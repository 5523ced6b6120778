// MemifMessage: one message of memif's control channel, with the descriptors that came along. What
// it may say is for memif_introduction, whom it is handed to for memif_relay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "device/dpdk/own_descriptor.hpp"

namespace millrace::device {

/// What a message is about: its first two bytes, in host order.
enum class MemifType : std::uint16_t {
  None = 0,
  Ack = 1,
  Hello = 2,
  Init = 3,
  AddRegion = 4,
  AddRing = 5,
  Connect = 6,
  Connected = 7,
  Disconnect = 8,
};

struct MemifMessage {
  static constexpr std::size_t kBytes = 128;     // Of every message that is one.
  static constexpr std::size_t kBytesMax = 256;  // Room, so that a longer one shows as such.
  static constexpr std::size_t kDescriptorsMax = 4;

  /// None where the message is too short to tell.
  [[nodiscard]] MemifType type() const noexcept {
    return size >= sizeof(MemifType) ? field<MemifType>(0) : MemifType::None;
  }
  /// The value at that offset, in host order: both ends are on one machine.
  template <class T>
  [[nodiscard]] T field(std::size_t offset) const noexcept {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  }

  std::array<std::byte, kBytesMax> bytes{};
  std::size_t size = 0;
  std::array<OwnDescriptor, kDescriptorsMax> descriptors;
  std::size_t descriptor_count = 0;
};

}  // namespace millrace::device
