// millrace-ss without a process to ask: what its options choose, its columns, its words for what
// TCP knows, and whom it does not believe.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "ss/collect.hpp"
#include "ss/info_words.hpp"
#include "ss/options.hpp"
#include "ss/print.hpp"
#include "ss/printable.hpp"
#include "ss/processes.hpp"
#include "ss/socket.hpp"

namespace ss {
namespace {

Socket socket_in(const std::string& state, std::uint16_t port = 40'000) {
  Socket socket;
  socket.process = 123;
  socket.program = "millrace-echo";
  socket.protocol = "tcp";
  socket.state = state;
  socket.local = "198.18.0.2";
  socket.local_port = 4'711;
  socket.peer = "198.18.0.1";
  socket.peer_port = port;
  return socket;
}

Options options_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "millrace-ss");
  auto options =
      read_options(static_cast<int>(arguments.size()), const_cast<char**>(arguments.data()));
  EXPECT_TRUE(options.has_value());
  return options.value_or(Options{});
}

TEST(Options, StatesAreChosenAsBySs) {
  struct Case {
    const char* state;
    bool by_default;
    bool when_listening;
  };
  for (const auto& [state, by_default, when_listening] :
       {Case{"ESTAB", true, false}, Case{"SYN-SENT", true, false}, Case{"LAST-ACK", true, false},
        Case{"CLOSE-WAIT", true, false}, Case{"SYN-RECV", false, false},
        Case{"TIME-WAIT", false, false}, Case{"LISTEN", false, true},
        Case{"UNCONN", false, true}}) {
    SCOPED_TRACE(state);
    EXPECT_EQ(options_of({}).shows(socket_in(state)), by_default);
    EXPECT_EQ(options_of({"-l"}).shows(socket_in(state)), when_listening);
    EXPECT_TRUE(options_of({"-a"}).shows(socket_in(state)));
    EXPECT_TRUE(options_of({"-a", "-l"}).shows(socket_in(state)));
  }
}

TEST(Options, ProtocolsAreChosenByLetters) {
  Socket udp = socket_in("ESTAB");
  udp.protocol = "udp";
  for (const bool is_udp : {false, true}) {
    const Socket socket = is_udp ? udp : socket_in("ESTAB");
    EXPECT_TRUE(options_of({"-a"}).shows(socket));
    EXPECT_EQ(options_of({"-t"}).shows(socket), !is_udp);
    EXPECT_EQ(options_of({"-u"}).shows(socket), is_udp);
    EXPECT_TRUE(options_of({"-tu"}).shows(socket));
  }
}

TEST(Options, LettersMayStandTogether) {
  const Options options = options_of({"-antpio"});
  EXPECT_TRUE(options.all && options.numeric && options.tcp && options.processes && options.info &&
              options.timers);
  EXPECT_FALSE(options.udp || options.summary || options.json);
}

TEST(Table, HasTheColumnsOfSs) {
  std::vector<Socket> sockets{socket_in("LISTEN", 0), socket_in("ESTAB")};
  sockets[0].local = sockets[0].peer = "0.0.0.0";
  sockets[0].send_queue = 511;
  sockets[1].receive_queue = 12'345'678;
  EXPECT_EQ(table_of(sockets, options_of({"-atn"})),
            "State  Recv-Q   Send-Q Local Address:Port Peer Address:Port  Process\n"
            "LISTEN 0        511          0.0.0.0:4711      0.0.0.0:*\n"
            "ESTAB  12345678 0         198.18.0.2:4711   198.18.0.1:40000\n");
  EXPECT_EQ(table_of({sockets.data() + 1, 1}, options_of({"-nHp"})),
            "tcp ESTAB 12345678 0 198.18.0.2:4711 198.18.0.1:40000 "
            "users:((\"millrace-echo\",pid=123,core=0))\n");
  EXPECT_EQ(table_of({}, options_of({"-tH"})), "");
}

TEST(Table, NamesServicesUnlessToldOtherwise) {
  Socket socket = socket_in("ESTAB");
  socket.local_port = 80;
  EXPECT_NE(table_of({&socket, 1}, options_of({"-tH"})).find(":http "), std::string::npos);
  EXPECT_NE(table_of({&socket, 1}, options_of({"-tHn"})).find(":80 "), std::string::npos);
}

