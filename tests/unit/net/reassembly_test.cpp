// Reassembly: every order and every overlap against a model, each limit, time, and what is given
// back.
#include "net/reassembly.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string>

#include "net/net_host.hpp"
#include "support/covers.hpp"
#include "support/flat.hpp"

namespace millrace::net {
namespace {

using test::covers;

/// A piece of a datagram, in units of eight bytes; the last one may be ragged.
struct Piece {
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
  bool is_last = false;
};

class ReassemblyTest : public NetHost {
 protected:
  ReassemblyTest() { rebuild(); }
  void TearDown() override {
    reassembly.reset();
    EXPECT_EQ(budget.used(), 0U) << "the budget was not given back";
    NetHost::TearDown();
  }
  void rebuild() {
    reassembly.reset();
    reassembly.emplace(config, budget, random, stats);
  }

  wire::Ipv4Header header_of(const Piece& piece, std::uint16_t id = 1,
                             const IpAddress& source = kPeer) {
    return {.source = source,
            .destination = kOurs,
            .protocol = wire::IpProtocol::Udp,
            .traffic_class = traffic_class,
            .identification = id,
            .more_fragments = !piece.is_last,
            .fragment_offset = static_cast<std::uint16_t>(piece.offset),
            .total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + piece.bytes)};
  }
  /// The bytes of `whole` that the piece carries.
  std::optional<Reassembled> add(const Piece& piece, std::uint16_t id = 1,
                                 const IpAddress& source = kPeer, std::uint32_t interface = 0) {
    const auto payload = pattern(piece.offset + piece.bytes);
    const wire::Ipv4Header header = header_of(piece, id, source);
    auto made = reassembly->add(
        now, {.interface_index = interface,
              .header = header,
              .packet = datagram(header, std::span{payload}.subspan(piece.offset))});
    return made;
  }
  static std::vector<std::byte> payload_of(const Reassembled& whole) {
    std::vector<std::byte> bytes = test::flat(whole.packet);
    bytes.erase(bytes.begin(), bytes.begin() + whole.header.header_length);
    return bytes;
  }
  void expect_whole(const std::optional<Reassembled>& whole, std::size_t bytes,
                    const std::string& what = "") {
    ASSERT_TRUE(whole.has_value()) << what;
    EXPECT_EQ(whole->header.payload_length(), bytes) << what;
    EXPECT_FALSE(whole->header.is_fragment()) << what;
    EXPECT_EQ(payload_of(*whole), pattern(bytes)) << what;
  }

  std::uint8_t traffic_class = 0;
  packet::PacketBudget budget{1U << 24U};
  ReassemblyConfig config;
  std::optional<Reassembly> reassembly;
};

TEST_F(ReassemblyTest, EveryOrderOfFiveFragmentsMakesTheDatagram) {
  covers({"RFC 791 §3.2", "RFC 1122 §3.3.2"});
  const std::vector<Piece> pieces{
      {0, 16, false}, {16, 8, false}, {24, 40, false}, {64, 8, false}, {72, 5, true}};
  std::vector<std::size_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0U);
  do {
    std::string name;
    for (std::size_t i = 0; i < order.size(); ++i) {
      name += std::to_string(order[i]);
      const auto whole = add(pieces[order[i]]);
      if (i + 1 < order.size()) {
        ASSERT_FALSE(whole.has_value()) << name;
      } else {
        expect_whole(whole, 77, name);
      }
    }
    ASSERT_EQ(reassembly->size(), 0U);
  } while (std::ranges::next_permutation(order).found);
  EXPECT_EQ(stats.ipv4_datagrams_reassembled, 120U);
  EXPECT_EQ(stats.ipv4_fragments_in, 600U);
  EXPECT_EQ(dropped_in_all(), 0U);
}

