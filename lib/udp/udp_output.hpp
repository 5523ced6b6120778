// Puts the UDP header before a payload (RFC 768). IP and the way to the peer are left to others.
#pragma once

#include <cstdint>

#include <millrace/endpoint.hpp>

#include "packet/packet.hpp"

namespace millrace::udp {

/// RFC 768, RFC 791 §3.1: bytes of payload beyond which no IPv4 datagram goes.
inline constexpr std::uint32_t kPayloadMax = 65'507;

/// Who computes the checksum.
enum class ChecksumBy : std::uint8_t {
  Us,      ///< It is in the header.
  Device,  ///< The pseudo header's sum is; `Packet::request_checksums` has to follow.
};

/// Writes the header to the `wire::kUdpHeaderSize` bytes that `datagram`, which may be a chain of
/// at most `kPayloadMax` bytes beyond them, starts with.
void write_header(packet::Packet& datagram, const FourTuple& tuple, ChecksumBy who) noexcept;

}  // namespace millrace::udp
