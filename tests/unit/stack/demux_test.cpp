// Demux against std::map: random insertions, deletions and changes of target. Small tables that are
// kept full make runs which wrap around the table's end.
#include "stack/demux.hpp"

#include <map>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace millrace::stack {
namespace {

FourTuple tuple_of(std::uint32_t n) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{80}},
          .remote = {.address = IpAddress::v4(10, 0, static_cast<std::uint8_t>(n >> 16U), 1),
                     .port = Port{static_cast<std::uint16_t>(n)}}};
}

base::KeyedHash hash_from(base::Random& random) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return base::KeyedHash{key};
}

/// A demux beside its model. Targets name their tuple by index.
class Modelled {
 public:
  Modelled(std::uint32_t capacity, std::uint64_t seed)
      : random_{base::Random::from_seed(seed)},
        capacity_{capacity},
        demux_{capacity, hash_from(random_)} {}

  void step() {
    const std::uint32_t n = random_.below(4 * capacity_);
    const auto known = model_.find(n);
    if (known == model_.end()) {
      insert(n);
    } else if (random_.one_in(4)) {
      const DemuxTarget changed =
          known->second.is_time_wait() ? DemuxTarget::connection(n) : DemuxTarget::time_wait(n);
      demux_.retarget(tuple_of(n), known->second, changed);
      known->second = changed;
    } else {
      demux_.erase(tuple_of(n), known->second);
      model_.erase(known);
    }
  }

  /// Everything is found, and nothing else.
  void check() {
    ASSERT_EQ(demux_.size(), model_.size());
    for (std::uint32_t n = 0; n < 4 * capacity_; ++n) {
      const auto known = model_.find(n);
      const auto found =
          demux_.find(tuple_of(n), [n](DemuxTarget target) { return target.index() == n; });
      ASSERT_EQ(found.has_value(), known != model_.end()) << n;
      if (found) {
        ASSERT_EQ(*found, known->second) << n;
      }
    }
  }

 private:
  void insert(std::uint32_t n) {
    if (model_.size() == capacity_) {
      const auto victim = model_.begin();
      demux_.erase(tuple_of(victim->first), victim->second);
      model_.erase(victim);
    }
    demux_.insert(tuple_of(n), DemuxTarget::connection(n));
    model_.emplace(n, DemuxTarget::connection(n));
  }

  base::Random random_;
  std::uint32_t capacity_;
  Demux demux_;
  std::map<std::uint32_t, DemuxTarget> model_;
};

struct ModelCase {
  const char* name;
  std::uint32_t capacity;
  std::uint64_t seeds;
  unsigned steps;
  unsigned check_every;
};

class DemuxModel : public ::testing::TestWithParam<ModelCase> {};

TEST_P(DemuxModel, HoldsWhatTheMapHolds) {
  for (std::uint64_t seed = 0; seed < GetParam().seeds; ++seed) {
    SCOPED_TRACE(seed);
    Modelled modelled{GetParam().capacity, seed};
    for (unsigned step = 0; step < GetParam().steps; ++step) {
      modelled.step();
      if (step % GetParam().check_every == 0) {
        modelled.check();
      }
    }
    modelled.check();
    if (HasFatalFailure()) {
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, DemuxModel,
                         ::testing::Values(ModelCase{"one_entry", 1, 20, 200, 1},
                                           ModelCase{"eight_slots_full", 4, 200, 200, 1},
                                           ModelCase{"sixteen_slots_full", 8, 100, 300, 3},
                                           ModelCase{"many_entries", 1'000, 2, 50'000, 10'000}),
                         [](const ::testing::TestParamInfo<ModelCase>& chosen) {
                           return chosen.param.name;
                         });

TEST(Demux, TargetsTellTablesApart) {
  EXPECT_FALSE(DemuxTarget::connection(5).is_time_wait());
  EXPECT_TRUE(DemuxTarget::time_wait(5).is_time_wait());
  EXPECT_EQ(DemuxTarget::time_wait(0x7fff'ffff).index(), 0x7fff'ffffU);
  EXPECT_NE(DemuxTarget::connection(5), DemuxTarget::time_wait(5));
}

TEST(Demux, LooksAtBothEndsOfATuple) {
  base::Random random = base::Random::from_seed(3);
  Demux demux{8, hash_from(random)};
  const FourTuple tuple = tuple_of(7);
  demux.insert(tuple, DemuxTarget::connection(1));
  const auto any = [](DemuxTarget) { return true; };
  EXPECT_TRUE(demux.find(tuple, any).has_value());
  FourTuple other = tuple;
  other.local.port = Port{81};
  EXPECT_FALSE(demux.find(other, any).has_value());
  EXPECT_FALSE(demux.find({.local = tuple.remote, .remote = tuple.local}, any).has_value());
  EXPECT_FALSE(demux.find(tuple, [](DemuxTarget) { return false; }).has_value());
}

TEST(Demux, GuessesByHashWhatIsFoundByTuple) {
  constexpr std::uint32_t kEntries = 500;
  base::Random random = base::Random::from_seed(5);
  Demux demux{kEntries, hash_from(random)};
  const auto hash_of = [&](std::uint32_t n) {
    return demux.hash_of(wire::TupleKey::of(tuple_of(n)));
  };
  for (std::uint32_t n = 0; n < kEntries; ++n) {
    demux.insert(tuple_of(n), n % 2 == 0 ? DemuxTarget::connection(n) : DemuxTarget::time_wait(n));
  }
  for (std::uint32_t n = 0; n < 2 * kEntries; ++n) {
    demux.prefetch(hash_of(n));
    const DemuxTarget expected = n >= kEntries ? DemuxTarget::none()
                                 : n % 2 == 0  ? DemuxTarget::connection(n)
                                               : DemuxTarget::time_wait(n);
    EXPECT_EQ(demux.guess(hash_of(n)), expected) << n;
    EXPECT_EQ(demux.guess(hash_of(n)).is_connection(), n < kEntries && n % 2 == 0) << n;
  }
  EXPECT_EQ(demux.guess(Demux::kNoHash), DemuxTarget::none());
  demux.erase(tuple_of(4), DemuxTarget::connection(4));
  EXPECT_EQ(demux.guess(hash_of(4)), DemuxTarget::none());
}

TEST(DemuxDeathTest, RefusesMoreThanItsCapacity) {
  base::Random random = base::Random::from_seed(4);
  Demux demux{1, hash_from(random)};
  demux.insert(tuple_of(1), DemuxTarget::connection(1));
  EXPECT_DEATH(demux.insert(tuple_of(2), DemuxTarget::connection(2)), "contract violated");
  EXPECT_DEATH(demux.erase(tuple_of(3), DemuxTarget::connection(3)), "contract violated");
}

}  // namespace
}  // namespace millrace::stack