TEST_F(ReassemblyTest, TheLargestDatagramOfAll) {
  std::optional<Reassembled> whole;
  for (std::uint32_t offset = 0; offset < 65'515; offset += 1'480) {
    const std::uint32_t bytes = std::min(1'480U, 65'515 - offset);
    whole = add({offset, bytes, offset + bytes == 65'515});
  }
  expect_whole(whole, 65'515);
  EXPECT_EQ(whole->header.total_length, 65'535);
  EXPECT_EQ(whole->packet.segments(), 45);
}

/// What a datagram is, in a few lines and without any care for speed.
class Model {
 public:
  /// The size of the datagram that this piece completes.
  std::optional<std::uint32_t> add(const Piece& piece) {
    if (is_complete_) {
      *this = Model{};  // What comes after a datagram begins another one.
    }
    const std::uint32_t end = piece.offset + piece.bytes;
    const auto same = ends_.find(piece.offset);
    if (is_given_up || (same != ends_.end() && same->second == end)) {
      return std::nullopt;
    }
    const bool overlaps = std::ranges::any_of(
        ends_, [&](const auto& kept) { return piece.offset < kept.second && kept.first < end; });
    const std::uint32_t reached = ends_.empty() ? 0 : ends_.rbegin()->second;
    if (overlaps || (piece.is_last ? total_ || reached > end : total_ && end >= *total_)) {
      is_given_up = true;
      return std::nullopt;
    }
    ends_[piece.offset] = end;
    total_ = piece.is_last ? std::optional{end} : total_;
    std::uint32_t whole = 0;
    for (const auto& [from, to] : ends_) {
      whole = from == whole ? to : whole;
    }
    is_complete_ = total_ && whole == *total_;
    return is_complete_ ? total_ : std::nullopt;
  }

  bool is_given_up = false;

 private:
  std::map<std::uint32_t, std::uint32_t> ends_;  // By offset.
  std::optional<std::uint32_t> total_;
  bool is_complete_ = false;
};

/// Every piece of a datagram of four units, as its end and as a part before the end.
std::vector<Piece> all_pieces() {
  constexpr std::uint32_t kUnits = 4;
  std::vector<Piece> all;
  for (std::uint32_t begin = 0; begin < kUnits; ++begin) {
    for (std::uint32_t end = begin + 1; end <= kUnits; ++end) {
      all.push_back({8 * begin, 8 * (end - begin), false});
      all.push_back({8 * begin, 8 * (end - begin), true});
    }
  }
  return all;
}

TEST_F(ReassemblyTest, EveryOverlapOfThreePiecesAgreesWithAModel) {
  covers({"RFC 5722 §4", "RFC 8200 §4.5"});
  const std::vector<Piece> all = all_pieces();
  std::size_t completed = 0;
  std::size_t given_up = 0;
  const auto play = [&](const std::array<Piece, 3>& pieces) {
    Model model;
    std::string name;
    for (const Piece& piece : pieces) {
      name += std::to_string(piece.offset) + "+" + std::to_string(piece.bytes) +
              (piece.is_last ? "! " : " ");
      const auto whole = add(piece);
      const auto expected = model.add(piece);
      ASSERT_EQ(whole.has_value(), expected.has_value()) << name;
      if (expected) {
        expect_whole(whole, *expected, name);
        ++completed;
      }
    }
    given_up += model.is_given_up ? 1 : 0;
    now += 61s;
    reassembly->advance(now);
    while (reassembly->take_expired()) {
    }
    ASSERT_EQ(reassembly->size() + budget.used(), 0U) << name;
  };
  for (const Piece& a : all) {
    for (const Piece& b : all) {
      for (const Piece& c : all) {
        play({a, b, c});
      }
    }
  }
  EXPECT_GT(completed, 500U);
  EXPECT_GT(given_up, 2'000U);
}

TEST_F(ReassemblyTest, WhatOverlapsIsGivenUpWithWhatIsStillToCome) {
  covers({"RFC 5722 §4"});
  EXPECT_FALSE(add({0, 16, false}));
  EXPECT_FALSE(add({8, 16, false}));
  EXPECT_EQ(dropped(DropReason::Ipv4OverlappingFragment), 2U);
  EXPECT_FALSE(add({24, 8, true}));
  EXPECT_FALSE(add({0, 24, false}));
  EXPECT_EQ(dropped(DropReason::Ipv4OverlappingFragment), 4U);
  EXPECT_EQ(reassembly->bytes(), 0U);
  // Its time over, the identifier is free again.
  now += 61s;
  reassembly->advance(now);
  EXPECT_FALSE(add({0, 24, false}));
  expect_whole(add({24, 8, true}), 32);
}

TEST_F(ReassemblyTest, DuplicatesAreIgnored) {
  EXPECT_FALSE(add({8, 8, false}));
  EXPECT_FALSE(add({8, 8, false}));
  EXPECT_FALSE(add({0, 8, false}));
  EXPECT_FALSE(add({0, 8, false}));
  EXPECT_EQ(dropped(DropReason::Ipv4DuplicateFragment), 2U);
  expect_whole(add({16, 3, true}), 19);
}

TEST_F(ReassemblyTest, ImpossibleFragmentsAreDropped) {
  covers({"RFC 791 §3.2"});
  struct Case {
    const char* name;
    Piece piece;
  };
  const Case cases[] = {
      {"empty", {0, 0, false}},
      {"empty last", {8, 0, true}},
      {"not a multiple of eight", {0, 12, false}},
      {"past the end of any datagram", {65'528, 8, true}},
      {"past it by one", {65'512, 4, true}},
  };
  std::uint64_t count = 0;
  for (const Case& c : cases) {
    const wire::Ipv4Header header = header_of(c.piece);
    const auto payload = pattern(c.piece.bytes);
    EXPECT_FALSE(reassembly->add(now, {.header = header, .packet = datagram(header, payload)}))
        << c.name;
    EXPECT_EQ(dropped(DropReason::Ipv4BadFragment), ++count) << c.name;
  }
  EXPECT_EQ(reassembly->size(), 0U);
}

TEST_F(ReassemblyTest, OptionsOfTheFirstFragmentMayMakeItTooLong) {
  // 44 fragments of 1,480 bytes and 395 more fill a datagram without options; the first has forty
  // bytes of them.
  wire::Ipv4Header header = header_of({0, 1'480, false});
  auto bytes = pattern(40 + 1'480);
  std::ranges::fill(std::span{bytes}.first(40), std::byte{1});  // No operation.
  packet::Packet first = datagram(header, bytes);
  header.header_length = 60;
  header.total_length = 60 + 1'480;
  EXPECT_FALSE(reassembly->add(now, {.header = header, .packet = std::move(first)}));
  for (std::uint32_t offset = 1'480; offset < 65'515; offset += 1'480) {
    const std::uint32_t length = std::min(1'480U, 65'515 - offset);
    EXPECT_FALSE(add({offset, length, offset + length == 65'515}));
  }
  EXPECT_EQ(dropped(DropReason::Ipv4BadFragment), 45U);
  EXPECT_EQ(reassembly->size(), 0U);
}

TEST_F(ReassemblyTest, SourceDestinationIdentifierProtocolAndInterfaceTellDatagramsApart) {
  covers({"RFC 791 §3.2"});
  EXPECT_FALSE(add({0, 8, false}));
  EXPECT_FALSE(add({8, 8, true}, 2));
  EXPECT_FALSE(add({8, 8, true}, 1, kGateway));
  EXPECT_FALSE(add({8, 8, true}, 1, kPeer, 1));
  wire::Ipv4Header other = header_of({8, 8, true});
  other.protocol = wire::IpProtocol::Icmp;
  EXPECT_FALSE(reassembly->add(now, {.header = other, .packet = datagram(other, pattern(8))}));
  other = header_of({8, 8, true});
  other.destination = kOursToo;
  EXPECT_FALSE(reassembly->add(now, {.header = other, .packet = datagram(other, pattern(8))}));
  EXPECT_EQ(reassembly->size(), 6U);
  expect_whole(add({8, 8, true}), 16);
}

TEST_F(ReassemblyTest, TimeIsCountedFromTheFirstFragmentToArrive) {
  covers({"RFC 1122 §3.3.2"});
  EXPECT_FALSE(add({8, 8, false}));
  now += 30s;
  EXPECT_FALSE(add({0, 8, false}));
  EXPECT_EQ(reassembly->next_deadline(), Instant{1'060s});
  now = Instant{1'060s} - 1ns;
  reassembly->advance(now);
  EXPECT_EQ(reassembly->size(), 1U);
  now += 1ns;
  reassembly->advance(now);
  EXPECT_EQ(reassembly->size(), 0U);
  EXPECT_FALSE(reassembly->next_deadline().has_value());
  EXPECT_EQ(dropped(DropReason::Ipv4FragmentsIncomplete), 2U);
  // The sender is to be told, with the first fragment as it came.
  const packet::Packet first = reassembly->take_expired();
  ASSERT_TRUE(first);
  const auto header = wire::parse_ipv4(first.data());
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->source, kPeer);
  EXPECT_EQ(first.size(), 28U);
}

TEST_F(ReassemblyTest, WithoutItsFirstFragmentNobodyIsTold) {
  EXPECT_FALSE(add({8, 8, false}));
  now += 60s;
  reassembly->advance(now);
  EXPECT_FALSE(reassembly->take_expired());
  EXPECT_EQ(dropped(DropReason::Ipv4FragmentsIncomplete), 1U);
}

TEST_F(ReassemblyTest, TheOldestGivesWayWhenThereAreTooMany) {
  config.datagrams = 4;
  rebuild();
  for (std::uint16_t id = 0; id < 5; ++id) {
    EXPECT_FALSE(add({0, 8, false}, id, neighbor_address(id)));
  }
  EXPECT_EQ(reassembly->size(), 4U);
  EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), 1U);
  EXPECT_FALSE(add({8, 8, true}, 0, neighbor_address(0))) << "it was the oldest";
  expect_whole(add({8, 8, true}, 4, neighbor_address(4)), 16);
}

TEST_F(ReassemblyTest, OneSourceCrowdsOutItselfAlone) {
  config.datagrams = 64;
  config.per_source = 3;
  rebuild();
  EXPECT_FALSE(add({0, 8, false}, 9, kGateway));
  for (std::uint16_t id = 0; id < 1'000; ++id) {
    EXPECT_FALSE(add({0, 8, false}, id));
  }
  EXPECT_EQ(reassembly->size(), 4U);
  EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), 997U);
  expect_whole(add({8, 8, true}, 9, kGateway), 16);
  expect_whole(add({8, 8, true}, 999), 16);
}

TEST_F(ReassemblyTest, BytesAreBoundedAndTheOldestGoFirst) {
  constexpr std::uint32_t kCharge = packet::PacketBudget::kPacketCharge;
  config.bytes = 4 * kCharge;
  rebuild();
  for (std::uint16_t id = 0; id < 6; ++id) {
    EXPECT_FALSE(add({0, 8, false}, id));
  }
  EXPECT_EQ(reassembly->size(), 4U);
  EXPECT_EQ(reassembly->bytes(), 4U * kCharge);
  EXPECT_EQ(budget.used(), 4U * kCharge);
  expect_whole(add({8, 8, true}, 5), 16);
}

TEST_F(ReassemblyTest, ADatagramLargerThanAllThatMayBeKeptIsRefused) {
  config.bytes = 4'096;  // One packet.
  rebuild();
  EXPECT_FALSE(add({0, 8, false}));
  EXPECT_FALSE(add({8, 8, true}));
  EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), 1U);
  EXPECT_EQ(reassembly->size(), 1U);
}

TEST_F(ReassemblyTest, WhatOtherQueuesHoldIsNotToBeHad) {
  ASSERT_TRUE(budget.try_charge(1U << 24U, packet::BudgetUse::InOrder));
  EXPECT_FALSE(add({0, 8, false}));
  EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), 1U);
  EXPECT_EQ(reassembly->size(), 0U);
  budget.release(1U << 24U);
  EXPECT_FALSE(add({0, 8, false}));
  expect_whole(add({8, 8, true}), 16);
}

TEST_F(ReassemblyTest, NothingGivesWayInVain) {
  constexpr std::uint32_t kCharge = packet::PacketBudget::kPacketCharge;
  packet::PacketBudget small{20ULL * kCharge, 10ULL * kCharge};
  reassembly.reset();
  reassembly.emplace(config, small, random, stats);
  for (std::uint16_t id = 0; id < 3; ++id) {
    EXPECT_FALSE(add({0, 8, false}, id));
  }
  // Others are above what is left for fragments, by as much as all three datagrams hold.
  ASSERT_TRUE(small.try_charge(10 * kCharge, packet::BudgetUse::InOrder));
  EXPECT_FALSE(add({0, 8, false}, 9));
  EXPECT_EQ(reassembly->size(), 3U);
  EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), 1U);
  // One packet less, and there is room when all go.
  small.release(kCharge);
  EXPECT_FALSE(add({0, 8, false}, 9));
  EXPECT_EQ(reassembly->size(), 1U);
  small.release(9 * kCharge);
  expect_whole(add({8, 8, true}, 9), 16);
  reassembly.reset();
  EXPECT_EQ(small.used(), 0U);
}

TEST_F(ReassemblyTest, NorDoesItWhereDatagramsAreCounted) {
  constexpr std::uint32_t kCharge = packet::PacketBudget::kPacketCharge;
  packet::PacketBudget small{20ULL * kCharge, 10ULL * kCharge};
  for (const bool is_per_source : {false, true}) {
    config.datagrams = is_per_source ? 64 : 3;
    config.per_source = is_per_source ? 3 : 64;
    reassembly.reset();
    reassembly.emplace(config, small, random, stats);
    const std::uint64_t before = dropped(DropReason::Ipv4ReassemblyFull);
    for (std::uint16_t id = 0; id < 3; ++id) {
      EXPECT_FALSE(add({0, 8, false}, id));
    }
    ASSERT_TRUE(small.try_charge(10 * kCharge, packet::BudgetUse::InOrder));
    EXPECT_FALSE(add({0, 8, false}, 9));
    EXPECT_EQ(reassembly->size(), 3U) << "a fragment that is refused costs nobody his place";
    EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), before + 1);
    small.release(10 * kCharge);
    for (std::uint16_t id = 0; id < 3; ++id) {
      expect_whole(add({8, 8, true}, id), 16);
    }
  }
  reassembly.reset();
  EXPECT_EQ(small.used(), 0U);
}

TEST_F(ReassemblyTest, ADatagramHasSoManyFragmentsAndNoMore) {
  config.fragments = 3;
  rebuild();
  for (std::uint32_t at = 0; at < 4; ++at) {
    EXPECT_FALSE(add({8 * at, 8, false}));
  }
  EXPECT_EQ(dropped(DropReason::Ipv4ReassemblyFull), 1U);
}

TEST_F(ReassemblyTest, OneMarkedFragmentMarksTheDatagram) {
  covers({"RFC 3168 §5.3"});
  traffic_class = 2;
  EXPECT_FALSE(add({0, 8, false}));
  traffic_class = 3;
  const auto whole = add({8, 8, true});
  expect_whole(whole, 16);
  EXPECT_EQ(whole->header.traffic_class & 3U, 3U);
  // A mark beside what may not be marked is nobody's.
  traffic_class = 0;
  EXPECT_FALSE(add({0, 8, false}, 2));
  traffic_class = 3;
  EXPECT_FALSE(add({8, 8, true}, 2));
  EXPECT_EQ(dropped(DropReason::Ipv4BadFragment), 2U);
}

TEST_F(ReassemblyTest, GarbageNeitherLeaksNorStops) {
  config.datagrams = 16;
  config.bytes = 100'000;
  config.per_source = 8;
  rebuild();
  for (int i = 0; i < 50'000; ++i) {
    const bool is_last = random.one_in(4);
    const Piece piece{8 * random.below(20), 8 * random.below(6) + (is_last ? random.below(8) : 0),
                      is_last};
    const auto whole =
        add(piece, static_cast<std::uint16_t>(random.below(12)), neighbor_address(random.below(3)));
    if (whole) {
      EXPECT_EQ(payload_of(*whole), pattern(whole->header.payload_length()));
    }
    if (random.one_in(100)) {
      now += 20s;
      reassembly->advance(now);
      while (reassembly->take_expired()) {
      }
    }
    ASSERT_LE(reassembly->bytes(), 100'000U);
    ASSERT_EQ(reassembly->bytes(), budget.used());
  }
  EXPECT_GT(stats.ipv4_datagrams_reassembled, 100U);
}

}  // namespace
}  // namespace millrace::net
