// Dctcp: how much is marked, and how far the window falls for it. RFC 8257.
#include "tcp/dctcp.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "unit/tcp/path_bed.hpp"

namespace millrace::tcp {

namespace {

using millrace::test::covers;
using test::ack_of;
using test::kMss;

/// A sender in congestion avoidance whose octets are numbered across a wrap-around.
class Bed {
 public:
  explicit Bed(std::uint32_t bytes) : window{bytes} { window.set_ssthresh(bytes); }

  [[nodiscard]] PathView path() const {
    PathView view;
    view.mss = kMss;
    view.snd_una = una;
    view.snd_nxt = una + window.bytes();
    view.in_network = window.bytes();
    return view;
  }
  void ack(std::uint32_t bytes, bool is_marked) {
    una += bytes;
    AckSample sample = ack_of(bytes);
    sample.is_congestion_echo = is_marked;
    dctcp.on_ack(window, sample, path());
  }
  /// A window of data of which so many segments of a hundred are marked.
  void round(unsigned marked_percent) {
    const std::uint32_t segments = window.bytes() / kMss;
    for (std::uint32_t i = 0; i < segments; ++i) {
      ack(kMss, (i + 1) * marked_percent / 100 > i * marked_percent / 100);
    }
  }
  void echo() {
    window.save();
    dctcp.on_reduction(window, path(), Reduction::Echo);
    window.set(std::min(window.bytes(), window.ssthresh()));
  }
  [[nodiscard]] double alpha() const { return dctcp.alpha() / static_cast<double>(Dctcp::kOne); }

  CongestionWindow window;
  Dctcp dctcp;
  SeqNum una{0xffff'0000U};
};

TEST(Dctcp, BeginsAsIfEverythingWereMarked) {
  covers({"RFC 8257 §4.2"});
  Bed bed{100 * kMss};
  EXPECT_EQ(bed.alpha(), 1.0);
  bed.echo();
  EXPECT_EQ(bed.window.bytes(), 50 * kMss);
}

TEST(Dctcp, EstimatesTheShareOfMarkedOctets) {
  covers({"RFC 8257 §3.3"});
  Bed bed{100 * kMss};
  double expected = 1.0;
  bed.round(20);
  for (unsigned i = 0; i < 100; ++i) {
    bed.round(20);
    expected += (0.2 - expected) / 16;
    ASSERT_NEAR(bed.alpha(), expected, 0.012) << i;
  }
  EXPECT_NEAR(bed.alpha(), 0.2, 0.01);
}

TEST(Dctcp, CountsWithinAWindowOfData) {
  covers({"RFC 8257 §3.3"});
  Bed bed{10 * kMss};
  bed.ack(kMss, false);
  bed.ack(kMss, true);
  EXPECT_EQ(bed.dctcp.bytes_acked(), 2 * kMss);
  EXPECT_EQ(bed.dctcp.bytes_marked(), kMss);
  for (unsigned i = 0; i < 9; ++i) {
    bed.ack(kMss, false);
    EXPECT_NE(bed.dctcp.bytes_acked(), 0U) << i;
  }
  bed.ack(kMss, false);
  EXPECT_EQ(bed.dctcp.bytes_acked(), 0U);
  EXPECT_EQ(bed.dctcp.bytes_marked(), 0U);
  EXPECT_NEAR(bed.alpha(), 15.0 / 16 + 1.0 / 12 / 16, 1e-5);
}

TEST(Dctcp, TheWindowFallsByHalfOfTheShare) {
  covers({"RFC 8257 §3.3"});
  Bed bed{100 * kMss};
  for (unsigned i = 0; i < 120; ++i) {
    bed.round(20);
    bed.window.set(100 * kMss);
  }
  bed.echo();
  EXPECT_NEAR(bed.window.bytes(), 90'000.0, 600);
}

TEST(Dctcp, WithoutMarksTheShareFadesAway) {
  Bed bed{4 * kMss};
  for (unsigned i = 0; i < 400; ++i) {
    bed.round(0);
    bed.window.set(4 * kMss);
  }
  EXPECT_EQ(bed.dctcp.alpha(), 0U);
  bed.echo();
  EXPECT_EQ(bed.window.bytes(), 4 * kMss);
}

TEST(Dctcp, TwoSegmentsAreLeft) {
  Bed bed{3 * kMss};
  bed.echo();
  bed.echo();
  EXPECT_EQ(bed.window.bytes(), 2 * kMss);
}

TEST(Dctcp, ALossIsMetAsReno) {
  covers({"RFC 8257 §3.5"});
  Bed bed{100 * kMss};
  for (unsigned i = 0; i < 100; ++i) {
    bed.round(0);
    bed.window.set(100 * kMss);
  }
  for (const Reduction reason : {Reduction::Loss, Reduction::Timeout}) {
    bed.dctcp.on_reduction(bed.window, bed.path(), reason);
    EXPECT_EQ(bed.window.ssthresh(), 50 * kMss);
  }
}

TEST(Dctcp, GrowsAsRenoAndNotForEchoes) {
  Bed bed{10 * kMss};
  bed.ack(10 * kMss, false);
  EXPECT_EQ(bed.window.bytes(), 11 * kMss);
  bed.ack(11 * kMss, true);
  EXPECT_EQ(bed.window.bytes(), 11 * kMss);
}

}  // namespace

}  // namespace millrace::tcp
