// The language of protocol scripts: one tcp::Connection, an explicit clock, a peer and an
// application played by the script. Every step must account for all that the connection sends: what
// is not expected is a failure, silence too.
//
// Sequence numbers are relative: a direction's SYN is 0, its first byte of data 1. Times count from
// the start of the script, or from ESTABLISHED for scripts that begin there.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tcp/connection.hpp"
#include "wire/icmp.hpp"

namespace millrace::test {

/// Edges of selective acknowledgments.
using Blocks = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

/// A segment, sent by the peer or expected from the connection. What is not given is what a peer
/// would naturally say, or, for the connection's, not looked at; its sequence number is always
/// looked at.
struct Seg {
  std::uint8_t flags = 0;
  std::optional<std::uint32_t> seq = {};  ///< Natural: the next one of that direction.
  std::optional<std::uint32_t> ack = {};  ///< Natural: the highest that this side has acknowledged.
  std::uint32_t bytes = 0;
  std::optional<std::uint32_t> window =
      {};                                 ///< Bytes, as the receiver of the segment must read it.
  std::optional<std::uint16_t> mss = {};  ///< Zero: no such option.
  std::optional<std::uint8_t> scale = {};
  static constexpr std::uint32_t kNoEcho = 0xffff'ffff;  ///< An echo of zero: of nothing.

  /// Both in milliseconds since the script's first segment. Natural, once the peer has offered
  /// them: now, and the newest that the connection sent.
  std::optional<std::uint32_t> ts_value = {};
  std::optional<std::uint32_t> ts_echo = {};
  bool has_timestamps =
      true;  ///< False: a segment of the peer's without them, whatever was agreed.
  std::optional<bool> sack_permitted = {};
  std::optional<Blocks> blocks = {};  ///< In order. Empty: no such option.
  bool is_blind = false;              ///< A reset with the absolute sequence number zero.
  bool is_pushed = false;
  wire::Ecn mark = wire::Ecn::NotCapable;     ///< Always looked at, as are the flags ECE and CWR.
  bool is_unpushed = false;                   ///< Expected: without PSH.
  std::optional<std::uint16_t> urgent = {};   ///< With URG, and that pointer; always looked at.
  std::optional<std::uint16_t> timeout = {};  ///< RFC 5482's option; always looked at.
  unsigned count = 1;
  std::source_location at = {};

  [[nodiscard]] Seg from(std::uint32_t number) const { return with(&Seg::seq, number); }
  [[nodiscard]] Seg acks(std::uint32_t number) const { return with(&Seg::ack, number); }
  [[nodiscard]] Seg with_window(std::uint32_t size) const { return with(&Seg::window, size); }
  [[nodiscard]] Seg with_mss(std::uint16_t size) const { return with(&Seg::mss, size); }
  [[nodiscard]] Seg with_mss_absent() const { return with_mss(0); }
  [[nodiscard]] Seg with_scale(std::uint8_t shift) const { return with(&Seg::scale, shift); }
  [[nodiscard]] Seg with_flags(std::uint8_t bits) const { return with(&Seg::flags, bits); }
  [[nodiscard]] Seg with_bytes(std::uint32_t payload) const { return with(&Seg::bytes, payload); }
  [[nodiscard]] Seg times(unsigned repetitions) const { return with(&Seg::count, repetitions); }
  /// For what the connection sends: carries exactly these timestamps.
  [[nodiscard]] Seg stamped(std::uint32_t value, std::uint32_t echo) const {
    return with(&Seg::ts_value, value).with(&Seg::ts_echo, echo);
  }
  [[nodiscard]] Seg value(std::uint32_t ticks) const { return with(&Seg::ts_value, ticks); }
  [[nodiscard]] Seg echo(std::uint32_t ticks) const { return with(&Seg::ts_echo, ticks); }
  [[nodiscard]] Seg without_timestamps() const { return with(&Seg::has_timestamps, false); }
  [[nodiscard]] Seg with_sack_permitted(bool on) const { return with(&Seg::sack_permitted, on); }
  /// Left and right edges of each block, in order.
  [[nodiscard]] Seg sacks(
      std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> edges) const;
  [[nodiscard]] Seg sacks(const Blocks& all) const { return with(&Seg::blocks, all); }
  [[nodiscard]] Seg pushed() const { return with(&Seg::is_pushed, true); }
  // RFC 3168: ECT(0), CE, and the flags.
  [[nodiscard]] Seg ect() const { return with(&Seg::mark, wire::Ecn::Capable0); }
  [[nodiscard]] Seg ce() const { return with(&Seg::mark, wire::Ecn::Congested); }
  [[nodiscard]] Seg ece() const { return and_flag(wire::TcpFlags::kEce); }
  [[nodiscard]] Seg cwr() const { return and_flag(wire::TcpFlags::kCwr); }
  [[nodiscard]] Seg unpushed() const { return with(&Seg::is_unpushed, true); }
  [[nodiscard]] Seg with_urgent(std::uint16_t pointer) const { return with(&Seg::urgent, pointer); }
  [[nodiscard]] Seg with_user_timeout(std::uint16_t bits) const {
    return with(&Seg::timeout, bits);
  }

