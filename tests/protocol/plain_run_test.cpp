// PlainRun: two connections live through the same, one sends a segment at a time, the other in
// runs: the same segments leave, and the same is known afterwards.
#include "tcp/plain_run.hpp"

#include <random>
#include <string>
#include <vector>

#include "support/covers.hpp"
#include "support/eal_environment.hpp"
#include "support/tcp_script.hpp"
#include "unit/tcp/connection_state.hpp"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;
using packet::Packet;
using tcp::PlainRun;
using tcp::SegmentPlan;
using wire::SeqNum;

constexpr std::uint16_t kMss = 1'000;

packet::PacketPool& packets() {
  static packet::PacketPool pool = make_pool(8'191);
  return pool;
}

/// Whatever happens to both of them, drawn once.
struct Chance {
  explicit Chance(std::uint32_t seed) : engine{seed} {}
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(engine()) % bound; }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  std::mt19937 engine;
};

struct Sent {
  SegmentPlan plan;
  bool has_packet = true;  ///< Else it has not left.

  friend bool operator==(const Sent& a, const Sent& b) {
    return is_same_plan(a.plan, b.plan) && a.has_packet == b.has_packet;
  }
};

/// What a turn may send.
struct Allowance {
  unsigned segments = 32;
  unsigned before_failure = 1'000;  ///< So many find a packet.
};

class Side {
 public:
  Side(const Start& setup, bool in_runs) : script_{setup}, in_runs_{in_runs} {}

  tcp::Connection& connection() { return script_.connection(); }
  const tcp::Resources& resources() { return script_.resources(); }
  Instant now{1h + 10min};
  std::vector<Sent> sent;
  std::optional<wire::TcpTimestamps> newest;
  unsigned in_runs_sent = 0;

  void turn(const Allowance& allowance) {
    unsigned count = 0;
    if (in_runs_ && run(allowance, count)) {
      return;
    }
    while (count < allowance.segments) {
      const auto plan = connection().next_segment(resources(), now);
      if (!plan) {
        return;
      }
      ++count;
      if (!leaves(*plan, count <= allowance.before_failure)) {
        return;
      }
    }
  }

  /// What is known behind a turn. Its events are then taken.
  ConnectionState knowledge() {
    EXPECT_TRUE(connection().check_invariants());
    ConnectionState state{connection()};
    state.add("stats", script_.stats());
    state.add("deadline", connection().next_deadline());
    state.add("send limit", connection().send_limit());
    static_cast<void>(connection().take_events());
    return state;
  }

 private:
  /// Whether nothing is left to be done in this turn.
  bool run(const Allowance& allowance, unsigned& count) {
    PlainRun run{connection(), resources(), now};
    if (!run.is_plain()) {
      return false;
    }
    while (count < allowance.segments) {
      const PlainRun::Next next = run.next();
      if (next != PlainRun::Next::Segment) {
        return next == PlainRun::Next::Nothing;
      }
      ++count;
      ++in_runs_sent;
      const bool has_packet = count <= allowance.before_failure;
      if (!has_packet) {
        run.settle();
      }
      if (!leaves(run.plan(), has_packet)) {
        return true;
      }
    }
    run.settle();
    return true;
  }
  bool leaves(const SegmentPlan& plan, bool has_packet) {
    sent.push_back({plan, has_packet});
    newest = plan.options.timestamps;
    if (!has_packet) {
      connection().on_segment_not_sent(plan);
    }
    return has_packet;
  }

  TcpScript script_;
  bool in_runs_;
};

struct LifeCase {
  const char* name;
  Start setup;
  TcpTuning tuning = {};
  bool is_lossy = true;
  bool is_plain = true;  ///< Else only ACKs of those who have nothing in flight are.
  bool is_sender = true;
};

