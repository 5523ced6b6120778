// Plays protocol scripts against a tcp::Connection and prints the conversation when one fails.
#include "support/tcp_script.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

#include "support/eal_environment.hpp"
#include "tcp/plain_run.hpp"
#include "tcp/reset.hpp"

namespace millrace::test {

namespace {

using packet::Packet;
using tcp::TcpFlags;
using wire::SeqNum;

constexpr std::uint8_t kCompared = TcpFlags::kFin | TcpFlags::kSyn | TcpFlags::kRst |
                                   TcpFlags::kAck | TcpFlags::kEce | TcpFlags::kCwr;

packet::PacketPool& packets() {
  static packet::PacketPool pool = make_pool(16'383);
  return pool;
}

/// Whether a connection sends as the stack lets it, in runs as far as it can; else a segment at a
/// time, as it must be able to. Scripts see no difference.
bool are_runs_on() {
  const char* const output = std::getenv("MILLRACE_SCRIPT_OUTPUT");
  return output == nullptr || std::string_view{output} != "segments";
}

/// They share the packets.
unsigned& scripts_alive() {
  static unsigned count = 0;
  return count;
}

std::string describe(const Seg& seg) {
  std::ostringstream text;
  const TcpFlags flags{seg.flags};
  text << (flags.syn() ? "S" : "") << (flags.fin() ? "F" : "") << (flags.rst() ? "R" : "")
       << (flags.psh() ? "P" : "") << (flags.ack() ? "." : "") << (flags.ece() ? "E" : "")
       << (flags.cwr() ? "W" : "");
  if (seg.seq) {
    text << " seq " << *seg.seq;
  }
  text << " bytes " << seg.bytes;
  if (seg.ack) {
    text << " ack " << *seg.ack;
  }
  if (seg.window) {
    text << " window " << *seg.window;
  }
  if (seg.mark != wire::Ecn::NotCapable) {
    text << (seg.mark == wire::Ecn::Congested ? " CE" : " ECT");
  }
  if (seg.urgent) {
    text << " urgent " << *seg.urgent;
  }
  if (seg.timeout) {
    text << " user timeout " << *seg.timeout;
  }
  if (seg.ts_value) {
    text << " value " << *seg.ts_value;
  }
  if (seg.ts_echo) {
    text << " echo " << *seg.ts_echo;
  }
  for (const auto& [left, right] : seg.blocks ? *seg.blocks : Blocks{}) {
    text << " sack " << left << '-' << right;
  }
  return text.str();
}

std::string describe(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) +
         " us";
}

Seg make(std::uint8_t flags, Location at) {
  Seg seg;
  seg.flags = flags;
  seg.at = at;
  return seg;
}

FourTuple tuple(bool is_ipv6) {
  if (is_ipv6) {
    return {.local = {.address = *IpAddress::parse("fd00::1"), .port = Port{80}},
            .remote = {.address = *IpAddress::parse("fd00::2"), .port = Port{40'000}}};
  }
  return {.local = {.address = IpAddress::v4(198, 18, 0, 1), .port = Port{80}},
          .remote = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{40'000}}};
}

}  // namespace

std::byte pattern(std::uint32_t position, bool is_peer) {
  return static_cast<std::byte>((position * 167U + (position >> 8U) * 11U + (is_peer ? 91U : 0U)) &
                                0xffU);
}

Seg syn(Location at) { return make(TcpFlags::kSyn, at).from(0); }

Seg syn_ack(std::uint32_t acks, Location at) {
  return make(TcpFlags::kSyn | TcpFlags::kAck, at).from(0).acks(acks);
}

Seg ack(std::uint32_t acks, Location at) { return make(TcpFlags::kAck, at).acks(acks); }

Seg data(std::uint32_t seq, std::uint32_t bytes, Location at) {
  Seg seg = make(TcpFlags::kAck, at).from(seq);
  seg.bytes = bytes;
  return seg;
}

Seg fin(std::uint32_t seq, std::uint32_t bytes, Location at) {
  return data(seq, bytes, at).with_flags(TcpFlags::kFin | TcpFlags::kAck);
}

Seg rst(std::uint32_t seq, Location at) { return make(TcpFlags::kRst, at).from(seq); }

Seg rst_ack(std::uint32_t seq, std::uint32_t acks, Location at) {
  return make(TcpFlags::kRst | TcpFlags::kAck, at).from(seq).acks(acks);
}

Seg blind_rst(std::uint32_t acks, Location at) {
  Seg seg = make(TcpFlags::kRst | TcpFlags::kAck, at).acks(acks);
  seg.is_blind = true;
  return seg;
}

TcpConfig fixed_buffers() {
  TcpConfig config;
  config.send_buffer_bytes = config.receive_buffer_bytes = 512 * 1'024;
  config.send_buffer_initial_bytes = config.receive_buffer_initial_bytes = 1U << 30U;
  return config;
}

Start& Start::mss(std::uint16_t bytes) {
  mss_bytes = bytes;
  return *this;
}
Start& Start::cwnd(std::uint32_t bytes) {
  config.initial_window_segments = bytes / mss_bytes;
  return *this;
}
Start& Start::peer_window(std::uint32_t bytes) {
  window_bytes = bytes;
  return *this;
}
Start& Start::peer_scale(std::optional<std::uint8_t> shift) {
  scale = shift;
  return *this;
}
Start& Start::rtt(Duration of_handshake) {
  round_trip = of_handshake;
  return *this;
}
Start& Start::budget(std::uint64_t bytes) {
  budget_bytes = bytes;
  return *this;
}
Start& Start::at(const Numbers& first) {
  numbers = first;
  return *this;
}

Start& Start::path(std::uint16_t bytes) {
  path_bytes = bytes;
  return *this;
}
Start& Start::ecn() {
  has_ecn = true;
  config.ecn = EcnMode::On;
  return *this;
}

Start established() {
  Start setup;
  setup.begin = Start::Begin::Active;
  return setup;
}

Start established_passively() {
  Start setup;
  setup.begin = Start::Begin::Passive;
  return setup;
}

Start closed() { return {}; }

TcpScript::TcpScript(const Start& setup)
    : setup_{setup},
      sent_segments_{setup.sent_segments},
      budget_{setup.budget_bytes},
      challenge_acks_{setup.config.challenge_acks_per_second, random_},
      resources_{.config = setup_.config,
                 .active_blocks = active_blocks_,
                 .sent_segments = sent_segments_,
                 .budget = budget_,
                 .stats = stats_,
                 .challenge_acks = challenge_acks_,
                 .tunings = tunings_,
                 .bbr_models = &bbr_models_},
      connection_{std::make_unique<tcp::Connection>(tuple(setup.is_ipv6), setup.mss_bytes,
                                                    setup.path_bytes)},
      peer_window_{setup.window_bytes} {
  ++scripts_alive();
  connection_->set_timestamp_offset(timestamp_offset());
  connection_->set_tuning(resources_, setup.tuning);
  begin(setup);
}

TcpScript::~TcpScript() {
  check(output_.empty(), "something was sent at the end that nobody expected", Location::current());
  connection_->release(resources_);
  connection_.reset();
  EXPECT_EQ(active_blocks_.size(), 0U) << "active blocks were not given back\n" << transcript_;
  EXPECT_EQ(sent_segments_.size(), 0U) << "records were not given back\n" << transcript_;
  EXPECT_EQ(tunings_.size(), 0U) << "a tuning was not given back\n" << transcript_;
  EXPECT_EQ(budget_.used(), 0U) << "the budget was not given back\n" << transcript_;
  if (--scripts_alive() == 0) {
    EXPECT_EQ(packets().in_use(), 0U) << "packets were not given back\n" << transcript_;
  }
}

void TcpScript::begin(const Start& setup) {
  if (setup.begin == Start::Begin::Closed) {
    return;
  }
  if (setup.begin == Start::Begin::Active) {
    open_active(setup.config.connect_timeout).expect(setup.has_ecn ? syn().ece().cwr() : syn());
    // The SYN's window field has no scale: what counts comes with an ACK behind it.
    after(setup.round_trip).peer_sends(setup.has_ecn ? syn_ack().ece() : syn_ack()).expect(ack(1));
    if (setup.scale && setup.window_bytes > 65'535) {
      peer_sends(ack(1)).expect_nothing();
    }
  } else {
    open_passive(setup.has_ecn ? syn().ece().cwr() : syn());
    expect(setup.has_ecn ? syn_ack(1).ece() : syn_ack(1));
    after(setup.round_trip).peer_sends(ack(1)).expect_nothing();
  }
  origin_ = now_;
  expect_state(TcpState::Established).expect_events(tcp::Events::kConnected);
}

TcpScript& TcpScript::at(Duration time, Location where) {
  require_accounted(where);
  advance(origin_ + time, where);
  return *this;
}

TcpScript& TcpScript::expect_silence_until(Duration time, Location where) {
  return at(time, where).expect_nothing(where);
}

TcpScript& TcpScript::expect_silence_for_ever(Location where) {
  require_accounted(where);
  const auto next = deadline();
  check(!next, "a timer is armed" + (next ? " for " + describe(*next) : std::string{}), where);
  return *this;
}

std::optional<Duration> TcpScript::deadline() const {
  const auto deadline = connection_->next_deadline();
  return deadline ? std::optional{*deadline - origin_} : std::nullopt;
}

void TcpScript::advance(Instant target, Location where) {
  check(target >= now_, "the script goes back in time", where);
  for (auto next = connection_->next_deadline(); next && *next <= target;
       next = connection_->next_deadline()) {
    now_ = std::max(now_, *next);
    connection_->on_timer(resources_, now_);
    drain(where);
    if (now_ == target) {
      break;
    }
    check(output_.empty(), "something was sent at " + describe(now()) + ", unasked", where);
    output_.clear();
  }
  now_ = target;
}

TcpScript& TcpScript::open_active(Duration timeout, Location where) {
  transcript_ += "         open_active\n";
  connection_->open_active(resources_, now_, SeqNum{setup_.numbers.iss}, timeout);
  drain(where);
  return *this;
}

TcpScript& TcpScript::open_passive(const Seg& syn) {
  require_accounted(syn.at);
  transcript_ += "         open_passive\n";
  connection_->open_passive(resources_, now_, SeqNum{setup_.numbers.iss}, segment_of(syn));
  connection_->defer_accept(setup_.deferred_timeouts);
  drain(syn.at);
  return *this;
}

TcpScript& TcpScript::play(std::vector<Seg> segments, bool at_once) {
  require_accounted(segments.front().at);
  for (const Seg& seg : segments) {
    for (unsigned i = 0; i < seg.count; ++i) {
      deliver(seg);
      if (!at_once) {
        drain(seg.at);
      }
    }
  }
  drain(segments.back().at);
  return *this;
}

void TcpScript::deliver(const Seg& seg) {
  const tcp::Segment segment = segment_of(seg);
  Packet payload = packets().allocate();
  const auto first = static_cast<std::uint32_t>(segment.seq - SeqNum{setup_.numbers.irs}) +
                     (segment.flags.syn() ? 1U : 0U);
  const auto bytes = payload.append(static_cast<std::uint16_t>(seg.bytes));
  for (std::uint32_t i = 0; i < seg.bytes; ++i) {
    bytes[i] = pattern(first + i, true);
  }
  const auto disposition = hand_over(segment, std::move(payload));
  last_drop_ = disposition.dropped;
  if (disposition.answer_with_reset) {
    check(!segment.flags.rst(), "a reset must never be answered with one", seg.at);
    note_output(tcp::make_reset(segment), true);
  }
}

tcp::Segment TcpScript::segment_of(const Seg& seg) {
  const TcpFlags flags{seg.flags};
  const std::uint32_t seq = seg.seq.value_or(peer_high_);
  const std::uint32_t acks = seg.ack.value_or(peer_acked_);
  peer_window_ = seg.window.value_or(peer_window_);
  tcp::Segment segment;
  segment.seq = SeqNum{setup_.numbers.irs} + seq;
  segment.ack = flags.ack() ? SeqNum{setup_.numbers.iss} + acks : SeqNum{0};
  segment.payload_bytes = seg.bytes;
  segment.flags = seg.urgent ? flags.with(TcpFlags::kUrg) : flags;
  segment.ecn = seg.mark;
  segment.urgent_pointer = seg.urgent.value_or(0);
  if (seg.timeout) {
    segment.options.user_timeout = wire::UserTimeoutOption{*seg.timeout};
  }
  if (flags.syn()) {
    segment.options.mss = seg.mss.value_or(setup_.mss_bytes);
    if (seg.mss == 0) {
      segment.options.mss.reset();
    }
    segment.options.window_scale = seg.scale ? seg.scale : setup_.scale;
    peer_shift_ = segment.options.window_scale;
  }
  add_peer_options(segment, seg);
  const unsigned shift = flags.syn() || !shift_ ? 0 : peer_shift_.value_or(0);
  segment.window = static_cast<std::uint16_t>(std::min(peer_window_ >> shift, 65'535U));
  const auto end = static_cast<std::uint32_t>(segment.end() - SeqNum{setup_.numbers.irs});
  peer_high_ = flags.rst() ? peer_high_ : std::max(peer_high_, end);
  peer_acked_ = std::max(peer_acked_, acks);
  transcript_ +=
      "  " + describe(now()) + "  peer > " + describe(Seg{seg}.from(seq).acks(acks)) + "\n";
  return segment;
}

void TcpScript::drain(Location where) {
  if (!are_runs_on() || !drain_run(where)) {
    for (unsigned sent = 0; auto plan = connection_->next_segment(resources_, now_); ++sent) {
      tally_.on_sent(*plan, now_);
      note_output(*plan, false);
      if (sent == 10'000) {
        check(false, "next_segment never comes to an end", where);
        break;
      }
    }
  }
  tally_.on_limit(connection_->send_limit(), now_);
  const auto deadline = connection_->next_deadline();
  check(!deadline || *deadline > now_, "a deadline does not lie ahead after a turn", where);
  check(connection_->check_invariants(), "an invariant is broken", where);
  events_ |= connection_->take_events().bits();
}

bool TcpScript::drain_run(Location where) {
  using Next = tcp::PlainRun::Next;
  tcp::PlainRun run{*connection_, resources_, now_};
  if (!run.is_plain()) {
    return false;
  }
  for (unsigned sent = 0; sent < 10'000; ++sent) {
    const Next next = run.next();
    if (next != Next::Segment) {
      return next == Next::Nothing;
    }
    tally_.on_run_sent(1, run.segment().payload_bytes,
                       run.segment().seq + run.segment().payload_bytes, now_);
    note_output(run.plan(), false);
    if (sent % 3 == 2) {
      // As whoever runs out of packets, or of patience, does.
      run.settle();
    }
  }
  check(false, "a run never comes to an end", where);
  return true;
}

void TcpScript::note_output(const tcp::SegmentPlan& plan, bool is_stateless) {
  Seg seg;
  seg.flags = plan.flags.bits();
  seg.is_blind = is_stateless && plan.seq == SeqNum{0} && plan.flags.ack();
  seg.seq = static_cast<std::uint32_t>(plan.seq - SeqNum{setup_.numbers.iss});
  if (plan.flags.ack()) {
    seg.ack = static_cast<std::uint32_t>(plan.ack - SeqNum{setup_.numbers.irs});
  }
  seg.bytes = plan.payload_bytes;
  seg.mss = plan.options.mss;
  seg.scale = plan.options.window_scale;
  if (plan.flags.syn()) {
    shift_ = plan.options.window_scale;
  }
  const unsigned shift = plan.flags.syn() || !peer_shift_ ? 0 : shift_.value_or(0);
  seg.window = std::uint32_t{plan.window} << shift;
  seg.is_pushed = plan.flags.psh();
  seg.mark = plan.ecn;
  if (plan.flags.urg()) {
    seg.urgent = plan.urgent_pointer;
  }
  if (plan.options.user_timeout) {
    seg.timeout = plan.options.user_timeout->bits;
  }
  note_options(seg, plan, is_stateless);
  if (!is_stateless && !plan.flags.rst()) {
    check(!seg.seq || *seg.seq <= snd_high_, "a gap was left in what is sent", Location::current());
    snd_high_ = std::max(
        snd_high_, *seg.seq + seg.bytes + (plan.flags.syn() ? 1 : 0) + (plan.flags.fin() ? 1 : 0));
  }
  transcript_ += "  " + describe(now()) + "       < " + describe(seg) + "\n";
  check_payload(seg);
  output_.push_back(seg);
}

void TcpScript::check_payload(const Seg& seg) {
  if (seg.bytes == 0) {
    return;
  }
  const bool is_syn = TcpFlags{seg.flags}.syn();
  const std::uint32_t first = *seg.seq + (is_syn ? 1U : 0U);
  std::uint32_t position = first;
  bool is_right = true;
  connection_->send_buffer().for_each_piece(
      SeqNum{setup_.numbers.iss} + position, seg.bytes,
      [&](packet::PacketQueue::Position packet, std::uint32_t offset, std::uint32_t length) {
        packet::PacketQueue::view(packet, [&](const Packet& held) {
          for (const std::byte byte : held.data().subspan(offset, length)) {
            is_right = is_right && byte == pattern(position++, false);
          }
        });
      });
  check(is_right && position == first + seg.bytes, "the payload is not the application's",
        Location::current());
}

TcpScript& TcpScript::match(const std::vector<Seg>& expected) {
  std::vector<Seg> all;
  for (const Seg& seg : expected) {
    all.insert(all.end(), seg.count, seg);
  }
  const std::vector<Seg> sent = take_output();
  for (std::size_t i = 0; i < std::min(all.size(), sent.size()); ++i) {
    const std::string wrong = difference(all[i], sent[i]);
    check(wrong.empty(),
          "expected " + describe(all[i]) + ", got " + describe(sent[i]) + ": " + wrong, all[i].at);
  }
  check(all.size() == sent.size(),
        std::to_string(all.size()) + " segments were expected, " + std::to_string(sent.size()) +
            " were sent",
        expected.front().at);
  return *this;
}

std::string TcpScript::difference(const Seg& expected, const Seg& sent) const {
  std::string wrong;
  const auto compare = [&wrong](bool is_same, const char* what) { wrong += is_same ? "" : what; };
  compare((expected.flags & kCompared) == (sent.flags & kCompared), "flags ");
  compare(expected.is_blind == sent.is_blind, "blindness ");
  compare(expected.is_blind || expected.seq.value_or(snd_high_) == sent.seq, "seq ");
  compare(!expected.ack || expected.ack == sent.ack, "ack ");
  compare(expected.bytes == sent.bytes, "bytes ");
  compare(!expected.window || expected.window == sent.window, "window ");
  compare(!expected.mss || *expected.mss == sent.mss.value_or(0), "mss ");
  compare(!expected.scale || expected.scale == sent.scale, "scale ");
  compare(!expected.is_pushed || sent.is_pushed, "push ");
  compare(expected.mark == sent.mark, "mark ");
  compare(!expected.is_unpushed || !sent.is_pushed, "push ");
  compare(expected.urgent == sent.urgent, "urgent ");
  compare(expected.timeout == sent.timeout, "user timeout ");
  return wrong + options_difference(expected, sent);
}

TcpScript& TcpScript::expect_nothing(Location where) {
  require_accounted(where);
  return *this;
}

TcpScript& TcpScript::expect_drop(std::optional<DropReason> reason, Location where) {
  const auto name = [](std::optional<DropReason> drop) {
    return drop ? std::string{to_string(*drop)} : "none";
  };
  check(last_drop_ == reason,
        "drop reason " + name(reason) + " was expected, it is " + name(last_drop_), where);
  return *this;
}

TcpScript& TcpScript::expect_state(TcpState state, Location where) {
  check(connection_->state() == state,
        "state " + state_name(state) + " was expected, it is " + state_name(connection_->state()),
        where);
  return *this;
}

TcpScript& TcpScript::expect_events(unsigned bits, Location where) {
  const unsigned news = std::exchange(events_, 0U);
  check(news == bits,
        "events " + std::to_string(bits) + " were expected, there are " + std::to_string(news),
        where);
  return *this;
}

TcpScript& TcpScript::expect_outcome(Result<void> outcome, Location where) {
  const auto name = [](const Result<void>& of) {
    return of ? std::string{"success"} : std::string{to_string(of.error())};
  };
  check(connection_->outcome() == outcome,
        "outcome \"" + name(outcome) + "\" was expected, it is \"" + name(connection_->outcome()) +
            "\"",
        where);
  return *this;
}

TcpScript& TcpScript::app_sends(std::uint32_t bytes, Location where) {
  require_accounted(where);
  transcript_ += "         app sends " + std::to_string(bytes) + "\n";
  const auto taken = app_tries_to_send(bytes);
  check(taken == bytes, "the application could not send " + std::to_string(bytes), where);
  drain(where);
  return *this;
}

Result<std::size_t> TcpScript::app_tries_to_send(std::uint32_t bytes) {
  if (const auto sendable = connection_->check_sendable(resources_, now_); !sendable) {
    return fail(sendable.error());
  }
  std::vector<std::byte> content(bytes);
  for (std::uint32_t i = 0; i < bytes; ++i) {
    content[i] = pattern(app_written_ + i, false);
  }
  std::size_t taken = connection_->append_to_tail(content);
  while (taken < bytes && connection_->writable(resources_) > 0) {
    Packet packet = packets().allocate();
    const std::size_t part = std::min<std::size_t>(bytes - taken, connection_->packet_bytes_max());
    std::ranges::copy(std::span{content}.subspan(taken, part),
                      packet.append(static_cast<std::uint16_t>(part)).begin());
    if (!connection_->append(resources_, now_, packet)) {
      break;
    }
    taken += part;
  }
  if (taken < bytes) {
    connection_->want_writable(resources_, now_);
  }
  app_written_ += static_cast<std::uint32_t>(taken);
  return taken;
}

TcpScript& TcpScript::app_reads(std::uint32_t bytes, Location where) {
  require_accounted(where);
  transcript_ += "         app reads " + std::to_string(bytes) + "\n";
  bool is_right = true;
  while (bytes > 0) {
    const auto part =
        connection_->peek().first(std::min<std::size_t>(connection_->peek().size(), bytes));
    if (part.empty()) {
      check(false, "there are " + std::to_string(bytes) + " bytes less to read than expected",
            where);
      break;
    }
    for (const std::byte byte : part) {
      is_right = is_right && byte == pattern(app_read_++, true);
    }
    bytes -= static_cast<std::uint32_t>(part.size());
    connection_->consume(resources_, static_cast<std::uint32_t>(part.size()));
  }
  check(is_right, "what was read is not what the peer sent", where);
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_shuts_down(Location where) {
  require_accounted(where);
  transcript_ += "         app shuts down\n";
  check(connection_->shutdown(resources_, now_).has_value(), "shutdown failed", where);
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_closes(Location where) {
  require_accounted(where);
  transcript_ += "         app closes\n";
  connection_->close(resources_, now_);
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_aborts(Location where) {
  require_accounted(where);
  transcript_ += "         app aborts\n";
  connection_->abort(resources_, Error::ConnectionAborted);
  drain(where);
  return *this;
}

std::vector<Seg> TcpScript::take_output() { return std::exchange(output_, {}); }

void TcpScript::require_accounted(Location where) {
  constexpr std::size_t kTranscriptMax = 16'384;
  if (transcript_.size() > 2 * kTranscriptMax) {
    transcript_.replace(0, transcript_.size() - kTranscriptMax, "[...]\n");
  }
  check(output_.empty(), output_.empty() ? "" : "nobody expected " + describe(output_.front()),
        where);
  output_.clear();
}

void TcpScript::check(bool holds, const std::string& what, Location where) {
  if (!holds) {
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << what << "\n"
                                                                      << transcript_;
  }
}

// The library's own names belong to a higher layer.
std::string state_name(TcpState state) {
  constexpr const char* kNames[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                    "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                    "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string name_of(const testing::TestParamInfo<Numbers>& info) {
  constexpr const char* kNames[] = {"Plain", "SynWraps", "DataWraps", "SignChanges"};
  return kNames[info.index];
}

}  // namespace millrace::test
