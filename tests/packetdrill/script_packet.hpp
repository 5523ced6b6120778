// TCP packets as scripts have them, to bytes and back, written for the driver alone: what
// Millrace's own code reads and writes is looked at by somebody else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

struct ScriptPacket {
  static constexpr std::uint8_t kFin = 1;
  static constexpr std::uint8_t kSyn = 2;
  static constexpr std::uint8_t kRst = 4;
  static constexpr std::uint8_t kPsh = 8;
  static constexpr std::uint8_t kAck = 16;

  bool is_from_peer = true;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint8_t flags = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint16_t window = 65'535;
  std::uint16_t mss = 0;  ///< Zero: no such option.
  std::uint32_t payload = 0;
  std::optional<std::string> options{};  ///< In words; of ours also the MSS is among them.
  bool names_window = false;             ///< What is expected says which one.
};

/// 192.168.0.1 is ours, 192.0.2.1 the peer's.
[[nodiscard]] std::vector<std::uint8_t> bytes_of(const ScriptPacket& packet);
/// Empty: it is no sound TCP packet of ours; a wrong checksum is that, too.
[[nodiscard]] std::optional<ScriptPacket> packet_of(std::span<const std::uint8_t> bytes);
/// "S.", "F.", "P." and so on.
[[nodiscard]] std::string flags_text(std::uint8_t flags);

}  // namespace millrace::test
