// Datagrams larger than a link: cut, copied together or refused, and put together again by our own
// reassembly.
#include "net/fragmenter.hpp"
#include "net/net_host.hpp"
#include "net/reassembly.hpp"
#include "support/covers.hpp"
#include "support/flat.hpp"

namespace millrace::net {
namespace {

using test::covers;

class FragmentsOutTest : public NetHost {
 protected:
  FragmentsOutTest() {
    output->set_fragmenter(fragmenter);
    know(kPeer, kPeerMac);
  }

  /// A chain of packets of `piece` bytes each that hold the pattern.
  packet::Packet chain_of(std::size_t bytes, std::size_t piece) {
    const auto all = pattern(bytes);
    packet::Packet whole;
    for (std::size_t at = 0; at < bytes; at += piece) {
      packet::Packet next = packet_of(std::span{all}.subspan(at, std::min(piece, bytes - at)));
      if (!whole) {
        whole = std::move(next);
      } else {
        EXPECT_TRUE(whole.chain(next));
      }
    }
    return whole;
  }
  Result<void, DropReason> send(packet::Packet packet, bool dont_fragment = false,
                                std::uint16_t path_mtu = 0) {
    return output->send(now, std::move(packet),
                        {.source = kOurs,
                         .destination = kPeer,
                         .protocol = wire::IpProtocol::Udp,
                         .dont_fragment = dont_fragment,
                         .path_mtu = path_mtu});
  }
  /// What was sent, put together by the peer; empty if it is not whole.
  std::vector<std::byte> put_together(std::size_t mtu) {
    packet::PacketBudget budget{1U << 24U};
    Reassembly reassembly{config, budget, random, stats};
    std::vector<std::byte> bytes;
    while (const packet::Packet frame = link().tx.pop_front()) {
      EXPECT_LE(frame.size() - wire::kEthernetHeaderSize, mtu);
      EXPECT_LE(frame.segments(), link().offloads.multi_segment ? 8U : 1U);
      const std::vector<std::byte> sent_bytes = test::flat(frame);
      const auto sent = read_ipv4(sent_bytes);
      EXPECT_TRUE(sent.has_value());
      identifiers.push_back(sent->ip.identification);
      EXPECT_FALSE(sent->ip.dont_fragment);
      packet::Packet packet = packet_of(std::span{sent_bytes}.subspan(wire::kEthernetHeaderSize));
      auto whole = reassembly.add(now, {.header = sent->ip, .packet = std::move(packet)});
      if (whole) {
        bytes = test::flat(whole->packet);
        bytes.erase(bytes.begin(), bytes.begin() + wire::kIpv4HeaderSize);
      }
    }
    return bytes;
  }