 private:
  template <class Member, class Value>
  [[nodiscard]] Seg with(Member Seg::*member, Value value) const {
    Seg changed = *this;
    changed.*member = value;
    return changed;
  }
  [[nodiscard]] Seg and_flag(std::uint8_t bit) const {
    return with_flags(static_cast<std::uint8_t>(flags | bit));
  }
};

using Location = std::source_location;

/// What stands at a place of either stream. Both differ, and so do neighboring bytes, segments and
/// packets.
[[nodiscard]] std::byte pattern(std::uint32_t position, bool is_peer);

[[nodiscard]] Seg syn(Location at = Location::current());
[[nodiscard]] Seg syn_ack(std::uint32_t acks = 1, Location at = Location::current());
[[nodiscard]] Seg ack(std::uint32_t acks, Location at = Location::current());
[[nodiscard]] Seg data(std::uint32_t seq, std::uint32_t bytes, Location at = Location::current());
/// FIN at `seq`, or behind `bytes` of data that start there.
[[nodiscard]] Seg fin(std::uint32_t seq, std::uint32_t bytes = 0,
                      Location at = Location::current());
[[nodiscard]] Seg rst(std::uint32_t seq, Location at = Location::current());
[[nodiscard]] Seg rst_ack(std::uint32_t seq, std::uint32_t acks, Location at = Location::current());
/// The reset that answers a segment without ACK: it can only acknowledge.
[[nodiscard]] Seg blind_rst(std::uint32_t acks, Location at = Location::current());

/// Where both directions' sequence numbers start.
struct Numbers {
  std::uint32_t iss = 0;
  std::uint32_t irs = 0;
};

/// Buffers of 512 KiB that stay so: scripts name windows to the byte. Those about auto-tuning give
/// sizes of their own.
[[nodiscard]] TcpConfig fixed_buffers();

/// And segments that time out again and again stay as large as they were: scripts about timeouts
/// would otherwise be about RFC 4821. Quick acknowledgments are off.
[[nodiscard]] inline TcpConfig script_config() {
  TcpConfig config = fixed_buffers();
  config.mtu_probing = MtuProbing::Off;
  config.quick_acks_max = 0;
  // Scripts say what Reno does, unless they choose another.
  config.congestion_control = CongestionKind::Reno;
  return config;
}

/// What both sides' timestamps are when a script begins.
struct TimestampStarts {
  std::uint32_t ours = 70'000;
  std::uint32_t peers = 900'000;
};

/// How a script begins. Quick acknowledgments are off, and the peer offers neither timestamps nor
/// selective acknowledgments, unless it says so.
struct Start {
  enum class Begin : std::uint8_t { Closed, Active, Passive };