TEST(Table, ShowsTimersAndInfoWhenAsked) {
  Socket socket = socket_in("ESTAB");
  socket.timer = "on";
  socket.timer_left_us = 212'345;
  socket.congestion = "cubic";
  socket.info = {{"rto", 204'000}, {"mss", 1'448},          {"advmss", 1'460}, {"ts", 1},
                 {"cwnd", 14'480}, {"ssthresh", 1U << 30U}, {"reordering", 3}};
  const std::string text = table_of({&socket, 1}, options_of({"-tHnio"}));
  EXPECT_NE(text.find("198.18.0.1:40000 timer:(on,212ms,0)\n\t ts cubic rto:204"),
            std::string::npos)
      << text;
  EXPECT_EQ(table_of({&socket, 1}, options_of({"-tHn"})).find('\t'), std::string::npos);
}

TEST(Words, AreInTheOrderOfSs) {
  Socket socket = socket_in("ESTAB");
  socket.info = {{"ts", 1},
                 {"sack", 1},
                 {"wscale", 1},
                 {"snd_wscale", 7},
                 {"rcv_wscale", 5},
                 {"rto", 204'500},
                 {"backoff", 2},
                 {"rtt", 1'250},
                 {"rttvar", 625},
                 {"ato", 40'000},
                 {"mss", 1'448},
                 {"pmtu", 1'500},
                 {"rcvmss", 536},
                 {"advmss", 1'460},
                 {"cwnd", 14'480},
                 {"ssthresh", 28'960},
                 {"bytes_sent", 5'000},
                 {"bytes_retrans", 100},
                 {"bytes_acked", 4'901},
                 {"bytes_received", 10},
                 {"segs_out", 9},
                 {"segs_in", 8},
                 {"data_segs_out", 5},
                 {"data_segs_in", 1},
                 {"lastsnd", 12'999},
                 {"lastrcv", 0},
                 {"lastack", 3'000},
                 {"delivered", 4},
                 {"busy", 200'000},
                 {"rwnd_limited", 50'000},
                 {"unacked", 3},
                 {"retrans", 1},
                 {"total_retrans", 2},
                 {"lost", 1},
                 {"sacked", 1},
                 {"dsack_dups", 1},
                 {"reordering", 3},
                 {"rcv_rtt", 1'000},
                 {"rcv_space", 14'600},
                 {"notsent", 77},
                 {"minrtt", 900},
                 {"rcv_ooopack", 6},
                 {"snd_wnd", 64'256},
                 {"pacing_rate", 1'500'000}};
  socket.congestion = "reno";
  EXPECT_EQ(info_words(socket),
            " ts sack reno wscale:7,5 rto:204.5 backoff:2 rtt:1.25/0.625 ato:40 mss:1448 pmtu:1500"
            " rcvmss:536 advmss:1448 cwnd:10 ssthresh:20 bytes_sent:5000 bytes_retrans:100"
            " bytes_acked:4901 bytes_received:10 segs_out:9 segs_in:8 data_segs_out:5"
            " data_segs_in:1 send 92.672Mbps pacing_rate 12Mbps lastsnd:12 lastrcv:0 lastack:3 "
            "delivered:4"
            " busy:200ms rwnd_limited:50ms(25.0%) unacked:3 retrans:1/2 lost:1 sacked:1"
            " dsack_dups:1 rcv_rtt:1 rcv_space:14600 notsent:77 minrtt:0.9 rcv_ooopack:6"
            " snd_wnd:64256");
  EXPECT_EQ(info_words(socket_in("LISTEN")), "");
}

TEST(Words, OfTimers) {
  Socket socket = socket_in("TIME-WAIT");
  EXPECT_EQ(timer_words(socket), "");
  socket.timer = "timewait";
  for (const auto& [us, text] :
       {std::pair{9'999'000ULL, "9999ms"}, {10'000'000ULL, "10sec"}, {119'000'000ULL, "1min"}}) {
    socket.timer_left_us = us;
    EXPECT_EQ(timer_words(socket), std::string{"timer:(timewait,"} + text + ",0)");
  }
}

TEST(Summary, CountsStates) {
  std::vector<Socket> sockets;
  for (const char* const state : {"ESTAB", "ESTAB", "TIME-WAIT", "FIN-WAIT-2", "LISTEN"}) {
    sockets.push_back(socket_in(state));
  }
  sockets[3].is_orphan = true;
  sockets.push_back(socket_in("UNCONN"));
  sockets.back().protocol = "udp";
  EXPECT_EQ(summary_of(sockets),
            "Total: 6\n"
            "TCP:   5 (estab 2, closed 1, orphaned 1, timewait 1)\n"
            "\n"
            "Transport Total     IP        IPv6\n"
            "UDP       1         1         0\n"
            "TCP       5         5         0\n"
            "INET      6         6         0\n");
  const auto json = nlohmann::json::parse(json_summary_of(sockets));
  EXPECT_EQ(json["tcp"]["estab"], 2);
  EXPECT_EQ(json["udp"]["total"], 1);
}

TEST(Table, AProgramsNameCannotPassForMore) {
  Socket socket = socket_in("ESTAB");
  socket.program = "a\",pid=1,core=0)) \\\n\x1b[m";
  const std::string table = table_of({&socket, 1}, options_of({"-p"}));
  EXPECT_NE(table.find(R"(users:(("a\",pid=1,core=0)) \\??[m",pid=123,core=0)))"),
            std::string::npos)
      << table;
  EXPECT_EQ(std::ranges::count(table, '\n'), 2);
}

TEST(Processes, AProgramsNameIsReadToItsEnd) {
  std::string before(16, '\0');
  ASSERT_EQ(::prctl(PR_GET_NAME, before.data()), 0);
  ASSERT_EQ(::prctl(PR_SET_NAME, "two\nlines\n\x07"), 0);
  EXPECT_EQ(program_of(::getpid()), "two?lines??");
  ASSERT_EQ(::prctl(PR_SET_NAME, before.data()), 0);
}

TEST(Json, HoldsWhatTheTableHas) {
  Socket socket = socket_in("ESTAB");
  socket.info = {{"rtt", 18'446'744'073'709'551'615ULL}};
  socket.program = "odd \xff\"name";
  const auto json = nlohmann::json::parse(json_of({&socket, 1}));
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["pid"], 123);
  EXPECT_EQ(json[0]["local"]["port"], 4'711);
  EXPECT_EQ(json[0]["info"]["rtt"], 18'446'744'073'709'551'615ULL);
  EXPECT_EQ(nlohmann::json::parse(json_of({})), nlohmann::json::array());
}

/// A telemetry socket that greets, then says one thing after another, then hangs up.
class Impostor {
 public:
  Impostor(int process, std::vector<std::string> sayings) : sayings_{std::move(sayings)} {
    std::string name = "/tmp/ss_test.XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    place_ = name;
    folder_ = place_ / ("millrace-" + std::to_string(process));
    std::filesystem::create_directory(folder_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "dpdk_telemetry.v2";
    std::memcpy(address.sun_path, path.c_str(), path.size());
    listener_ = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    const void* const generic = &address;
    EXPECT_EQ(::bind(listener_, static_cast<const sockaddr*>(generic), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::jthread{[this] { serve(); }};
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;
  ~Impostor() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(place_);
  }

  [[nodiscard]] Processes look(bool is_named = true) const {
    const std::vector<std::string> folders{place_.native()};
    return find_processes(folders, is_named);
  }
  [[nodiscard]] const std::filesystem::path& place() const { return place_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) {
        return;
      }
      for (const std::string& saying : sayings_) {
        std::array<char, 100> question{};
        const bool is_greeting = &saying == sayings_.data();
        if (!is_greeting && ::recv(connection, question.data(), question.size(), 0) <= 0) {
          break;
        }
        ::send(connection, saying.data(), saying.size(), MSG_NOSIGNAL);
      }
      ::close(connection);
    }
  }

  std::vector<std::string> sayings_;
  std::filesystem::path place_;
  std::filesystem::path folder_;
  int listener_ = -1;
  std::jthread thread_;
};

constexpr const char* kGreeting = R"({"version":"DPDK 22.11.0","pid":1,"max_output_len":16384})";
constexpr const char* kCores = R"({"/millrace/cores":{"cores":2}})";
constexpr const char* kPage =
    R"({"/millrace/sockets":{"next":0,"s0":{"state":"ES\u001b[2JTAB 0\n"},"s1":{"local":"\u009b1"}}})";
constexpr int kNobody = 4'000'000;

TEST(Collect, ReplacesWhatATerminalWouldObey) {
  const Impostor impostor{kNobody, {kGreeting, kCores, kPage, kPage}};
  const Collected collected = collect(impostor.look().found.at(0), false);
  EXPECT_EQ(collected.error, "");
  ASSERT_EQ(collected.sockets.size(), 4U);
  EXPECT_EQ(collected.sockets[0].state, "ES?[2JTAB?0?");
  EXPECT_EQ(collected.sockets[1].local, "??1");
  EXPECT_EQ(collected.sockets[3].core, 1U);
  EXPECT_EQ(printable("\x1b]0;\x7f\x9b \xc3\xa9~"), "?]0;?? ??~");

  const Impostor failing{kNobody, {kGreeting, R"({"/millrace/cores":{"error":"no\u001b[m"}})"}};
  EXPECT_EQ(collect(failing.look().found.at(0), false).error, "process 4000000 (?): no?[m");
}

TEST(Collect, KnowsTheProgramOnlyOfWhoListens) {
  const Impostor other{kNobody, {kGreeting, kCores, kPage, kPage}};
  EXPECT_EQ(collect(other.look().found.at(0), false).sockets.at(0).program, "?");
  const Impostor own{::getpid(), {kGreeting, kCores, kPage, kPage}};
  EXPECT_EQ(collect(own.look().found.at(0), false).sockets.at(0).program, program_of(::getpid()));
}

TEST(Collect, AsksNobodyButTheFoldersOwner) {
  const Impostor impostor{kNobody, {kGreeting, kCores, kPage, kPage}};
  Process process = impostor.look().found.at(0);
  EXPECT_EQ(process.owner, ::getuid());
  process.owner += 7;
  const Collected collected = collect(process, false);
  EXPECT_TRUE(collected.is_alive);
  EXPECT_TRUE(collected.sockets.empty());
  EXPECT_NE(collected.error.find("'s process listens there; it was not asked"), std::string::npos)
      << collected.error;
}

TEST(Collect, CutsShortWhatHasNoEnd) {
  const Impostor impostor{kNobody, {kGreeting, kCores, kPage, kPage}};
  const Process process = impostor.look().found.at(0);
  const Collected some = collect(process, false, {.sockets = 3});
  EXPECT_EQ(some.sockets.size(), 3U);
  EXPECT_EQ(some.error, "process 4000000 (?): it tells of more than 3 sockets; those are shown");
  EXPECT_EQ(collect(process, false, {.sockets = 4}).error, "");
  const Collected one = collect(process, false, {.cores = 1});
  EXPECT_EQ(one.sockets.size(), 2U);
  EXPECT_EQ(one.error, "process 4000000 (?): it tells of 2 cores; the first 1 are shown");
}

TEST(Collect, CutsShortPagesThatComeToNothing) {
  std::vector<std::string> sayings{kGreeting, kCores};
  for (unsigned next = 1; next <= 9; ++next) {
    sayings.push_back(R"({"/millrace/sockets":{"s0":{},"next":)" + std::to_string(next) + "}}");
  }
  const Impostor impostor{kNobody, sayings};
  const Process process = impostor.look().found.at(0);
  const Collected some = collect(process, false, {.pages = 3});
  EXPECT_EQ(some.sockets.size(), 3U);
  EXPECT_EQ(some.error, "process 4000000 (?): it tells of more than 3 pages; those are shown");
  const Collected none = collect(process, false, {.time = std::chrono::milliseconds{0}});
  EXPECT_EQ(none.sockets.size(), 0U);
  EXPECT_EQ(none.error,
            "process 4000000 (?): it takes longer than 0 ms; what it has told by then is shown");
}

TEST(Collect, WhoHangsUpIsThere) {
  const Impostor silent{kNobody, {}};
  const Collected collected = collect(silent.look().found.at(0), false);
  EXPECT_TRUE(collected.is_alive);
  EXPECT_EQ(collected.error,
            "process 4000000 (?): it hung up before it was asked; too many may be asking it");
  Process gone = silent.look().found.at(0);
  gone.socket = silent.folder() / "nothing";
  EXPECT_FALSE(collect(gone, false).is_alive);
  EXPECT_EQ(collect(gone, false).error, "");
}

TEST(Processes, AreFoldersNotLinks) {
  const Impostor impostor{kNobody, {}};
  std::filesystem::create_directory_symlink(impostor.folder(), impostor.place() / "millrace-17");
  const Processes processes = impostor.look();
  ASSERT_EQ(processes.found.size(), 1U);
  EXPECT_EQ(processes.found[0].id, kNobody);
}

TEST(Processes, OfOthersAreNotAskedByRootUnlessNamed) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a folder away";
  }
  const Impostor impostor{::getpid(), {}};
  EXPECT_EQ(impostor.look(false).found.at(0).refusal, "");
  ASSERT_EQ(::chown(impostor.folder().c_str(), 65'534, 65'534), 0);
  const std::string refusal = impostor.look(false).found.at(0).refusal;
  EXPECT_NE(refusal.find("is not root's but user 65534's"), std::string::npos) << refusal;
  EXPECT_EQ(impostor.look(true).found.at(0).refusal, "");

  const Impostor dead{kNobody, {}};
  ASSERT_EQ(::chown(dead.folder().c_str(), 65'534, 65'534), 0);
  EXPECT_TRUE(dead.look(false).found.empty()) << "nobody misses what is dead";
  EXPECT_EQ(dead.look(true).found.size(), 1U);
}

}  // namespace
}  // namespace ss