  ReassemblyConfig config;
  Fragmenter fragmenter{pools, stats};
  std::vector<std::uint16_t> identifiers;
};

TEST_F(FragmentsOutTest, EverySizeAroundTheLimitsArrivesWhole) {
  covers({"RFC 791 §3.2", "RFC 1122 §3.3.3"});
  for (const bool may_chain : {false, true}) {
    link().offloads.multi_segment = may_chain;
    for (const std::uint16_t mtu : {std::uint16_t{576}, std::uint16_t{1'500}}) {
      link().mtu = mtu;
      const std::size_t room = (mtu - 20U) & ~7U;
      for (const std::size_t bytes : {mtu - 19UL, 2 * room - 1, 2 * room, 2 * room + 1, 5 * room}) {
        identifiers.clear();
        const std::uint64_t before = stats.ipv4_fragments_out;
        ASSERT_TRUE(send(chain_of(bytes, 700)).has_value());
        EXPECT_EQ(put_together(mtu), pattern(bytes)) << bytes << " bytes over " << mtu;
        EXPECT_EQ(stats.ipv4_fragments_out - before, identifiers.size());
        EXPECT_GE(identifiers.size(), 2U);
        EXPECT_EQ(std::ranges::count(identifiers, identifiers.front()),
                  static_cast<std::ptrdiff_t>(identifiers.size()));
      }
    }
  }
}

TEST_F(FragmentsOutTest, TheLargestDatagramLeavesInFortyFiveFragments) {
  ASSERT_TRUE(send(chain_of(65'515, 2'000)).has_value());
  EXPECT_EQ(link().tx.size(), 45U);
  EXPECT_EQ(stats.ipv4_fragments_out, 45U);
  link().tx.clear();
}

TEST_F(FragmentsOutTest, AKnownPathCutsEarlier) {
  link().offloads.multi_segment = true;
  ASSERT_TRUE(send(chain_of(1'400, 1'400), false, 576).has_value());
  EXPECT_EQ(put_together(576), pattern(1'400));
  EXPECT_EQ(identifiers.size(), 3U);
}

TEST_F(FragmentsOutTest, WhatMustNotBeFragmentedIsRefused) {
  EXPECT_EQ(send(chain_of(1'481, 1'000), true).error(), DropReason::NoRoute);
  EXPECT_EQ(send(chain_of(1'000, 1'000), true, 576).error(), DropReason::NoRoute);
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(FragmentsOutTest, AChainThatTheDeviceDoesNotTakeIsCopiedTogether) {
  ASSERT_TRUE(send(chain_of(1'480, 100), true).has_value());
  const packet::Packet frame = link().tx.pop_front();
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame.is_contiguous());
  const auto sent = read_ipv4(frame.data());
  ASSERT_TRUE(sent.has_value());
  EXPECT_TRUE(sent->ip.dont_fragment);
  EXPECT_EQ(sent->payload, pattern(1'480));
  EXPECT_EQ(stats.ipv4_fragments_out, 0U);
}

TEST_F(FragmentsOutTest, AllOfADatagramOrNothingOfIt) {
  for (std::uint32_t i = 0; i < 4'090; ++i) {
    packet::Packet filler = pools.headers.allocate();
    ASSERT_TRUE(filler);
    link().tx.push_back(std::move(filler));
  }
  EXPECT_EQ(send(chain_of(1'480 * 7, 1'480)).error(), DropReason::TransmitQueueFull);
  EXPECT_EQ(link().tx.size(), 4'090U);
  link().tx.clear();
  while (packet::Packet taken = pools.data.allocate()) {
    held.push_back(std::move(taken));
  }
  held.resize(held.size() - 3);
  EXPECT_EQ(send(chain_of(4'000, 2'000)).error(), DropReason::OutOfPackets);
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(FragmentsOutTest, FragmentsWaitForTheNeighborTogether) {
  ASSERT_TRUE(output
                  ->send(now, chain_of(65'515, 2'000),
                         {.source = kOurs,
                          .destination = neighbor_address(3),
                          .protocol = wire::IpProtocol::Udp,
                          .dont_fragment = false})
                  .has_value());
  EXPECT_TRUE(next_arp().has_value());
  EXPECT_TRUE(link().tx.empty());
  know(neighbor_address(3), kOtherMac);
  EXPECT_EQ(link().tx.size(), 45U);
  link().tx.clear();
}

TEST_F(FragmentsOutTest, ALongPingIsAnsweredWhole) {
  covers({"RFC 1122 §3.2.2.6"});
  std::vector<std::byte> message = pattern(5'000);
  wire::emit_icmp(message, {.type = wire::IcmpType::EchoRequest, .code = 0, .rest = 77});
  for (const std::size_t first : {std::size_t{8}, std::size_t{1'480}}) {
    packet::Packet request =
        datagram({.source = kPeer, .destination = kOurs, .protocol = wire::IpProtocol::Icmp},
                 std::span{message}.first(first));
    for (std::size_t at = first; at < message.size(); at += 1'480) {
      packet::Packet next =
          packet_of(std::span{message}.subspan(at, std::min<std::size_t>(1'480, 5'000 - at)));
      ASSERT_TRUE(request.chain(next));
    }
    EXPECT_FALSE(icmp->on_packet(now, link(),
                                 {.source = kPeer,
                                  .destination = kOurs,
                                  .protocol = wire::IpProtocol::Icmp,
                                  .total_length = 5'020},
                                 std::move(request)));
    const std::vector<std::byte> reply = put_together(1'500);
    ASSERT_EQ(reply.size(), message.size());
    const auto header = wire::parse_icmp(reply);
    ASSERT_TRUE(header.has_value()) << "the checksum is right";
    EXPECT_EQ(header->type, wire::IcmpType::EchoReply);
    EXPECT_EQ(header->rest, 77U);
    EXPECT_TRUE(std::ranges::equal(std::span{reply}.subspan(8), std::span{message}.subspan(8)));
  }
}

TEST_F(FragmentsOutTest, ALongPingWithABadChecksumIsDropped) {
  std::vector<std::byte> message = pattern(3'000);
  wire::emit_icmp(message, {.type = wire::IcmpType::EchoRequest, .code = 0, .rest = 77});
  message[2'999] ^= std::byte{1};
  packet::Packet request =
      datagram({.source = kPeer, .destination = kOurs, .protocol = wire::IpProtocol::Icmp},
               std::span{message}.first(1'480));
  packet::Packet rest = packet_of(std::span{message}.subspan(1'480));
  ASSERT_TRUE(request.chain(rest));
  EXPECT_FALSE(icmp->on_packet(now, link(),
                               {.source = kPeer, .destination = kOurs, .total_length = 3'020},
                               std::move(request)));
  EXPECT_EQ(dropped(DropReason::IcmpBadChecksum), 1U);
  EXPECT_TRUE(link().tx.empty());
}

}  // namespace
}  // namespace millrace::net