  Begin begin = Begin::Closed;
  TcpConfig config = script_config();
  Numbers numbers = {.iss = 1'000'000, .irs = 5'000'000};
  std::uint16_t mss_bytes = 1'000;  ///< What the path allows, and what the peer's SYN says.
  std::uint32_t window_bytes = 60'000;
  std::optional<std::uint8_t> scale = 0;              ///< What the peer's SYN offers.
  std::uint16_t path_bytes = tcp::PathMtu::kUnknown;  ///< What routers are known to leave of it.
  bool has_ecn = false;  ///< The handshake agrees on it; `config` must allow that.
  Duration round_trip = std::chrono::milliseconds{100};
  std::uint64_t budget_bytes = 64ULL << 20U;
  std::uint32_t sent_segments = 4'096;
  std::optional<TimestampStarts> stamps = {};  ///< Nothing: the peer's SYN has none.
  bool is_ipv6 = false;
  bool sack = false;      ///< Whether the peer's SYN permits selective acknowledgments.
  TcpTuning tuning = {};  ///< Chosen before the opening.
  std::uint8_t deferred_timeouts = 0;  ///< As a listener with `defer_accept` has them.

  Start& mss(std::uint16_t bytes);
  /// The initial window, in whole segments: after `mss`.
  Start& cwnd(std::uint32_t bytes);
  Start& peer_window(std::uint32_t bytes);
  Start& peer_scale(std::optional<std::uint8_t> shift);
  Start& rtt(Duration of_handshake);
  Start& budget(std::uint64_t bytes);
  Start& at(const Numbers& first);
  Start& path(std::uint16_t bytes);
  /// Agrees on explicit congestion notification, which is then asked for.
  Start& ecn();
  /// Both sides agree on timestamps.
  Start& timestamps(const TimestampStarts& first = {});
  Start& selective_acks();
  Start& quick_acks(std::uint32_t most);
  Start& over_ipv6();
  Start& tuned(const TcpTuning& chosen);
};

/// In ESTABLISHED, by an active open, with a round-trip time of 100 ms: RTO is 300 ms.
[[nodiscard]] Start established();
[[nodiscard]] Start established_passively();
[[nodiscard]] Start closed();

class TcpScript {
 public:
  explicit TcpScript(const Start& setup);
  TcpScript(const TcpScript&) = delete;
  TcpScript& operator=(const TcpScript&) = delete;
  /// Fails if output is left, or anything was not given back.
  ~TcpScript();

  // Time.
  /// Goes to that time. On the way the connection must say nothing; what is due then is to be
  /// expected next.
  TcpScript& at(Duration time, Location where = Location::current());
  TcpScript& after(Duration time, Location where = Location::current()) {
    return at(now() + time, where);
  }
  /// As `at`, and nothing must be said then either.
  TcpScript& expect_silence_until(Duration time, Location where = Location::current());
  /// No timer is armed: nothing will ever be said unprompted.
  TcpScript& expect_silence_for_ever(Location where = Location::current());
  [[nodiscard]] Duration now() const { return now_ - origin_; }
  [[nodiscard]] Instant clock() const { return now_; }
  [[nodiscard]] std::optional<Duration> deadline() const;

  // The peer.
  TcpScript& open_active(Duration timeout, Location where = Location::current());
  TcpScript& open_passive(const Seg& syn);
  /// One turn for each.
  template <class... More>
  TcpScript& peer_sends(const Seg& first, const More&... more) {
    return play({first, more...}, false);
  }
  /// All of them in one turn.
  template <class... More>
  TcpScript& peer_sends_at_once(const Seg& first, const More&... more) {
    return play({first, more...}, true);
  }
  /// From the first byte on, by segments of 1,000 bytes, until no more is allowed; what the
  /// connection answers is not looked at. Returns the number behind the last byte.
  std::uint32_t peer_fills_window(Location where = Location::current());
  /// The last segment was not, or not wholly, used, for that reason.
  TcpScript& expect_drop(std::optional<DropReason> reason, Location where = Location::current());

