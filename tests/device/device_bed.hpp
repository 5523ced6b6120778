// What the device tests share: the EAL, pools, numbered frames, and the ways of moving all of them
// through a device. The EAL is started by our own class, and not by support/, since virtual devices
// of DPDK are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.hpp"
#include "device/dpdk/eal.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::test {

/// The EAL of this process, started on first use with no device. Aborts with the reason when it
/// cannot.
[[nodiscard]] device::Eal& eal();

/// Pools under names of their own; the EAL is started first.
[[nodiscard]] packet::CorePools make_core_pools();

/// Where frames come from and what became of them.
using Bytes = std::vector<std::byte>;

/// An Ethernet frame of `size` bytes, at least 18, that no two numbers have in common.
[[nodiscard]] Bytes numbered_frame(std::uint32_t number, std::size_t size);

/// One contiguous packet that holds `bytes`.
[[nodiscard]] packet::Packet packet_of(std::span<const std::byte> bytes, packet::PacketPool& pool);

/// A frame as the stack sends it: a header packet and references to pieces of `payload`, cut at
/// `cuts` (ascending offsets into the payload). The payload stays with the caller.
[[nodiscard]] packet::Packet chain_of(std::span<const std::byte> header,
                                      const packet::Packet& payload,
                                      std::span<const std::uint32_t> cuts,
                                      packet::CorePools& pools);

/// All bytes of a chain.
[[nodiscard]] Bytes bytes_of(const rte_mbuf* frame);

/// Everything that can be received within `turns` turns.
[[nodiscard]] std::vector<packet::Packet> receive_all(device::Device& receiver, unsigned turns = 8);

/// A TCP segment with payload, in IPv4 and Ethernet, as the stack sends it through a device with
/// `capabilities`: checksums asked of the device where it offers them, made here where it does not;
/// in pieces of odd length where chains are taken, which trip up sums made piece by piece.
class TcpFrame {
 public:
  TcpFrame(std::size_t payload_size, const device::Capabilities& capabilities,
           packet::CorePools& pools);

  /// As handed over: with partial checksums where the device completes them.
  [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }
  [[nodiscard]] packet::Packet packet(packet::CorePools& pools) const;
  /// What is wrong with the frame that arrived, or with the payload that stayed here; empty if all
  /// is well.
  [[nodiscard]] std::string flaw_in(const Bytes& received) const;

 private:
  void store(std::size_t at, std::uint16_t value);

  device::Capabilities capabilities_;
  Bytes bytes_;
  packet::Packet payload_;
};

}  // namespace millrace::test
