// SendRoom: which of its three limits holds, and what its answers say of the reason.
#include "tcp/send_room.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

using packet::BudgetUse;
using packet::PacketBudget;

constexpr std::uint32_t kPacket = PacketBudget::kPacketCharge;
constexpr std::uint64_t kPlenty = 1'000'000'000;

PacketBudget budget_with(std::uint64_t left, std::uint64_t reserve = 0) {
  PacketBudget budget{kPlenty, reserve};
  EXPECT_TRUE(budget.try_charge(static_cast<std::uint32_t>(kPlenty - left), BudgetUse::InOrder));
  return budget;
}

TEST(SendRoom, IsWhatTheBufferHasLeft) {
  const PacketBudget budget{kPlenty};
  struct Case {
    std::uint32_t charge;
    std::uint32_t free;
    bool is_nearly_used_up;
  };
  for (const Case& c :
       {Case{0, 90'000, false}, Case{60'000, 30'000, false}, Case{60'001, 29'999, true},
        Case{89'999, 1, true}, Case{90'000, 0, true}, Case{95'000, 0, true}}) {
    const SendRoom room{{.charge = c.charge, .buffer_limit = 90'000}, budget};
    EXPECT_EQ(room.free(), c.free) << c.charge;
    EXPECT_EQ(room.is_nearly_used_up(), c.is_nearly_used_up) << c.charge;
    EXPECT_EQ(room.is_within_limits(), c.charge < 90'000) << c.charge;
    EXPECT_FALSE(room.is_short_of_packets()) << c.charge;
  }
}

TEST(SendRoom, AConnectionTakesAQuarterOfWhatTheCoreHasLeft) {
  const PacketBudget budget = budget_with(400'000);
  const SendRoom fresh{{.buffer_limit = 1'000'000}, budget};
  EXPECT_EQ(fresh.free(), 100'000U);
  const SendRoom full{{.charge = 100'000, .buffer_limit = 1'000'000, .use = BudgetUse::Bulk},
                      budget};
  EXPECT_EQ(full.free(), 0U);
  EXPECT_FALSE(full.is_short_of_packets()) << "its share is what it has used up";
}

TEST(SendRoom, ALittleIsAlwaysItsShare) {
  const PacketBudget budget = budget_with(20'000);
  EXPECT_EQ((SendRoom{{.buffer_limit = 1'000'000}, budget}.free()), 16U * 1024);
  EXPECT_EQ((SendRoom{{.buffer_limit = 5'000}, budget}.free()), 5'000U);
}

TEST(SendRoom, WithoutAPacketOnTheCoreThereIsNone) {
  const SendRoom last{{.buffer_limit = 90'000}, budget_with(kPacket)};
  EXPECT_EQ(last.free(), kPacket);
  EXPECT_FALSE(last.is_short_of_packets());
  const SendRoom none{{.buffer_limit = 90'000}, budget_with(kPacket - 1)};
  EXPECT_EQ(none.free(), 0U);
  EXPECT_TRUE(none.is_short_of_packets());
  EXPECT_TRUE(none.is_within_limits());
}

TEST(SendRoom, TheFirstPacketMayUseHalfOfTheReserve) {
  const PacketBudget budget = budget_with(60'000, 80'000);
  const SendRoom first{{.buffer_limit = 90'000}, budget};
  EXPECT_EQ(first.free(), 16U * 1024);
  const SendRoom more{{.charge = kPacket, .buffer_limit = 90'000, .use = BudgetUse::Bulk}, budget};
  EXPECT_EQ(more.free(), 0U);
  EXPECT_TRUE(more.is_short_of_packets());
}

TEST(SendRoom, WhoHasEnoughUnsentHasNone) {
  const PacketBudget budget{kPlenty};
  const SendRoom room{{.buffer_limit = 90'000, .has_enough_unsent = true}, budget};
  EXPECT_EQ(room.free(), 0U);
  EXPECT_TRUE(room.is_nearly_used_up());
  EXPECT_FALSE(room.is_within_limits());
  EXPECT_FALSE(room.is_short_of_packets());
}

}  // namespace
}  // namespace millrace::tcp