  // The path; tcp_script_path.cpp.
  /// An ICMP error about something in flight.
  TcpScript& router_says(wire::IcmpType type, std::uint8_t code,
                         Location where = Location::current());
  /// Segments with up to that much payload pass; PathMtu::kUnknown: who knows.
  TcpScript& router_allows(std::uint16_t mss, Location where = Location::current());

  // The connection.
  template <class... More>
  TcpScript& expect(const Seg& first, const More&... more) {
    return match({first, more...});
  }
  TcpScript& expect_nothing(Location where = Location::current());
  TcpScript& expect_state(TcpState state, Location where = Location::current());
  /// Exactly these have come since the last call.
  TcpScript& expect_events(unsigned bits, Location where = Location::current());
  /// The last trouble that the application is to hear of since the last call (`tcp_script_life.cpp`
  /// from here to `expect_urgent`).
  TcpScript& expect_soft_error(std::optional<Error> error, Location where = Location::current());
  /// Whether, since the last call, IP was asked to look for the next hop anew.
  TcpScript& expect_path_doubt(bool is_doubted, Location where = Location::current());
  /// The urgent octet is the peer's byte at `seq`; nullopt: there is none to take.
  TcpScript& expect_urgent(std::optional<std::uint32_t> seq, Location where = Location::current());
  TcpScript& expect_outcome(Result<void> outcome, Location where = Location::current());

  // The application.
  TcpScript& app_sends(std::uint32_t bytes, Location where = Location::current());
  [[nodiscard]] Result<std::size_t> app_tries_to_send(std::uint32_t bytes);
  TcpScript& app_sends_urgent(std::uint32_t bytes, Location where = Location::current());
  /// The next byte of the peer's is not in the stream.
  TcpScript& app_skips_octet();
  TcpScript& app_sets_keepalive(const std::optional<KeepaliveOptions>& options,
                                Location where = Location::current());
  TcpScript& app_advertises_user_timeout(Duration time, Location where = Location::current());
  /// Reads that many bytes and checks each.
  TcpScript& app_reads(std::uint32_t bytes, Location where = Location::current());
  // tcp_script_tuning.cpp, to `info`
  TcpScript& app_corks(bool on, Location where = Location::current());
  TcpScript& app_sets_tuning(const TcpTuning& tuning, Location where = Location::current());
  TcpScript& app_sets_quick_acks(bool on, Location where = Location::current());
  /// What the connection and its tally tell now.
  [[nodiscard]] TcpInfo info() const;
  /// Whatever has been sent and not been expected was not the script's matter.
  TcpScript& ignore_output();
  TcpScript& app_shuts_down(Location where = Location::current());
  TcpScript& app_closes(Location where = Location::current());
  TcpScript& app_aborts(Location where = Location::current());

  [[nodiscard]] tcp::Connection& connection() { return *connection_; }
  [[nodiscard]] const tcp::Resources& resources() const { return resources_; }
  [[nodiscard]] const CoreStats& stats() const { return stats_; }
  [[nodiscard]] packet::PacketBudget& budget() { return budget_; }
  [[nodiscard]] std::uint32_t cwnd() const { return connection_->congestion().window(); }
  [[nodiscard]] std::uint32_t ssthresh() const { return connection_->congestion().ssthresh(); }
  [[nodiscard]] Duration rto() const { return connection_->rtt().rto(setup_.config); }
  /// What has been sent and not been expected yet, taken out.
  [[nodiscard]] std::vector<Seg> take_output();
  /// One turn's output, after something was done to the connection directly.
  void drain(Location where = Location::current());

