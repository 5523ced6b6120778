// Starts the EAL for the device tests, and builds and reads frames.
#include "device/device_bed.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "wire/checksum.hpp"

namespace millrace::test {

namespace {

constexpr std::size_t kIpStart = 14;
constexpr std::size_t kIpChecksumAt = kIpStart + 10;
constexpr std::size_t kTcpStart = kIpStart + 20;
constexpr std::size_t kTcpChecksumAt = kTcpStart + 16;
constexpr std::size_t kHeaderBytes = kTcpStart + 20;
constexpr IpAddress kSource = IpAddress::v4(198, 18, 0, 1);
constexpr IpAddress kDestination = IpAddress::v4(198, 18, 0, 2);

template <class T>
T value_or_abort(Result<T, std::string> result) {
  if (!result) {
    std::fprintf(stderr, "test bed: %s\n", result.error().c_str());
    std::abort();
  }
  return std::move(*result);
}

}  // namespace

device::Eal& eal() {
  static device::Eal running = value_or_abort(device::Eal::start({.device_arguments = {},
                                                                  .extra_arguments = {},
                                                                  .cores = {},
                                                                  .memory_bytes = 128ULL << 20U,
                                                                  .use_hugepages = false,
                                                                  .uses_pci = false,
                                                                  .is_verbose = false}));
  return running;
}

packet::CorePools make_core_pools() {
  static_cast<void>(eal());
  static unsigned made = 0;
  const packet::PoolSizes sizes{.data = 4'095, .headers = 1'023, .references = 1'023};
  return value_or_abort(packet::CorePools::create("test" + std::to_string(made++), sizes, 0));
}

Bytes numbered_frame(std::uint32_t number, std::size_t size) {
  // To a locally administered address, of the EtherType that IEEE 802 leaves to local experiments.
  constexpr std::array<std::uint8_t, 14> kHeader{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
  Bytes frame(size);
  std::memcpy(frame.data(), kHeader.data(), kHeader.size());
  std::memcpy(frame.data() + kHeader.size(), &number, sizeof(number));
  for (std::size_t i = kHeader.size() + sizeof(number); i < size; ++i) {
    frame[i] = static_cast<std::byte>((i * 31 + number * 7) & 0xffU);
  }
  return frame;
}

packet::Packet packet_of(std::span<const std::byte> bytes, packet::PacketPool& pool) {
  packet::Packet packet = pool.allocate();
  if (packet && !bytes.empty()) {
    std::ranges::copy(bytes, packet.append(static_cast<std::uint16_t>(bytes.size())).begin());
  }
  return packet;
}

packet::Packet chain_of(std::span<const std::byte> header, const packet::Packet& payload,
                        std::span<const std::uint32_t> cuts, packet::CorePools& pools) {
  packet::Packet frame = packet_of(header, pools.headers);
  std::uint32_t start = 0;
  const auto append_piece = [&](std::uint32_t end) {
    packet::Packet piece = pools.references.reference(payload.get(), start, end - start);
    base::expects(frame.chain(piece));
    start = end;
  };
  for (const std::uint32_t cut : cuts) {
    append_piece(cut);
  }
  append_piece(payload.size());
  return frame;
}

Bytes bytes_of(const rte_mbuf* frame) {
  Bytes bytes;
  for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    const std::byte* const data = rte_pktmbuf_mtod(segment, const std::byte*);
    bytes.insert(bytes.end(), data, data + segment->data_len);
  }
  return bytes;
}

std::vector<packet::Packet> receive_all(device::Device& receiver, unsigned turns) {
  std::vector<packet::Packet> received;
  for (unsigned empty_turns = 0; empty_turns < turns;) {
    packet::Burst burst;
    receiver.rx_burst(burst);
    empty_turns = burst.empty() ? empty_turns + 1 : 0;
    for (std::uint16_t i = 0; i < burst.size(); ++i) {
      received.push_back(burst.take(i));
    }
  }
  return received;
}

TcpFrame::TcpFrame(std::size_t payload_size, const device::Capabilities& capabilities,
                   packet::CorePools& pools)
    : capabilities_{capabilities}, bytes_{numbered_frame(9, kHeaderBytes + payload_size)} {
  const auto total = static_cast<unsigned>(kHeaderBytes - kIpStart + payload_size);
  const std::array<unsigned, 42> headers{0x08, 0x00,  // IPv4
                                         0x45, 0,    total >> 8U, total & 0xffU,
                                         0,    1,    0x40,        0,
                                         64,   6,    0,           0,  //
                                         198,  18,   0,           1,
                                         198,  18,   0,           2,  // addresses
                                         0x30, 0x39, 0,           80,
                                         0,    0,    0,           1,
                                         0,    0,    0,           2,
                                         0x50, 0x18, 0x10,        0,
                                         0,    0,    0,           0};  // TCP
  std::ranges::transform(headers, bytes_.begin() + kIpStart - 2,
                         [](unsigned byte) { return std::byte(byte); });
  const std::span<const std::byte> segment = std::span{bytes_}.subspan(kTcpStart);
  wire::Checksum sum;
  sum.add_pseudo_header(kSource, kDestination, wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(segment.size()));
  if (!capabilities.tx_tcp_checksum) {
    sum.add(segment);
  }
  store(kTcpChecksumAt, capabilities.tx_tcp_checksum ? sum.folded() : sum.finish());
  if (!capabilities.tx_ipv4_checksum) {
    store(kIpChecksumAt,
          wire::internet_checksum(std::span{bytes_}.subspan(kIpStart, kTcpStart - kIpStart)));
  }
  payload_ = packet_of(std::span{bytes_}.subspan(kHeaderBytes), pools.data);
}

packet::Packet TcpFrame::packet(packet::CorePools& pools) const {
  const std::vector<std::uint32_t> cuts =
      payload_.size() > 2 ? std::vector<std::uint32_t>{1, 2} : std::vector<std::uint32_t>{};
  packet::Packet packet =
      capabilities_.multi_segment
          ? chain_of(std::span{bytes_}.first(kHeaderBytes), payload_, cuts, pools)
          : packet_of(bytes_, pools.data);
  packet.request_checksums(kIpStart, kTcpStart - kIpStart, capabilities_.tx_ipv4_checksum,
                           capabilities_.tx_tcp_checksum);
  return packet;
}

std::string TcpFrame::flaw_in(const Bytes& received) const {
  if (received.size() != bytes_.size()) {
    return "size " + std::to_string(received.size()) + " instead of " +
           std::to_string(bytes_.size());
  }
  std::string flaw;
  if (!wire::has_valid_checksum(std::span{received}.subspan(kIpStart, kTcpStart - kIpStart))) {
    flaw += "wrong IPv4 checksum; ";
  }
  if (!wire::has_valid_transport_checksum(kSource, kDestination, wire::IpProtocol::Tcp,
                                          std::span{received}.subspan(kTcpStart))) {
    flaw += "wrong TCP checksum; ";
  }
  const auto payload = std::span{bytes_}.subspan(kHeaderBytes);
  if (!std::ranges::equal(std::span{received}.subspan(kHeaderBytes), payload)) {
    flaw += "payload changed on the way; ";
  }
  if (!std::ranges::equal(payload_.data(), payload)) {
    flaw += "the sender's own payload changed; ";
  }
  return flaw;
}

void TcpFrame::store(std::size_t at, std::uint16_t value) {
  bytes_[at] = static_cast<std::byte>(value >> 8U);
  bytes_[at + 1] = static_cast<std::byte>(value & 0xffU);
}

}  // namespace millrace::test
