// The header that is written, and its checksum.
#include "udp/udp_output.hpp"

#include "support/covers.hpp"
#include "udp/udp_bed.hpp"

namespace millrace::udp {
namespace {

using test::covers;

class UdpOutputTest : public UdpBed {
 protected:
  static constexpr FourTuple kTuple{.local = {.address = kOurs, .port = Port{53}},
                                    .remote = {.address = kPeer, .port = Port{1'000}}};
  /// A packet that begins with room for the header.
  static packet::Packet with_room(std::vector<std::byte> payload) {
    payload.insert(payload.begin(), wire::kUdpHeaderSize, std::byte{0xff});
    return chain_of(payload, 1'000);
  }
};

TEST_F(UdpOutputTest, WritesPortsLengthAndChecksum) {
  covers({"RFC 1122 §4.1.2", "RFC 1122 §4.1.3.4"});
  for (const std::size_t bytes : {0UL, 1UL, 999UL, 4'001UL, 65'507UL}) {
    packet::Packet packet = with_room(pattern(bytes));
    write_header(packet, kTuple, ChecksumBy::Us);
    const auto sent = flat(packet);
    const auto header = wire::parse_udp(sent);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->source_port, 53);
    EXPECT_EQ(header->destination_port, 1'000);
    EXPECT_EQ(header->length, bytes + 8);
    EXPECT_TRUE(header->has_checksum);
    EXPECT_TRUE(wire::has_valid_transport_checksum(kOurs, kPeer, wire::IpProtocol::Udp, sent));
  }
}

TEST_F(UdpOutputTest, ASumOfZeroTravelsAsAllOnes) {
  covers({"RFC 1122 §4.1.2"});
  // Two bytes that make the sum zero: what the checksum was without them.
  packet::Packet probe = with_room({std::byte{0}, std::byte{0}});
  write_header(probe, kTuple, ChecksumBy::Us);
  const std::uint16_t sum = wire::udp_checksum_field(probe.data());
  packet::Packet packet =
      with_room({static_cast<std::byte>(sum >> 8U), static_cast<std::byte>(sum & 0xffU)});
  write_header(packet, kTuple, ChecksumBy::Us);
  EXPECT_EQ(wire::udp_checksum_field(packet.data()), 0xffff);
  EXPECT_TRUE(
      wire::has_valid_transport_checksum(kOurs, kPeer, wire::IpProtocol::Udp, packet.data()));
}

TEST_F(UdpOutputTest, ForTheDeviceItHoldsThePseudoHeadersSum) {
  packet::Packet packet = with_room(pattern(100));
  write_header(packet, kTuple, ChecksumBy::Device);
  EXPECT_TRUE(wire::is_partial_checksum(wire::udp_checksum_field(packet.data()), kOurs, kPeer,
                                        wire::IpProtocol::Udp, 108));
}

}  // namespace
}  // namespace millrace::udp