 private:
  /// As `drain`, by a run of segments. False: it is not over, or there is no run.
  [[nodiscard]] bool drain_run(Location where);
  TcpScript& play(std::vector<Seg> segments, bool at_once);
  TcpScript& match(const std::vector<Seg>& expected);
  void deliver(const Seg& seg);
  /// Gives the segment to connection and tally, as the stack does (tcp_script_tuning.cpp).
  [[nodiscard]] tcp::Disposition hand_over(const tcp::Segment& segment, packet::Packet payload);
  void advance(Instant target, Location where);
  void begin(const Start& setup);
  void note(const std::string& line) { transcript_ += "         " + line + "\n"; }
  void check(bool holds, const std::string& what, Location where);
  void require_accounted(Location where);
  void note_output(const tcp::SegmentPlan& plan, bool is_stateless);
  void check_payload(const Seg& seg);
  [[nodiscard]] tcp::Segment segment_of(const Seg& seg);
  // tcp_script_options.cpp
  void add_peer_options(tcp::Segment& segment, const Seg& seg);
  void note_options(Seg& seg, const tcp::SegmentPlan& plan, bool is_stateless);
  [[nodiscard]] std::string options_difference(const Seg& expected, const Seg& sent) const;
  [[nodiscard]] std::uint32_t timestamp_offset() const;
  [[nodiscard]] std::uint32_t ticks() const;
  [[nodiscard]] std::string difference(const Seg& expected, const Seg& sent) const;

  Start setup_;
  CoreStats stats_;
  tcp::ActiveBlockPool active_blocks_{16};
  tcp::SentSegmentPool sent_segments_;
  packet::PacketBudget budget_;
  base::Random random_ = base::Random::from_seed(1);
  tcp::ChallengeAckLimit challenge_acks_;
  tcp::TuningPool tunings_{4};
  tcp::BbrPool bbr_models_{1, 1};
  tcp::Resources resources_;
  std::unique_ptr<tcp::Connection> connection_;
  Instant now_{std::chrono::hours{1}};
  Instant origin_ = now_;
  tcp::Tally tally_{now_};

  std::vector<Seg> output_;
  std::string transcript_;
  std::optional<DropReason> last_drop_;
  unsigned events_ = 0;
  std::uint32_t snd_high_ = 0;     // Behind the highest octet that the connection has sent.
  std::uint32_t peer_high_ = 0;    // And that the peer has sent.
  std::uint32_t peer_acked_ = 0;   // Highest that the peer has acknowledged.
  std::uint32_t app_written_ = 1;  // Where the application's next byte stands.
  std::uint32_t app_read_ = 1;     // And the next to be read.
  std::uint32_t peer_window_ = 0;
  std::optional<std::uint8_t> peer_shift_;
  std::optional<std::uint8_t> shift_;
  bool peer_stamps_ = false;    // The peer's SYN has offered timestamps.
  std::uint32_t newest_ = 0;    // Of the connection's timestamps, relative; for echoes.
  const Instant first_ = now_;  // When the script began, whatever `origin_` is.
};

/// A script run with plain sequence numbers and with ones that wrap around, of either direction.
class NumbersTest : public testing::TestWithParam<Numbers> {
 protected:
  [[nodiscard]] static Start established() { return test::established().at(GetParam()); }
  [[nodiscard]] static Start established_passively() {
    return test::established_passively().at(GetParam());
  }
  [[nodiscard]] static Start closed() { return test::closed().at(GetParam()); }
};

/// For INSTANTIATE_TEST_SUITE_P: plain, and wrapping around, or turning negative, within the first
/// bytes.
inline constexpr std::array<Numbers, 4> kEveryStart{{{.iss = 1'000'000, .irs = 5'000'000},
                                                     {.iss = 0xffff'ffff, .irs = 0xffff'fffe},
                                                     {.iss = 0xffff'fa23, .irs = 0xffff'f5e7},
                                                     {.iss = 0x7fff'fa23, .irs = 0x7fff'ffff}}};
[[nodiscard]] std::string name_of(const testing::TestParamInfo<Numbers>& info);
[[nodiscard]] std::string state_name(TcpState state);

}  // namespace millrace::test
