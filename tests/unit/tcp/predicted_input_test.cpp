// What is taken in one go leaves the connection as the steps would: two connections live through
// the same, the one with the prediction and the other without.
#include "tcp/predicted_input.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"
#include "support/eal_environment.hpp"
#include "unit/tcp/connection_state.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using packet::Packet;
using tcp::Connection;
using tcp::Segment;
using tcp::SegmentPlan;
using tcp::SeqNum;
using wire::TcpFlags;

constexpr std::uint16_t kMss = 1'460;
constexpr std::uint32_t kFrameHeadersMost = 120;

packet::PacketPool& packets() {
  static packet::PacketPool pool = make_pool(16'383);
  return pool;
}

/// Text behind `offset` bytes of something else.
Packet make_packet(std::uint32_t bytes, std::uint32_t first, std::uint32_t offset = 0) {
  Packet packet = packets().allocate();
  std::ranges::fill(packet.append(static_cast<std::uint16_t>(offset)), std::byte{0xee});
  for (std::byte& byte : packet.append(static_cast<std::uint16_t>(bytes))) {
    byte = static_cast<std::byte>(first++ & 0xffU);
  }
  return packet;
}

/// What a connection is made of and with.
struct HostSetup {
  TcpConfig config;
  std::uint32_t records = 256;
  std::uint64_t budget_bytes = 1U << 22U;
  std::uint32_t iss = 0;
  bool peer_has_timestamps = true;
  bool peer_has_sack = true;
  bool peer_has_ecn = false;
};

/// One connection with a core's resources of its own.
class Host {
 public:
  explicit Host(const HostSetup& setup)
      : config_{setup.config},
        records_{setup.records},
        budget_{setup.budget_bytes, setup.budget_bytes / 8},
        challenges_{setup.config.challenge_acks_per_second, random_} {}
  ~Host() {
    connection_.release(resources_);
    EXPECT_EQ(blocks_.size(), 0U);
    EXPECT_EQ(records_.size(), 0U);
    EXPECT_EQ(budget_.used(), 0U);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] const tcp::Resources& resources() const { return resources_; }
  /// The first bytes that wait for the application.
  [[nodiscard]] std::vector<std::byte> unread(std::size_t bytes) const {
    using packet::PacketQueue;
    std::vector<std::byte> text;
    if (connection_.active_ == nullptr) {
      return text;
    }
    for (PacketQueue::Position at = connection_.active_->receive_queue.packets_.front();
         at != nullptr && text.size() < bytes; at = PacketQueue::next(at)) {
      PacketQueue::view(at, [&text](const Packet& packet) {
        text.insert(text.end(), packet.data().begin(), packet.data().end());
      });
    }
    text.resize(std::min(text.size(), bytes));
    return text;
  }
  [[nodiscard]] ConnectionState state() const {
    ConnectionState state{connection_};
    state.add("stats", stats_);
    state.add("budget", budget_);
    state.add("blocks", blocks_.size());
    state.add("records", records_.size());
    state.add("deadline", connection_.next_deadline().value_or(Instant::max()));
    return state;
  }

 private:
  TcpConfig config_;
  CoreStats stats_;
  tcp::ActiveBlockPool blocks_{4};
  tcp::SentSegmentPool records_;
  packet::PacketBudget budget_;
  base::Random random_ = base::Random::from_seed(1);
  tcp::ChallengeAckLimit challenges_;
  tcp::TuningPool tunings_{2};
  tcp::BbrPool bbr_models_{1, 1};
  tcp::Resources resources_{.config = config_,
                            .active_blocks = blocks_,
                            .sent_segments = records_,
                            .budget = budget_,
                            .stats = stats_,
                            .challenge_acks = challenges_,
                            .tunings = tunings_,
                            .bbr_models = &bbr_models_};
  Connection connection_{{.local = {.address = IpAddress::v4(198, 18, 0, 1), .port = Port{80}},
                          .remote = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{4'000}}},
                         kMss};
};

bool is_same(const tcp::Disposition& a, const tcp::Disposition& b) {
  return a.dropped == b.dropped && a.answer_with_reset == b.answer_with_reset &&
         a.is_out_of_order == b.is_out_of_order && a.reports_duplicate == b.reports_duplicate &&
         a.delivered == b.delivered;
}

/// Both, always in the same state; a failure names what differs.
class Twins {
 public:
  explicit Twins(const HostSetup& setup) : setup_{setup}, first_{setup}, second_{setup} {
    Segment syn;
    syn.seq = SeqNum{irs_};
    syn.window = 40'000;
    syn.flags = TcpFlags{TcpFlags::kSyn};
    if (setup.peer_has_ecn) {
      syn.flags = syn.flags.with(TcpFlags::kEce | TcpFlags::kCwr);
    }
    syn.options.mss = kMss;
    syn.options.window_scale = 4;
    syn.options.sack_permitted = setup.peer_has_sack;
    if (setup.peer_has_timestamps) {
      syn.options.timestamps = wire::TcpTimestamps{.value = peer_clock(), .echo = 0};
    }
    both([&](Host& host) {
      host.connection().open_passive(host.resources(), now_, SeqNum{setup.iss}, syn);
    });
    drain();
    now_ += 10ms;
    hand_over(natural(0));
    drain();
  }

  [[nodiscard]] Connection& connection() { return first_.connection(); }
  [[nodiscard]] bool is_over() { return connection().state() == TcpState::Closed; }
  [[nodiscard]] std::uint32_t predicted() const { return predicted_; }
  [[nodiscard]] std::uint32_t handed_over() const { return handed_over_; }
  [[nodiscard]] std::uint32_t texts() const { return texts_; }
  [[nodiscard]] std::uint32_t flight() { return connection().send_sequence().flight(); }
  void pass(Duration time) { now_ += time; }

  /// The next segment of the peer's, which acknowledges all.
  [[nodiscard]] Segment natural(std::uint32_t bytes) {
    const tcp::SendSequence& send = connection().send_sequence();
    Segment segment;
    segment.seq = connection().receive_sequence().rcv_nxt;
    segment.ack = send.snd_nxt;
    segment.payload_bytes = bytes;
    segment.window = 4'000;
    segment.flags = TcpFlags{TcpFlags::kAck};
    if (setup_.peer_has_timestamps) {
      segment.options.timestamps = wire::TcpTimestamps{.value = peer_clock(), .echo = echo_};
    }
    return segment;
  }

  tcp::Disposition hand_over(const Segment& segment) {
    ++handed_over_;
    const auto payload = [&] {
      return segment.payload_bytes == 0 ? Packet{}
                                        : make_packet(segment.payload_bytes, segment.seq.value());
    };
    tcp::Disposition first;
    Packet arrived = payload();
    if (tcp::PredictedInput{connection(), first_.resources(), now_}.take(segment, arrived, first)) {
      ++predicted_;
    } else {
      EXPECT_EQ(static_cast<bool>(arrived), segment.payload_bytes > 0);
      first = connection().on_segment(first_.resources(), now_, segment, std::move(arrived));
    }
    const tcp::Disposition second =
        tcp::PredictedInput{second_.connection(), second_.resources(), now_}.take_by_steps(
            segment, payload());
    EXPECT_TRUE(is_same(first, second));
    compare();
    return first;
  }

  /// `segment`, and as much of the text of `count` more, `offset` bytes behind their frames'
  /// beginning, as may follow it without a look at these. Returns of how many that was.
  std::uint32_t hand_over_alike(const Segment& segment, std::uint32_t count,
                                std::uint32_t offset = 0) {
    const bool is_next = segment.seq == connection().receive_sequence().rcv_nxt;
    tcp::PredictedInput input{connection(), first_.resources(), now_};
    if (hand_over(segment).dropped || !is_next || !input.precedes_text(segment)) {
      return 0;
    }
    std::uint32_t taken = 0;
    Segment next = segment;
    for (; taken < count; ++taken) {
      next.seq = input.next_text();
      next.flags = TcpFlags{static_cast<std::uint8_t>(next.flags.bits() ^ TcpFlags::kPsh)};
      Packet frame = make_packet(segment.payload_bytes, next.seq.value(), offset);
      if (!input.take_text(frame, offset, segment.payload_bytes)) {
        break;
      }
      Packet text = make_packet(segment.payload_bytes, next.seq.value(), offset);
      text.keep(offset, segment.payload_bytes);
      const tcp::Disposition steps =
          tcp::PredictedInput{second_.connection(), second_.resources(), now_}.take_by_steps(
              next, std::move(text));
      EXPECT_TRUE(is_same(steps, tcp::Disposition{}));
    }
    if (taken > 0) {
      input.settle_text(segment, taken);
    }
    texts_ += taken;
    compare();
    return taken;
  }

  /// Sends what there is; of the last segment the frame fails if so told.
  void drain(bool is_last_lost = false) {
    std::optional<SegmentPlan> last;
    for (int sent = 0; sent < 1'000; ++sent) {
      const auto first = connection().next_segment(first_.resources(), now_);
      const auto second = second_.connection().next_segment(second_.resources(), now_);
      ASSERT_EQ(first.has_value(), second.has_value());
      if (!first) {
        break;
      }
      ASSERT_TRUE(is_same_plan(*first, *second));
      if (first->options.timestamps) {
        echo_ = first->options.timestamps->value;
      }
      last = first;
    }
    if (last && is_last_lost && connection().state() != TcpState::Closed) {
      both([&](Host& host) { host.connection().on_segment_not_sent(*last); });
    }
    ASSERT_TRUE(connection().check_invariants());
    const auto events = connection().take_events();
    ASSERT_EQ(events.bits(), second_.connection().take_events().bits());
    compare();
  }

  void reach_deadline() {
    if (const auto deadline = connection().next_deadline()) {
      now_ = std::max(now_, *deadline);
      both([&](Host& host) { host.connection().on_timer(host.resources(), now_); });
      drain();
    }
  }

  void send(std::uint32_t bytes) {
    both([&](Host& host) {
      if (host.connection().check_sendable(host.resources(), now_)) {
        Packet packet = make_packet(bytes, 7);
        static_cast<void>(host.connection().append(host.resources(), now_, packet));
      }
    });
    compare();
  }

  void read(std::uint32_t most) {
    const std::uint32_t bytes = std::min(most, connection().unread());
    ASSERT_TRUE(first_.unread(bytes) == second_.unread(bytes));
    both([&](Host& host) {
      if (bytes > 0) {
        host.connection().consume(host.resources(), bytes);
      }
    });
    compare();
  }

  template <class F>
  void both(F&& act) {
    act(first_);
    act(second_);
  }

  void compare() {
    const std::string difference = first_.state().difference(second_.state());
    ASSERT_TRUE(difference.empty()) << difference;
  }

  [[nodiscard]] std::uint32_t peer_clock() const {
    return static_cast<std::uint32_t>(now_.time_since_epoch() / 1ms) + 0xffff'0000U;
  }
  [[nodiscard]] std::uint32_t echo() const { return echo_; }
  [[nodiscard]] Instant now() const { return now_; }

 private:
  HostSetup setup_;
  std::uint32_t irs_ = 0xffff'e000;
  Instant now_{1h};
  Host first_;
  Host second_;
  std::uint32_t echo_ = 0;
  std::uint32_t predicted_ = 0;
  std::uint32_t handed_over_ = 0;
  std::uint32_t texts_ = 0;  // Taken behind others.
};

/// A life of chance, from one number.
class Life {
 public:
  explicit Life(std::uint64_t seed) : random_{base::Random::from_seed(seed)}, twins_{draw()} {}

  void live(unsigned steps) {
    for (unsigned i = 0; i < steps && !twins_.is_over() && !testing::Test::HasFailure(); ++i) {
      step();
    }
  }
  [[nodiscard]] const Twins& twins() const { return twins_; }

 private:
  bool in(std::uint32_t n) { return random_.one_in(n); }
  std::uint32_t below(std::uint32_t n) { return random_.below(n); }

  HostSetup draw() {
    HostSetup setup;
    TcpConfig& config = setup.config;
    constexpr std::array kKinds{CongestionKind::Cubic, CongestionKind::Reno, CongestionKind::Dctcp,
                                CongestionKind::Bbr};
    config.congestion_control = in(2) ? CongestionKind::Cubic : kKinds[below(kKinds.size())];
    config.ecn = in(3) ? EcnMode::On : EcnMode::Off;
    config.rack = !in(8);
    config.tail_loss_probe = !in(6);
    config.pacing = in(4);
    config.prr = !in(6);
    config.empty_window_probes = in(2);
    config.timestamps_required = in(2);
    config.quick_acks_max = in(2) ? 0 : 16;
    config.mtu_probing = in(4) ? MtuProbing::Always : MtuProbing::BlackHole;
    config.send_buffer_bytes = config.receive_buffer_bytes = in(4) ? 16'384 : 1U << 20U;
    config.send_buffer_initial_bytes = config.receive_buffer_initial_bytes = 65'536;
    config.rto_min = in(2) ? 200ms : 5ms;
    setup.records = in(4) ? 12 : 256;
    setup.budget_bytes = in(6) ? 40'000 : 1U << 22U;
    setup.iss = in(2) ? 0xffff'f000 : 0x7fff'f000;
    setup.peer_has_timestamps = !in(5);
    setup.peer_has_sack = !in(5);
    setup.peer_has_ecn = in(2);
    return setup;
  }

  void step() {
    const std::uint32_t choice = below(100);
    if (choice < 62) {
      twins_.hand_over_alike(in(4) ? odd() : usual(), below(6), below(kFrameHeadersMost));
    } else if (choice < 74) {
      twins_.send(in(2) ? kMss : 1 + below(kMss));
    } else if (choice < 84) {
      twins_.read(in(2) ? UINT32_MAX : below(4'000));
    } else if (choice < 88) {
      twins_.reach_deadline();
    } else if (choice < 89) {
      choose();
    } else {
      twins_.pass(in(2) ? Duration{below(3'000'000)} : Duration{1us} * below(40'000));
    }
    if (!in(3)) {
      twins_.drain(in(40));
    }
  }

  Segment usual() {
    constexpr std::array<std::uint32_t, 5> kSizes{0, 1, 64, 536, kMss};
    Segment segment = twins_.natural(kSizes[below(kSizes.size())]);
    const std::uint32_t flight = twins_.flight();
    if (in(3)) {
      segment.ack = twins_.connection().send_sequence().snd_una;
    } else if (in(3) && flight > 0) {
      segment.ack = twins_.connection().send_sequence().snd_una +
                    std::min(flight, in(2) ? below(flight + 1) : kMss * (1 + below(4)));
    }
    if (in(3)) {
      segment.flags = segment.flags.with(TcpFlags::kPsh);
    }
    if (in(8)) {
      segment.window = static_cast<std::uint16_t>(below(4'000));
    }
    return segment;
  }

  Segment odd() {
    Segment segment = usual();
    for (std::uint32_t i = 1 + below(2); i > 0; --i) {
      distort(segment);
    }
    return segment;
  }

  void distort(Segment& segment) {
    const tcp::SendSequence& send = twins_.connection().send_sequence();
    switch (below(16)) {
      case 0: segment.seq += kMss * (1 + below(3)); break;
      case 1: segment.seq = segment.seq - below(3'000); break;
      case 2: segment.ack = send.snd_una - below(4'000); break;
      case 3: segment.window = 0; break;
      case 4:
        if (segment.options.timestamps) {
          segment.options.timestamps->value -= below(100);
          segment.options.timestamps->echo -= below(100);
        }
        break;
      case 5:
        if (in(2)) {
          segment.options.timestamps.reset();
        } else {
          segment.options.timestamps = wire::TcpTimestamps{.value = twins_.peer_clock(), .echo = 0};
        }
        break;
      case 6:
      case 7:
      case 8: report(segment); break;
      case 9: segment.flags = segment.flags.with(in(2) ? TcpFlags::kEce : TcpFlags::kCwr); break;
      case 10: segment.ecn = wire::Ecn::Congested; break;
      case 11:
        segment.flags = segment.flags.with(TcpFlags::kUrg);
        segment.urgent_pointer = static_cast<std::uint16_t>(below(2'000));
        break;
      case 12: segment.options.user_timeout = wire::UserTimeoutOption{.bits = 30}; break;
      case 13: segment.payload_bytes = 0; break;
      case 14: segment.ecn = wire::Ecn::Capable0; break;
      default: end(segment); break;
    }
  }

  /// Reports something in flight, or something that came twice.
  void report(Segment& segment) {
    const tcp::SendSequence& send = twins_.connection().send_sequence();
    segment.ack = in(2) ? send.snd_una : segment.ack;
    for (std::uint32_t i = 1 + below(3); i > 0; --i) {
      const SeqNum left = in(4) ? send.snd_una - below(2 * kMss) : send.snd_una + below(8) * kMss;
      static_cast<void>(
          segment.options.sack.push_back({.left = left, .right = left + kMss * (1 + below(3))}));
    }
  }

  void end(Segment& segment) {
    if (!in(12)) {
      return;
    }
    constexpr std::array kEnds{TcpFlags::kFin, TcpFlags::kFin, TcpFlags::kSyn, TcpFlags::kRst};
    segment.flags = segment.flags.with(kEnds[below(kEnds.size())]);
  }

  /// Something that an application may do now and then.
  void choose() {
    const std::uint32_t choice = below(9);
    const bool on = in(2);
    const std::uint32_t number = below(20'000);
    twins_.both([&](Host& host) {
      Connection& connection = host.connection();
      switch (choice) {
        case 0: connection.set_no_delay(on); break;
        case 1: connection.set_cork(on); break;
        case 2: connection.set_quick_acks(on); break;
        case 3: connection.want_writable(host.resources(), twins_.now()); break;
        case 4:
          connection.set_keepalive(
              on ? std::optional{KeepaliveOptions{.idle = 1s, .interval = 1s, .count = 3}}
                 : std::nullopt,
              twins_.now());
          break;
        case 5: connection.mark_urgent(); break;
        case 6: connection.set_urgent_inline(host.resources(), on); break;
        case 7: connection.on_path_mss(host.resources(), twins_.now(), on ? 1'200 : kMss); break;
        default:
          if (number < 2'000) {
            static_cast<void>(connection.shutdown(host.resources(), twins_.now()));
          } else if (number < 3'000) {
            connection.close(host.resources(), twins_.now());
          } else {
            connection.set_tuning(host.resources(), {.unsent_limit_bytes = on ? number : 0});
          }
          break;
      }
    });
    twins_.compare();
  }

  base::Random random_;
  Twins twins_;
};

TEST(PredictedInput, LeavesAConnectionAsTheStepsWould) {
  covers({"RFC 7323 §5.6", "RFC 9293 §3.10.7.4"});
  constexpr std::uint64_t kLives = 1'500;
  std::uint64_t predicted = 0;
  std::uint64_t handed_over = 0;
  std::uint64_t texts = 0;
  for (std::uint64_t seed = 1; seed <= kLives; ++seed) {
    Life life{seed};
    life.live(200);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    predicted += life.twins().predicted();
    handed_over += life.twins().handed_over();
    texts += life.twins().texts();
  }
  // Else it would say little.
  EXPECT_GT(predicted, handed_over / 5);
  EXPECT_LT(predicted, handed_over * 4 / 5);
  EXPECT_GT(texts, handed_over / 20);
}

TEST(PredictedInput, TakesTextBehindASegmentOfTheSameKind) {
  covers({"RFC 7323 §5.6"});
  Twins twins{HostSetup{}};
  EXPECT_EQ(twins.hand_over_alike(twins.natural(kMss), 5), 5U);
  twins.read(UINT32_MAX);
  twins.drain();
  // Each of these is for a closer look: a small one, one that is not the next, one with a mark,
  // and one while something is in flight.
  EXPECT_EQ(twins.hand_over_alike(twins.natural(64), 5), 0U);
  Segment odd = twins.natural(kMss);
  odd.seq += kMss;
  EXPECT_EQ(twins.hand_over_alike(odd, 5), 0U);
  EXPECT_EQ(twins.hand_over_alike(twins.natural(kMss), 5), 0U);  // It fills the hole.
  odd = twins.natural(kMss);
  odd.ecn = wire::Ecn::Congested;
  EXPECT_EQ(twins.hand_over_alike(odd, 5), 0U);
  twins.send(kMss);
  twins.drain();
  EXPECT_EQ(twins.hand_over_alike(twins.natural(kMss), 5), 5U);  // It acknowledges that.
  twins.send(kMss);
  twins.drain();
  odd = twins.natural(kMss);
  odd.ack = twins.connection().send_sequence().snd_una;
  EXPECT_EQ(twins.hand_over_alike(odd, 5), 0U);
}

TEST(PredictedInput, TakesNoMoreTextThanTheWindowHasRoomFor) {
  covers({"RFC 9293 §3.10.7.4"});
  HostSetup setup;
  setup.config.receive_buffer_bytes = setup.config.receive_buffer_initial_bytes = 32'768;
  Twins twins{setup};
  const std::uint32_t window = twins.connection().receive_sequence().rcv_wnd();
  ASSERT_LT(window / kMss, 32U);
  EXPECT_EQ(twins.hand_over_alike(twins.natural(kMss), 32), window / kMss - 1);
}

TEST(PredictedInput, TakesTheNextTextAndAcksOfWhatIsInFlight) {
  covers({"RFC 7323 §5.6"});
  Twins twins{HostSetup{}};
  for (unsigned i = 0; i < 40; ++i) {
    const std::uint32_t before = twins.predicted();
    twins.hand_over(twins.natural(64));  // With an ACK of the last answer.
    twins.hand_over(twins.natural(kMss));
    EXPECT_EQ(twins.predicted() - before, 2U);
    twins.read(UINT32_MAX);
    twins.send(64);
    twins.drain();
    twins.pass(1ms);
  }
  for (unsigned i = 0; i < 4; ++i) {
    twins.send(kMss);
  }
  twins.drain();
  const SeqNum snd_una = twins.connection().send_sequence().snd_una;
  for (const std::uint32_t acked : {kMss + 64U, 2U * kMss + 64U, 2U * kMss + 100U}) {
    // The rest of a burst, then with the edge inside of a segment.
    const std::uint32_t before = twins.predicted();
    Segment ack = twins.natural(0);
    ack.ack = snd_una + acked;
    twins.hand_over(ack);
    EXPECT_EQ(twins.predicted() - before, 1U) << acked;
  }
}

struct OddCase {
  const char* name;
  void (*make_odd)(Twins& twins, Segment& segment);
};

class PredictedInputOdd : public testing::TestWithParam<OddCase> {};

TEST_P(PredictedInputOdd, IsLeftToTheSteps) {
  covers({"RFC 7323 §5.6"});
  Twins twins{HostSetup{}};
  twins.send(kMss);
  twins.send(kMss);
  twins.drain();
  twins.pass(1ms);
  Segment segment = twins.natural(100);
  GetParam().make_odd(twins, segment);
  const std::uint32_t before = twins.predicted();
  twins.hand_over(segment);
  EXPECT_EQ(twins.predicted(), before);
}

const OddCase kOddCases[] = {
    {"Hole", [](Twins&, Segment& s) { s.seq += 100; }},
    {"Repeated", [](Twins&, Segment& s) { s.seq = s.seq - 50; }},
    {"BeyondTheWindow",
     [](Twins& t, Segment& s) {
       s.payload_bytes = kMss;
       for (int i = 0; i < 40 && t.connection().receive_sequence().rcv_wnd() >= kMss; ++i) {
         t.hand_over(t.natural(kMss));
       }
       while (t.connection().receive_sequence().rcv_wnd() > 100) {
         t.hand_over(t.natural(100));
       }
       s = t.natural(kMss);
     }},
    {"AckOfTheUnsent", [](Twins&, Segment& s) { s.ack += 1; }},
    {"OldAck", [](Twins& t, Segment& s) { s.ack = t.connection().send_sequence().snd_una - 1; }},
    {"AckOfNothing",
     [](Twins& t, Segment& s) {
       s.ack = t.connection().send_sequence().snd_una;
       s.payload_bytes = 0;
     }},
    {"Fin", [](Twins&, Segment& s) { s.flags = s.flags.with(TcpFlags::kFin); }},
    {"Syn", [](Twins&, Segment& s) { s.flags = s.flags.with(TcpFlags::kSyn); }},
    {"Reset", [](Twins&, Segment& s) { s.flags = s.flags.with(TcpFlags::kRst); }},
    {"Urgent", [](Twins&, Segment& s) { s.flags = s.flags.with(TcpFlags::kUrg); }},
    {"Echo", [](Twins&, Segment& s) { s.flags = s.flags.with(TcpFlags::kEce); }},
    {"Reduced", [](Twins&, Segment& s) { s.flags = s.flags.with(TcpFlags::kCwr); }},
    {"Mark", [](Twins&, Segment& s) { s.ecn = wire::Ecn::Congested; }},
    {"ClosedWindow", [](Twins&, Segment& s) { s.window = 0; }},
    {"OldTimestamp", [](Twins&, Segment& s) { s.options.timestamps->value -= 100; }},
    {"NoTimestamp", [](Twins&, Segment& s) { s.options.timestamps.reset(); }},
    {"UserTimeout", [](Twins&, Segment& s) { s.options.user_timeout.emplace(); }},
    {"Report",
     [](Twins& t, Segment& s) {
       const SeqNum una = t.connection().send_sequence().snd_una;
       s.ack = una;
       static_cast<void>(s.options.sack.push_back({.left = una + kMss, .right = una + 2U * kMss}));
     }},
    {"BeforeAFinThatHasArrived",
     [](Twins& t, Segment& s) {
       Segment fin = t.natural(0);
       fin.seq += 100;
       fin.flags = fin.flags.with(TcpFlags::kFin);
       t.hand_over(fin);
       s = t.natural(100);
     }},
    {"AfterATimeout",
     [](Twins& t, Segment& s) {
       t.reach_deadline();  // Of the probe of the tail,
       t.reach_deadline();  // and of the timeout.
       s.options.timestamps->value = t.peer_clock();
     }},
};
INSTANTIATE_TEST_SUITE_P(All, PredictedInputOdd, testing::ValuesIn(kOddCases),
                         [](const auto& one) { return std::string{one.param.name}; });

}  // namespace

}  // namespace millrace::test
