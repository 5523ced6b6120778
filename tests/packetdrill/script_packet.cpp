#include "script_packet.hpp"

#include <algorithm>
#include <numeric>

#include "script_options.hpp"

namespace millrace::test {

namespace {

constexpr std::uint32_t kLocal = 0xc0a80001;
constexpr std::uint32_t kRemote = 0xc0000201;
constexpr std::size_t kIpBytes = 20;
constexpr std::size_t kTcpBytes = 20;

void put16(std::span<std::uint8_t> at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8U);
  at[1] = static_cast<std::uint8_t>(value);
}

void put32(std::span<std::uint8_t> at, std::uint32_t value) {
  put16(at, value >> 16U);
  put16(at.subspan(2), value);
}

std::uint32_t get16(std::span<const std::uint8_t> at) { return at[0] * 256U + at[1]; }
std::uint32_t get32(std::span<const std::uint8_t> at) {
  return get16(at) << 16U | get16(at.subspan(2));
}

std::uint32_t sum(std::span<const std::uint8_t> bytes, std::uint32_t start) {
  std::uint32_t total = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    total += i % 2 == 0 ? bytes[i] * 256U : bytes[i];
    total = (total & 0xffffU) + (total >> 16U);
  }
  return total;
}

std::uint32_t pseudo_header(std::size_t tcp_bytes) {
  const std::uint32_t addresses =
      (kLocal >> 16U) + (kLocal & 0xffffU) + (kRemote >> 16U) + (kRemote & 0xffffU);
  return addresses + 6 + static_cast<std::uint32_t>(tcp_bytes);
}

}  // namespace

std::vector<std::uint8_t> bytes_of(const ScriptPacket& packet) {
  std::string words = packet.mss != 0 ? "mss:" + std::to_string(packet.mss) : "";
  if (packet.options) {
    words += (words.empty() ? "" : ",") + *packet.options;
  }
  const auto options = option_bytes(words);
  const std::size_t header = kTcpBytes + options.size();
  std::vector<std::uint8_t> bytes(kIpBytes + header + packet.payload);
  const std::span all{bytes};
  bytes[0] = 0x45;
  put16(all.subspan(2), static_cast<std::uint32_t>(bytes.size()));
  bytes[8] = 64;
  bytes[9] = 6;
  put32(all.subspan(12), kRemote);
  put32(all.subspan(16), kLocal);
  put16(all.subspan(10), ~sum(all.first(kIpBytes), 0) & 0xffffU);
  const auto tcp = all.subspan(kIpBytes);
  put16(tcp, packet.remote_port);
  put16(tcp.subspan(2), packet.local_port);
  put32(tcp.subspan(4), packet.seq);
  put32(tcp.subspan(8), packet.ack);
  tcp[12] = static_cast<std::uint8_t>(header / 4 << 4U);
  tcp[13] = packet.flags;
  put16(tcp.subspan(14), packet.window);
  std::ranges::copy(options, tcp.subspan(kTcpBytes).begin());
  std::iota(tcp.begin() + static_cast<std::ptrdiff_t>(header), tcp.end(), std::uint8_t{'a'});
  put16(tcp.subspan(16), ~sum(tcp, pseudo_header(tcp.size())) & 0xffffU);
  return bytes;
}

std::optional<ScriptPacket> packet_of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kIpBytes + kTcpBytes || bytes[0] != 0x45 || bytes[9] != 6 ||
      get16(bytes.subspan(2)) != bytes.size() || get32(bytes.subspan(12)) != kLocal ||
      get32(bytes.subspan(16)) != kRemote || sum(bytes.first(kIpBytes), 0) != 0xffff) {
    return std::nullopt;
  }
  const auto tcp = bytes.subspan(kIpBytes);
  const std::size_t header = tcp[12] / 16U * 4U;
  if (header < kTcpBytes || header > tcp.size() || sum(tcp, pseudo_header(tcp.size())) != 0xffff) {
    return std::nullopt;
  }
  ScriptPacket packet;
  packet.is_from_peer = false;
  packet.local_port = static_cast<std::uint16_t>(get16(tcp));
  packet.remote_port = static_cast<std::uint16_t>(get16(tcp.subspan(2)));
  packet.seq = get32(tcp.subspan(4));
  packet.ack = get32(tcp.subspan(8));
  packet.flags = tcp[13];
  packet.window = static_cast<std::uint16_t>(get16(tcp.subspan(14)));
  packet.payload = static_cast<std::uint32_t>(tcp.size() - header);
  packet.options = option_words(tcp.subspan(kTcpBytes, header - kTcpBytes));
  return packet;
}

std::string flags_text(std::uint8_t flags) {
  std::string text;
  text += (flags & ScriptPacket::kSyn) != 0 ? "S" : "";
  text += (flags & ScriptPacket::kFin) != 0 ? "F" : "";
  text += (flags & ScriptPacket::kRst) != 0 ? "R" : "";
  text += (flags & ScriptPacket::kPsh) != 0 ? "P" : "";
  text += (flags & ScriptPacket::kAck) != 0 ? "." : "";
  return text;
}

}  // namespace millrace::test