Start base(CongestionKind kind = CongestionKind::Cubic) {
  Start setup = established().mss(kMss).cwnd(10'000).timestamps().selective_acks();
  setup.config.congestion_control = kind;
  setup.scale = 6;
  setup.window_bytes = 60'000;
  return setup;
}

template <class Change>
Start changed(Change&& change, CongestionKind kind = CongestionKind::Cubic) {
  Start setup = base(kind);
  change(setup);
  return setup;
}

const std::vector<LifeCase> kLives{
    {"cubic", base()},
    {"reno", base(CongestionKind::Reno)},
    {"dctcp", changed([](Start& s) { s.ecn(); }, CongestionKind::Dctcp)},
    {"bbr", base(CongestionKind::Bbr), {}, true, false},
    {"without_loss", base(), {}, false},
    {"paced", changed([](Start& s) { s.config.pacing = true; })},
    {"bursts_pushed", changed([](Start& s) { s.config.push_burst_segments = 2; })},
    {"few_records", changed([](Start& s) { s.sent_segments = 20; })},
    {"marked", changed([](Start& s) { s.ecn(); })},
    {"probing", changed([](Start& s) { s.config.mtu_probing = MtuProbing::Always; })},
    {"quick_acks", changed([](Start& s) { s.quick_acks(16); })},
    {"receiver", changed([](Start& s) { s.quick_acks(16); }), {}, false, true, false},
    {"little_unsent", base(), {.unsent_limit_bytes = 3'000}},
    {"slow_by_choice", base(), {.max_pacing_rate = 200'000}},
};

/// Plays one life of `events` turns to both.
class Lives {
 public:
  Lives(const LifeCase& life, std::uint32_t seed)
      : is_lossy_{life.is_lossy},
        is_sender_{life.is_sender},
        chance_{seed},
        one_{life.setup, false},
        other_{life.setup, true} {
    both([&](Side& side) { side.connection().set_tuning(side.resources(), life.tuning); });
    peer_seq_ = one_.connection().receive_sequence().rcv_nxt;
  }

  void play(unsigned events) {
    for (unsigned i = 0; i < events && !::testing::Test::HasFailure(); ++i) {
      for (unsigned inputs = 1 + chance_.below(3); inputs > 0; --inputs) {
        step();
      }
      Allowance allowance{.segments = chance_.one_in(3) ? 1 + chance_.below(5) : 32};
      if (chance_.one_in(12)) {
        allowance.before_failure = chance_.below(4);
      }
      both([&](Side& side) { side.turn(allowance); });
      ASSERT_TRUE(one_.sent == other_.sent) << "turn " << i;
      ASSERT_EQ(one_.knowledge().difference(other_.knowledge()), "") << "turn " << i;
      both([](Side& side) { side.sent.clear(); });
    }
  }
  [[nodiscard]] unsigned in_runs_sent() const { return other_.in_runs_sent; }

  /// A probe of a tail is acknowledged, and nobody says that it was needless; an idle time, and new
  /// data. What leaves then.
  [[nodiscard]] std::vector<Sent> sent_after_probe_and_idle() {
    write(kMss);
    write(kMss);
    both([](Side& side) { side.turn({}); });
    pass(20ms);
    acknowledge_all();
    write(kMss);
    write(kMss);
    both([](Side& side) {
      side.turn({});
      side.sent.clear();
      side.now = *side.connection().next_deadline();
      side.connection().on_timer(side.resources(), side.now);
      side.turn({});
    });
    EXPECT_EQ(one_.sent.size(), 1U) << "the probe";
    pass(20ms);
    acknowledge_all();
    pass(20s);
    both([](Side& side) { side.sent.clear(); });
    for (unsigned i = 0; i < 4; ++i) {
      write(kMss);
    }
    both([](Side& side) { side.turn({}); });
    EXPECT_TRUE(one_.sent == other_.sent);
    EXPECT_EQ(one_.knowledge().difference(other_.knowledge()), "");
    return other_.sent;
  }

 private:
  void acknowledge_all() {
    tcp::Segment segment;
    segment.seq = peer_seq_;
    segment.ack = one_.connection().send_sequence().snd_nxt;
    segment.flags = wire::TcpFlags{wire::TcpFlags::kAck};
    segment.window = 900;
    segment.options.timestamps =
        wire::TcpTimestamps{.value = peer_clock_++, .echo = one_.newest ? one_.newest->value : 0};
    both([&](Side& side) {
      static_cast<void>(
          side.connection().on_segment(side.resources(), side.now, segment, Packet{}));
    });
  }

  template <class F>
  void both(F&& act) {
    act(one_);
    act(other_);
  }

  void step() {
    switch (is_sender_ ? chance_.below(8) : 3 + chance_.below(4)) {
      case 0: write(1 + chance_.below(200)); break;
      case 1: write(kMss * (1 + chance_.below(2))); break;
      case 2:
        for (unsigned packets = chance_.below(12); packets > 0; --packets) {
          write(kMss);
        }
        break;
      case 3: pass(std::chrono::microseconds{chance_.below(20'000)}); break;
      case 4: pass(std::chrono::milliseconds{chance_.below(chance_.one_in(5) ? 2'000 : 60)}); break;
      case 5: chance_.one_in(3) ? choose() : acknowledge(0); break;
      case 6:
        acknowledge(chance_.one_in(is_sender_ ? 3 : 1) ? 1 + chance_.below(2 * kMss) : 0);
        break;
      default: acknowledge(0); break;
    }
  }

  void write(std::uint32_t bytes) {
    both([&](Side& side) {
      Packet packet = packets().allocate();
      static_cast<void>(packet.append(static_cast<std::uint16_t>(bytes)));
      if (side.connection().writable(side.resources()) > 0) {
        static_cast<void>(side.connection().append(side.resources(), side.now, packet));
      }
    });
  }

  void pass(Duration time) {
    const Instant end = one_.now + time;
    // Timers on the way, as the turns of a core would have them.
    for (auto next = one_.connection().next_deadline(); next && *next <= end;
         next = one_.connection().next_deadline()) {
      both([&](Side& side) {
        side.now = std::max(side.now, *next);
        side.connection().on_timer(side.resources(), side.now);
        side.turn({});
      });
      ASSERT_TRUE(one_.sent == other_.sent);
      if (one_.now == end) {
        break;
      }
    }
    both([&](Side& side) { side.now = end; });
  }

  /// The application changes its mind about how to send.
  void choose() {
    const bool on = chance_.one_in(2);
    const bool is_cork = chance_.one_in(3);
    both([&](Side& side) {
      is_cork ? side.connection().set_cork(on) : side.connection().set_no_delay(on);
    });
  }

  /// An ACK of some of what is in flight, with data of the peer's where `bytes` says so.
  void acknowledge(std::uint32_t bytes) {
    const tcp::SendSequence& edges = one_.connection().send_sequence();
    tcp::Segment segment;
    segment.seq = peer_seq_;
    segment.payload_bytes = std::min<std::uint32_t>(bytes, kMss);
    segment.flags = wire::TcpFlags{wire::TcpFlags::kAck};
    segment.window = static_cast<std::uint16_t>(chance_.one_in(30)   ? 0
                                                : chance_.one_in(20) ? chance_.below(200)
                                                                     : 900);
    if (bytes > 0 && is_lossy_ && chance_.one_in(4)) {
      segment.seq += kMss;  // Ahead of a hole.
    }
    const bool is_stuck = is_lossy_ && chance_.one_in(4);
    const std::uint32_t acked = is_stuck             ? 0
                                : chance_.one_in(10) ? chance_.below(edges.flight() + 1)
                                                     : edges.flight() / kMss * kMss;
    segment.ack = edges.snd_una + acked;
    if (is_stuck && edges.flight() > 3 * kMss) {
      const std::uint32_t holes = 1 + chance_.below(3);
      static_cast<void>(segment.options.sack.push_back(
          {edges.snd_una + holes * kMss, edges.snd_una + edges.flight()}));
    }
    segment.options.timestamps =
        wire::TcpTimestamps{.value = peer_clock_++, .echo = one_.newest ? one_.newest->value : 0};
    const bool is_marked = one_.connection().ecn().may_mark() && chance_.one_in(15);
    if (is_marked) {
      segment.flags = segment.flags.with(wire::TcpFlags::kEce);
      segment.ecn = wire::Ecn::Congested;
    }
    both([&](Side& side) {
      Packet packet = packets().allocate();
      static_cast<void>(packet.append(static_cast<std::uint16_t>(segment.payload_bytes)));
      const bool has_payload = segment.payload_bytes > 0;
      static_cast<void>(side.connection().on_segment(side.resources(), side.now, segment,
                                                     has_payload ? std::move(packet) : Packet{}));
      const auto unread = side.connection().unread();
      if (unread > 0) {
        side.connection().consume(side.resources(), unread);
      }
    });
    peer_seq_ = one_.connection().receive_sequence().rcv_nxt;
  }

  bool is_lossy_;
  bool is_sender_;
  Chance chance_;
  Side one_;
  Side other_;
  SeqNum peer_seq_{0};
  std::uint32_t peer_clock_ = 1'000'000;
};

class PlainRunTest : public testing::TestWithParam<LifeCase> {};

TEST_P(PlainRunTest, SendsWhatSingleSegmentsSend) {
  unsigned in_runs_sent = 0;
  for (std::uint32_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Lives lives{GetParam(), seed};
    lives.play(150);
    in_runs_sent += lives.in_runs_sent();
  }
  if (GetParam().is_plain) {
    EXPECT_GT(in_runs_sent, 1'000U);
  } else {
    EXPECT_LT(in_runs_sent, 100U);
  }
}

TEST(PlainRunIdleTest, TellsOfAReductionThatAnIdleTimeHasMade) {
  covers({"RFC 3168 §6.1.2"});
  Start setup = base();
  setup.ecn();
  setup.config.slow_start_after_idle = true;
  Lives lives{{.name = "probe", .setup = setup}, 1};
  const std::vector<Sent> sent = lives.sent_after_probe_and_idle();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().plan.flags.bits(), wire::TcpFlags::kAck | wire::TcpFlags::kCwr);
}

INSTANTIATE_TEST_SUITE_P(Each, PlainRunTest, testing::ValuesIn(kLives),
                         [](const auto& each) { return std::string{each.param.name}; });

}  // namespace
}  // namespace millrace::test
