// The state matrix: every state, flag set, place of the sequence number, place of the ACK, with and
// without data, each played on a host of its own and held against state_matrix.txt, which was
// written from RFC 9293 and RFC 5961 alone. state_matrix_rulings.txt has the cells in which that
// table was not followed, with the reasons. docs/testing.md explains both.
#include "protocol/state_matrix_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <utility>

#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::kMatrixStates;
using test::MatrixCell;
using test::MatrixOutcome;
using test::MatrixRule;
using test::MatrixTable;

constexpr std::uint32_t kWindow = 10'000;
constexpr std::uint32_t kInFlight = 200;
constexpr std::uint32_t kDataBytes = 100;
constexpr std::uint32_t kFarOff = 70'000;  // More than any window.
constexpr std::uint16_t kClientPort = 9'000;
constexpr SeqNum kPeerIss{0x7fff'f000};  // The window lies across the sign's change.
constexpr SeqNum kRightEdge = kPeerIss + 1 + kWindow;
constexpr SeqNum kNowhere{3'000'000};  // Of the host's numbers, where it has no connection.

/// What became of a segment.
struct Observation {
  std::string state;
  std::vector<SentTcp> replies;
  std::size_t delivered_bytes = 0;
  std::optional<std::size_t> kept_bytes;  ///< Nothing where text cannot be asked about.
};

class StateMatrix : public StackHost, public testing::WithParamInterface<std::size_t> {
 protected:
  StateMatrix() { config.tcp.receive_buffer_bytes = 2 * kWindow; }

  // Into each state. Afterwards `peer` has RCV.NXT and SND.NXT, `una` SND.UNA.

  void enter(std::string_view state) {
    before = state;
    recorder.emplace();
    start();
    peer = {.port = kClientPort, .seq = kPeerIss + 1, .ack = kNowhere};
    una = kNowhere - kInFlight;
    handle = {};
    if (state == "LISTEN" || state == "SYN-RECEIVED-P") {
      listen();
    }
    if (state == "SYN-RECEIVED-P") {
      peer = half_open(kClientPort, kPeerIss);
      una = peer.ack - 1;
    } else if (state != "CLOSED" && state != "LISTEN") {
      enter_as_client(state);
    }
    if (state == "TIME-WAIT") {
      listen();  // On the same port, so that a SYN may reopen the connection.
    }
    ASSERT_TRUE(sent.empty());
    ASSERT_EQ(state_now(), state);
    if (const ConnectionSlot* const slot = tcp().find(handle);
        slot != nullptr && state != "SYN-SENT") {
      ASSERT_EQ(slot->connection.receive_sequence().rcv_adv, kRightEdge);
    }
  }

  void listen() { ASSERT_TRUE(tcp().listen({.port = kServerPort}, *recorder).has_value()); }

  void enter_as_client(std::string_view state) {
    const auto made = tcp().connect(now, {.address = kPeer, .port = Port{kClientPort}}, *recorder,
                                    {.local_port = kServerPort});
    ASSERT_TRUE(made.has_value());
    handle = *made;
    turn();
    const auto syn = next_tcp();
    ASSERT_TRUE(syn && syn->tcp.flags.bits() == kSyn);
    una = syn->tcp.seq;
    peer = {.port = kClientPort, .seq = kPeerIss, .ack = syn->tcp.seq + 1};
    if (state == "SYN-SENT") {
      peer.seq = kPeerIss + 1;
    } else if (state == "SYN-RECEIVED-A") {
      peer_says(kSyn, kSyn | kAck);
    } else {
      peer_says(kSyn | kAck, kAck);
      una = peer.ack;
      leave_established(state);
    }
  }

  /// From ESTABLISHED on, with 200 bytes in flight but where all is acknowledged.
  void leave_established(std::string_view state) {
    const bool is_acked = state == "FIN-WAIT-2" || state == "TIME-WAIT";
    if (!is_acked) {
      ASSERT_TRUE(socket().send(std::vector<std::byte>(kInFlight)).has_value());
      expect_sent(kAck | wire::TcpFlags::kPsh);
      peer.ack += kInFlight;
    }
    if (state == "CLOSE-WAIT" || state == "LAST-ACK") {
      fin_of_peer();
    }
    if (state != "ESTABLISHED" && state != "CLOSE-WAIT") {
      ASSERT_TRUE(socket().shutdown().has_value());
      expect_sent(kFin | kAck);
      peer.ack += 1;
    }
    if (is_acked) {
      receive(segment_of(peer));
      turn();
      una = peer.ack;
    }
    if (state == "CLOSING" || state == "TIME-WAIT") {
      fin_of_peer();
    }
  }

  void expect_sent(std::uint8_t flags) {
    turn();
    ASSERT_EQ(next_flags(), flags);
    ASSERT_TRUE(sent.empty());
  }
  /// The peer's next segment, and the host's answer.
  void peer_says(std::uint8_t flags, std::uint8_t answer) {
    receive(segment_of(peer, flags));
    peer.seq += 1;
    expect_sent(answer);
  }
  /// It acknowledges nothing that is new.
  void fin_of_peer() {
    const SeqNum next = std::exchange(peer.ack, una);
    peer_says(kFin | kAck, kAck);
    peer.ack = next;
  }

  TcpSocket socket() { return socket_of(handle); }

  /// As the table names it.
  std::string state_now() {
    const CoreUsage usage = stack->usage();
    if (usage.time_wait > 0) {
      return "TIME-WAIT";
    }
    if (handle == base::SlotHandle{} && !recorder->sockets.empty()) {
      handle = {.index = 0, .generation = 1};  // The first connection that was accepted.
    }
    if (const ConnectionSlot* const slot = tcp().find(handle)) {
      const TcpState state = slot->connection.state();
      return state == TcpState::SynReceived ? "SYN-RECEIVED-A" : std::string{to_string(state)};
    }
    if (usage.connections > 0) {
      return before == "TIME-WAIT" ? "REOPEN" : "SYN-RECEIVED-P";
    }
    return before == "LISTEN" ? "LISTEN" : "CLOSED";
  }

  // A cell.

  SeqNum seq_of(const MatrixCell& cell) const {
    const std::map<std::string_view, SeqNum> places{{"outside-left", peer.seq - kFarOff},
                                                    {"just-left", peer.seq - 1},
                                                    {"left-edge", peer.seq},
                                                    {"inside", peer.seq + kWindow / 2},
                                                    {"right-edge", kRightEdge},
                                                    {"outside-right", peer.seq + kFarOff}};
    return places.at(cell.seq);
  }
  /// Nothing where the table leaves the number out: text must be in flight for one to be inside.
  std::optional<SeqNum> ack_of(const MatrixCell& cell) const {
    const std::uint32_t flight = static_cast<std::uint32_t>(peer.ack - una);
    if (cell.ack == "inside") {
      return flight >= kInFlight ? std::optional{una + kInFlight / 2} : std::nullopt;
    }
    const std::map<std::string_view, SeqNum> places{
        {"old", una - kFarOff}, {"una", una}, {"nxt", peer.ack}, {"future", peer.ack + 1'000}};
    return places.at(cell.ack);
  }

  PeerSegment segment_for(const MatrixCell& cell) const {
    const int flags = (cell.has('S') ? kSyn : 0) | (cell.has('A') ? kAck : 0) |
                      (cell.has('R') ? kRst : 0) | (cell.has('F') ? kFin : 0);
    return {.flags = static_cast<std::uint8_t>(flags),
            .seq = seq_of(cell),
            .ack = *ack_of(cell),
            .payload = std::vector<std::byte>(cell.has_data ? kDataBytes : 0, std::byte{'x'}),
            .from = peer.port,
            .to = peer.our_port};
  }

  Observation play(const PeerSegment& segment) {
    receive(segment);
    turn();
    if (sent.empty()) {
      wait(config.tcp.delayed_ack + 1ms);
    }
    Observation seen;
    while (!sent.empty()) {
      if (const auto reply = next_tcp()) {
        seen.replies.push_back(*reply);
      }
    }
    seen.state = state_now();
    seen.delivered_bytes = readable();
    seen.kept_bytes = kept_behind_hole(segment, seen);
    return seen;
  }

  std::size_t readable() {
    const ConnectionSlot* const slot = tcp().find(handle);
    return slot == nullptr ? 0 : slot->connection.readable().value_or(0);
  }

  /// Text behind a hole is seen once the hole is filled.
  std::optional<std::size_t> kept_behind_hole(const PeerSegment& segment, const Observation& seen) {
    const bool takes_text =
        seen.state == "ESTABLISHED" || seen.state == "FIN-WAIT-1" || seen.state == "FIN-WAIT-2";
    const SeqNum text = segment.seq + (segment.flags & kSyn ? 1U : 0U);
    const std::uint32_t hole = static_cast<std::uint32_t>(text - peer.seq);
    if (!takes_text || seen.delivered_bytes > 0 || hole == 0 || hole >= kWindow ||
        before == "SYN-SENT") {
      return std::nullopt;
    }
    Peer filler = peer;
    for (std::uint32_t left = hole; left > 0;) {
      const std::uint32_t piece = std::min(left, 1'000U);
      PeerSegment segment_of_hole = segment_of(filler);
      segment_of_hole.payload.assign(piece, std::byte{'f'});
      receive(segment_of_hole);
      turn();
      filler.seq += piece;
      left -= piece;
    }
    sent.clear();
    const std::size_t in_all = readable();
    EXPECT_GE(in_all, hole);
    return in_all - hole;
  }

  // What was wanted.

  bool is_as_wanted(const PeerSegment& segment, const Observation& seen,
                    const MatrixOutcome& wanted) const {
    const std::string& state = wanted.next_state == "same" ? before : wanted.next_state;
    const std::uint32_t text = wanted.text == "delivered" ? new_bytes(segment) : 0;
    const std::size_t kept = wanted.text == "kept" ? segment.payload.size() : 0;
    const bool is_kept_right = seen.kept_bytes ? *seen.kept_bytes == kept : kept == 0;
    return seen.state == state && seen.delivered_bytes == text && is_kept_right &&
           is_reply_as_wanted(segment, seen, wanted.reply, rcv_nxt_after(segment, state, text));
  }

  bool is_reply_as_wanted(const PeerSegment& segment, const Observation& seen,
                          const std::string& wanted, SeqNum rcv_nxt) const {
    if (wanted == "none" || seen.replies.size() != 1) {
      return wanted == "none" && seen.replies.empty();
    }
    const SentTcp& reply = seen.replies[0];
    const std::uint8_t flags = reply.tcp.flags.bits();
    if (wanted == "ack" || wanted == "challenge") {
      return flags == kAck && reply.tcp.seq == peer.ack && reply.tcp.ack == rcv_nxt &&
             reply.payload.empty();
    }
    if (wanted == "rst-seq") {
      return flags == kRst && reply.tcp.seq == segment.ack;
    }
    if (wanted == "rst-ack") {
      const std::uint32_t length = static_cast<std::uint32_t>(segment.payload.size()) +
                                   (segment.flags & kSyn ? 1U : 0U) +
                                   (segment.flags & kFin ? 1U : 0U);
      return flags == (kRst | kAck) && reply.tcp.seq == SeqNum{0} &&
             reply.tcp.ack == segment.seq + length;
    }
    const bool has_no_iss = before == "LISTEN" || before == "TIME-WAIT";
    const bool is_first = has_no_iss || before == "SYN-SENT";
    return wanted == "syn-ack" && flags == (kSyn | kAck) &&
           reply.tcp.ack == (is_first ? segment.seq + 1 : peer.seq) &&
           (has_no_iss || reply.tcp.seq == una);
  }

  /// Octets of its text that the host has not had.
  std::uint32_t new_bytes(const PeerSegment& segment) const {
    const bool is_one_early = segment.seq == peer.seq - 1 && (segment.flags & kSyn) == 0;
    const auto bytes = static_cast<std::uint32_t>(segment.payload.size());
    return before != "SYN-SENT" && is_one_early && bytes > 0 ? bytes - 1 : bytes;
  }

  /// What the host must acknowledge once it is in that state and has that much new text.
  SeqNum rcv_nxt_after(const PeerSegment& segment, std::string_view state,
                       std::uint32_t text) const {
    const std::set<std::string_view> after_fin{"CLOSE-WAIT", "CLOSING", "TIME-WAIT"};
    const bool takes_fin = (segment.flags & kFin) != 0 && state != before &&
                           after_fin.contains(state) && !after_fin.contains(before);
    const SeqNum start = before == "SYN-SENT" ? segment.seq + 1 : peer.seq;
    return start + text + (takes_fin ? 1U : 0U);
  }

  std::string text_of(const Observation& seen) const {
    std::string text = "became " + seen.state + ", answered";
    for (const SentTcp& reply : seen.replies) {
      text += std::string{" <"} + (reply.tcp.flags.syn() ? "SYN " : "") +
              (reply.tcp.flags.fin() ? "FIN " : "") + (reply.tcp.flags.rst() ? "RST " : "") +
              (reply.tcp.flags.ack() ? "ACK " : "") + "seq=SND.NXT" +
              signed_text(reply.tcp.seq - peer.ack) + " ack=RCV.NXT" +
              signed_text(reply.tcp.ack - peer.seq) + ">";
    }
    text += seen.replies.empty() ? " nothing" : "";
    text += ", delivered " + std::to_string(seen.delivered_bytes) + " bytes";
    return text + (seen.kept_bytes ? ", kept " + std::to_string(*seen.kept_bytes) : "");
  }
  static std::string signed_text(std::int32_t number) {
    return (number < 0 ? "" : "+") + std::to_string(number);
  }

  std::optional<Recorder> recorder;
  Peer peer;
  SeqNum una;
  base::SlotHandle handle;
  std::string before;
};

struct Texts {
  MatrixTable table = MatrixTable::read(STATE_MATRIX_FOLDER "/state_matrix.txt");
  MatrixTable rulings = MatrixTable::read(STATE_MATRIX_FOLDER "/state_matrix_rulings.txt");
};

const Texts& texts() {
  static const Texts both;
  return both;
}

std::vector<MatrixCell> cells_of(std::string_view state) {
  std::vector<MatrixCell> cells;
  for (std::size_t set = 0; set < test::kMatrixFlagSets; ++set) {
    const std::string flags{(set & 1U) != 0 ? 'S' : '.', (set & 2U) != 0 ? 'A' : '.',
                            (set & 4U) != 0 ? 'R' : '.', (set & 8U) != 0 ? 'F' : '.'};
    for (const std::string_view seq : test::kMatrixSeqs) {
      for (const std::string_view ack : test::kMatrixAcks) {
        for (const bool has_data : {false, true}) {
          cells.push_back(
              {.state = state, .flags = flags, .seq = seq, .ack = ack, .has_data = has_data});
        }
      }
    }
  }
  return cells;
}

/// Numbers that the table does not tell apart are one cell.
std::string table_cell(const MatrixCell& cell) {
  MatrixCell same = cell;
  same.seq = cell.table_seq();
  same.ack = cell.table_ack();
  return to_string(same);
}

/// A run's result for one state.
struct Tally {
  std::set<std::string> cells;
  std::set<std::string> cells_of_alternatives;  ///< Another than the first outcome was seen.
  std::map<unsigned, std::vector<std::string>> failures;  ///< By the line of the rule.
  std::map<unsigned, bool> rulings;  ///< By line: whether one cell at least needed it.
  int segments = 0;
};

TEST(StateMatrixTable, HasOnlyRules) {
  EXPECT_EQ(texts().table.problems(), std::vector<std::string>{});
  EXPECT_EQ(texts().rulings.problems(), std::vector<std::string>{});
  EXPECT_GT(texts().table.rules().size(), 100U);
}

TEST_P(StateMatrix, EveryCellComesOutAsTheTableSays) {
  test::covers({"RFC 9293 §3.10.7.1", "RFC 9293 §3.10.7.2", "RFC 9293 §3.10.7.3",
                "RFC 9293 §3.10.7.4 step 1", "RFC 9293 §3.10.7.4 step 2",
                "RFC 9293 §3.10.7.4 step 4", "RFC 9293 §3.10.7.4 step 5",
                "RFC 9293 §3.10.7.4 step 7", "RFC 9293 §3.10.7.4 step 8", "RFC 5961 §3.2",
                "RFC 5961 §4.2", "RFC 5961 §5.2"});
  Tally tally;
  for (const MatrixCell& cell : cells_of(kMatrixStates[GetParam()])) {
    enter(cell.state);
    if (HasFatalFailure()) {
      return;
    }
    if (!ack_of(cell)) {
      continue;
    }
    const MatrixRule* const rule = texts().table.find(cell);
    const MatrixRule* const ruling = texts().rulings.find(cell);
    ASSERT_NE(rule, nullptr) << to_string(cell) << ": no rule fits";
    const PeerSegment segment = segment_for(cell);
    const Observation seen = play(segment);
    const auto is_seen = [&](const MatrixOutcome& wanted) {
      return is_as_wanted(segment, seen, wanted);
    };
    const bool fits_table = std::ranges::any_of(rule->outcomes, is_seen);
    ++tally.segments;
    tally.cells.insert(table_cell(cell));
    if (fits_table && !is_seen(rule->outcomes.front())) {
      tally.cells_of_alternatives.insert(table_cell(cell));
    }
    if (ruling != nullptr) {
      tally.rulings[ruling->line] = tally.rulings[ruling->line] || !fits_table;
    }
    if (!std::ranges::any_of((ruling != nullptr ? ruling : rule)->outcomes, is_seen)) {
      tally.failures[rule->line].push_back(to_string(cell) + ": " + text_of(seen));
    }
  }
  std::cout << before << ": " << tally.cells.size() << " cells by " << tally.segments
            << " segments, " << tally.cells_of_alternatives.size()
            << " by an outcome that the RFCs leave free\n";
  RecordProperty("cells", static_cast<int>(tally.cells.size()));
  const bool shows_all = std::getenv("MILLRACE_STATE_MATRIX_ALL") != nullptr;
  for (const auto& [line, cells] : tally.failures) {
    ADD_FAILURE() << "state_matrix.txt:" << line << ": " << cells.size() << " segments differ, as "
                  << cells.front();
    for (std::size_t i = 1; shows_all && i < cells.size(); ++i) {
      std::cout << "state_matrix.txt:" << line << ": " << cells[i] << '\n';
    }
  }
  for (const auto& [line, is_needed] : tally.rulings) {
    EXPECT_TRUE(is_needed) << "state_matrix_rulings.txt:" << line << ": not needed in " << before;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, StateMatrix,
                         testing::Range<std::size_t>(0, test::kMatrixStates.size()),
                         [](const testing::TestParamInfo<std::size_t>& which) {
                           std::string name{kMatrixStates[which.param]};
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace millrace::stack
