// What is taken for UDP and what is not, in one piece and in fragments.
#include "udp/udp_input.hpp"

#include <rte_mbuf.h>

#include "support/covers.hpp"
#include "udp/udp_bed.hpp"

namespace millrace::udp {
namespace {

using test::covers;

class UdpInputTest : public UdpBed {
 protected:
  struct Made {
    wire::Ipv4Header header;
    std::vector<std::byte> bytes;
  };
  /// A sound datagram; `padding` bytes of IP payload lie behind its UDP length.
  static Made make(std::size_t payload_bytes, std::size_t padding = 0) {
    const auto payload = pattern(payload_bytes);
    const std::size_t length = wire::kUdpHeaderSize + payload_bytes;
    Made made;
    made.header = {.source = kPeer,
                   .destination = kOurs,
                   .protocol = wire::IpProtocol::Udp,
                   .total_length = static_cast<std::uint16_t>(20 + length + padding)};
    made.bytes.resize(made.header.total_length, std::byte{0xee});
    wire::emit_ipv4(made.bytes, made.header, true);
    const auto udp = std::span{made.bytes}.subspan(20, length);
    wire::emit_udp(udp, {.source_port = 1'000,
                         .destination_port = 53,
                         .length = static_cast<std::uint16_t>(length)});
    std::ranges::copy(payload, udp.begin() + wire::kUdpHeaderSize);
    wire::Checksum sum;
    sum.add_pseudo_header(kPeer, kOurs, wire::IpProtocol::Udp, static_cast<std::uint32_t>(length));
    sum.add(udp);
    wire::set_udp_checksum(udp, sum.finish());
    return made;
  }
  static void set_checksum(Made& made, std::uint16_t value) {
    made.bytes[26] = static_cast<std::byte>(value >> 8U);
    made.bytes[27] = static_cast<std::byte>(value & 0xffU);
  }
  static std::string_view flaw_of(const Made& made, std::uint64_t verdict = 0) {
    packet::Packet packet = packet_of(made.bytes);
    packet.get()->ol_flags |= verdict;
    const auto accepted = accept_udp(made.header, packet);
    return accepted ? "none" : to_string(accepted.error());
  }
};

TEST_F(UdpInputTest, ASoundDatagramOfAnySizeIsTakenApart) {
  covers({"RFC 1122 §4.1.2"});
  for (const std::size_t bytes : {0UL, 1UL, 2UL, 7UL, 1'472UL}) {
    const Made made = make(bytes);
    packet::Packet packet = packet_of(made.bytes);
    const auto accepted = accept_udp(made.header, packet);
    ASSERT_TRUE(accepted.has_value()) << bytes;
    EXPECT_EQ(accepted->payload_bytes, bytes);
    EXPECT_EQ(accepted->tuple.remote, (Endpoint{kPeer, Port{1'000}}));
    EXPECT_EQ(accepted->tuple.local, (Endpoint{kOurs, Port{53}}));
    EXPECT_EQ(payload_bytes(packet), bytes);
    EXPECT_EQ(strip_headers(packet), accepted->tuple);
    EXPECT_EQ(flat(packet), pattern(bytes));
  }
}

TEST_F(UdpInputTest, AChainIsTakenApartWhereverItWasCut) {
  for (const std::size_t first : {28UL, 36UL, 1'500UL}) {
    const Made made = make(5'000);
    packet::Packet packet = chain_of(made.bytes, first);
    const auto accepted = accept_udp(made.header, packet);
    ASSERT_TRUE(accepted.has_value()) << first;
    EXPECT_EQ(payload_bytes(packet), 5'000U);
    EXPECT_EQ(strip_headers(packet), accepted->tuple);
    EXPECT_EQ(flat(packet), pattern(5'000));
    EXPECT_FALSE(packet.data().empty()) << "no empty piece in front";
  }
}

TEST_F(UdpInputTest, ABitThatIsWrongAnywhereInAChainIsSeen) {
  covers({"RFC 1122 §4.1.3.4"});
  const Made made = make(3'000);
  for (const std::size_t at : {20UL, 30UL, 1'499UL, 1'500UL, 3'027UL}) {
    Made damaged = made;
    damaged.bytes[at] ^= std::byte{0x10};
    packet::Packet packet = chain_of(damaged.bytes, 1'500);
    const auto accepted = accept_udp(damaged.header, packet);
    ASSERT_FALSE(accepted.has_value()) << at;
    EXPECT_EQ(accepted.error(), DropReason::UdpBadChecksum) << at;
  }
}

TEST_F(UdpInputTest, WithoutChecksumItIsTakenAsItIs) {
  covers({"RFC 1122 §4.1.2", "RFC 1122 §4.1.3.4"});
  Made made = make(10);
  set_checksum(made, 0);
  made.bytes[30] ^= std::byte{1};
  EXPECT_EQ(flaw_of(made), "none");
  EXPECT_EQ(flaw_of(made, RTE_MBUF_F_RX_L4_CKSUM_BAD), "none") << "there is none to be wrong";
}

TEST_F(UdpInputTest, WhatTheDeviceSaysOfTheChecksumCounts) {
  Made made = make(10);
  made.bytes[30] ^= std::byte{1};
  EXPECT_EQ(flaw_of(made), "udp_bad_checksum");
  EXPECT_EQ(flaw_of(made, RTE_MBUF_F_RX_L4_CKSUM_GOOD), "none");
  EXPECT_EQ(flaw_of(make(10), RTE_MBUF_F_RX_L4_CKSUM_BAD), "udp_bad_checksum");
}

TEST_F(UdpInputTest, AChecksumThatANicWasToFinishHasItsOwnName) {
  Made made = make(10);
  wire::Checksum sum;
  sum.add_pseudo_header(kPeer, kOurs, wire::IpProtocol::Udp, 18);
  set_checksum(made, sum.folded());
  EXPECT_EQ(flaw_of(made), to_string(DropReason::UdpPartialChecksum));
}

TEST_F(UdpInputTest, LengthsThatCannotBe) {
  covers({"RFC 1122 §4.1.2"});
  struct Case {
    const char* name;
    std::uint16_t length;
    std::string_view flaw;
  };
  const Case cases[] = {
      {"zero", 0, "udp_bad_length"},
      {"less than its header", 7, "udp_bad_length"},
      {"one past the datagram", 19, "udp_bad_length"},
      {"far past it", 65'535, "udp_bad_length"},
  };
  for (const Case& c : cases) {
    Made made = make(10);
    made.bytes[24] = static_cast<std::byte>(c.length >> 8U);
    made.bytes[25] = static_cast<std::byte>(c.length & 0xffU);
    EXPECT_EQ(flaw_of(made), c.flaw) << c.name;
  }
  Made made = make(0);
  made.header.total_length = 27;
  made.bytes.resize(27);
  EXPECT_EQ(flaw_of(made), "udp_too_short");
}

TEST_F(UdpInputTest, WhatLiesBehindItsLengthIsCutOff) {
  const Made made = make(2'000, 1'000);
  for (const std::size_t first : {1'500UL, 2'020UL, 1'020UL}) {
    packet::Packet packet = chain_of(made.bytes, first);
    ASSERT_TRUE(accept_udp(made.header, packet).has_value()) << first;
    EXPECT_EQ(packet.size(), 2'028U);
    static_cast<void>(strip_headers(packet));
    EXPECT_EQ(flat(packet), pattern(2'000));
  }
}

}  // namespace
}  // namespace millrace::udp
