// Offsets are those of memif's control messages, version 2, without padding.
#include "device/dpdk/memif_introduction.hpp"

#include <sys/stat.h>

#include <utility>

namespace millrace::device {

namespace {

constexpr std::size_t kRegionIndex = 2;
constexpr std::size_t kRegionBytes = 4;

constexpr std::size_t kRingFlags = 2;
constexpr std::size_t kRingIndex = 4;
constexpr std::size_t kRingRegion = 6;
constexpr std::size_t kRingOffset = 8;
constexpr std::size_t kRingSizeLog2 = 12;

constexpr std::uint16_t kToServer = 1;  // Among a ring's flags.
constexpr unsigned kRingSizeLog2Max = 14;
// A ring: two cache lines of counters, then its descriptors.
constexpr std::uint64_t kRingHeadBytes = 128;
constexpr std::uint64_t kDescriptorBytes = 16;

bool is_whole(const MemifMessage& message, std::size_t descriptors) noexcept {
  return message.size == MemifMessage::kBytes && message.descriptor_count == descriptors;
}

/// Beyond a file's end a mapping has pages that end whoever touches them.
bool holds(const OwnDescriptor& file, std::uint64_t bytes) noexcept {
  struct stat found {};
  return ::fstat(file.number(), &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0 &&
         static_cast<std::uint64_t>(found.st_size) >= bytes;
}

}  // namespace

bool MemifIntroduction::allows_from_client(const MemifMessage& message) noexcept {
  switch (message.type()) {
    case MemifType::Init: return is_whole(message, 0) && !std::exchange(has_begun_, true);
    case MemifType::AddRegion: return has_begun_ && is_whole(message, 1) && add_region(message);
    case MemifType::AddRing: return has_begun_ && is_whole(message, 1) && add_ring(message);
    case MemifType::Connect: return is_whole(message, 0) && has_ring_[0] && has_ring_[1];
    case MemifType::None:
    case MemifType::Ack:
    case MemifType::Hello:
    case MemifType::Connected:
    case MemifType::Disconnect: break;
  }
  return false;
}

bool MemifIntroduction::allows_from_server(const MemifMessage& message) noexcept {
  if (!is_whole(message, 0)) {
    return false;
  }
  switch (message.type()) {
    case MemifType::Hello: return !std::exchange(has_begun_, true);
    case MemifType::Ack:
      if (unanswered_ == 0) {
        return false;
      }
      --unanswered_;
      return true;
    case MemifType::Connected: return driver_is_done_;
    case MemifType::None:
    case MemifType::Init:
    case MemifType::AddRegion:
    case MemifType::AddRing:
    case MemifType::Connect:
    case MemifType::Disconnect: break;
  }
  return false;
}

void MemifIntroduction::note_from_driver(const MemifMessage& message) noexcept {
  driver_is_done_ = driver_is_done_ || message.type() == MemifType::Connect;
  ++unanswered_;
}

bool MemifIntroduction::add_region(const MemifMessage& message) noexcept {
  const auto bytes = message.field<std::uint64_t>(kRegionBytes);
  if (regions_ == kRegionsMax || message.field<std::uint16_t>(kRegionIndex) != regions_ ||
      bytes == 0 || !holds(message.descriptors[0], bytes)) {
    return false;
  }
  region_bytes_[regions_++] = bytes;
  return true;
}

/// We have one queue, hence one ring in each direction.
bool MemifIntroduction::add_ring(const MemifMessage& message) noexcept {
  const bool leads_to_server = (message.field<std::uint16_t>(kRingFlags) & kToServer) != 0;
  const auto region = message.field<std::uint16_t>(kRingRegion);
  const unsigned size_log2 = message.field<std::uint8_t>(kRingSizeLog2);
  if (message.field<std::uint16_t>(kRingIndex) != 0 || region >= regions_ ||
      size_log2 > kRingSizeLog2Max) {
    return false;
  }
  const std::uint64_t end =
      message.field<std::uint32_t>(kRingOffset) + kRingHeadBytes + (kDescriptorBytes << size_log2);
  return end <= region_bytes_[region] && !std::exchange(has_ring_[leads_to_server ? 1 : 0], true);
}

}  // namespace millrace::device
