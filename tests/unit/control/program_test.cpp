// A whole program, from its command line to its exit status, on the loopback plug. DPDK can be
// started once in a process, so each run has a process of its own.
#include <millrace/program.hpp>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/local_addresses.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::ExitedWithCode;

/// Runs it on the ring, with further arguments, and ends the process with its status.
[[noreturn]] void run_and_exit(Program& program, Program::Start start,
                               std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.begin(), {"millrace-test", "--device", "ring", "--packets", "2048"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  const int count = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  program.report_to_stderr(true);
  std::exit(program.run(count, argv.data(), std::move(start)));
}

Program make_program() { return Program{"millrace-test", "A test."}; }

Result<void, std::string> start_nothing(Worker&) { return {}; }

/// Connects to itself through the plug and stops the program when what it sent has come back.
class Conversation final : public TcpHandler {
 public:
  explicit Conversation(Worker& worker) : worker_{worker} {}

  Result<void, std::string> begin() {
    if (!worker_.listen({.port = Port{7}}, *this)) {
      return fail("cannot listen");
    }
    const auto socket = worker_.connect({IpAddress::v4(198, 18, 0, 2), Port{7}}, *this);
    if (!socket) {
      return fail("cannot connect", socket.error());
    }
    client_ = *socket;
    return {};
  }

  void on_connected(TcpSocket socket) override { static_cast<void>(socket.send("round trip")); }
  void on_readable(TcpSocket socket) override {
    std::array<std::byte, 64> bytes;
    const Result<std::size_t> received = socket.receive(bytes);
    if (!received) {
      return;
    }
    if (socket == client_) {
      worker_.stop(static_cast<int>(*received));
    } else {
      static_cast<void>(socket.send(std::span{bytes}.first(*received)));
    }
  }
  // The end aborts what is open; that must not change the status.
  void on_closed(TcpSocket, Result<void>) override { worker_.stop(99); }

 private:
  Worker& worker_;
  TcpSocket client_;
};

TEST(ProgramDeathTest, ServesUntilAHandlerStopsIt) {
  Program program = make_program();
  std::optional<Conversation> conversation;
  EXPECT_EXIT(run_and_exit(program,
                           [&](Worker& worker) {
                             conversation.emplace(worker);
                             return conversation->begin();
                           },
                           {"--counters"}),
              ExitedWithCode(10),
              "device    ring(.|\n)*tcp_resets_out +[123]\n(.|\n)*tcp_accepted +1\n");
}

TEST(ProgramDeathTest, ASignalIsAnOrderlyEnd) {
  Program program = make_program();
  program.suggest("nc {address} 7");
  EXPECT_EXIT(run_and_exit(program,
                           [](Worker& worker) {
                             const auto timer =
                                 worker.after(1ms, [] { ::kill(::getpid(), SIGTERM); });
                             return timer ? Result<void, std::string>{} : fail("no timer");
                           }),
              ExitedWithCode(0), "reach     this program alone.*\n");
}

TEST(ProgramDeathTest, TheReportComesBeforeTheFirstHandler) {
  // Standard error is a pipe that is full: the report waits, and with it all handlers.
  const auto run = [] {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_NONBLOCK), 0);
    ASSERT_EQ(::dup2(pipe[1], STDERR_FILENO), STDERR_FILENO);
    const std::array<char, 4096> filler{};
    while (::write(pipe[1], filler.data(), filler.size()) > 0) {
    }
    ASSERT_EQ(::fcntl(pipe[1], F_SETFL, 0), 0);
    std::atomic<bool> has_started = false;
    std::atomic<bool> is_read = false;
    std::jthread reader{[&] {
      while (!has_started) {
        std::this_thread::yield();
      }
      std::this_thread::sleep_for(100ms);
      is_read = true;
      std::array<char, 4096> taken{};
      while (::read(pipe[0], taken.data(), taken.size()) > 0) {
      }
    }};
    Program program = make_program();
    run_and_exit(program, [&](Worker& worker) -> Result<void, std::string> {
      has_started = true;
      const auto timer = worker.after(1ms, [&] { worker.stop(is_read ? 11 : 12); });
      return timer ? Result<void, std::string>{} : fail("no timer");
    });
  };
  EXPECT_EXIT(run(), ExitedWithCode(11), "");
}

/// Sends SIGTERM to itself after a millisecond and again after each of `later`.
Result<void, std::string> signal_soon(Worker& worker, std::initializer_list<Duration> later = {}) {
  for (const Duration delay : later) {
    static_cast<void>(worker.after(delay, [] { ::kill(::getpid(), SIGTERM); }));
  }
  const auto first = worker.after(1ms, [] { ::kill(::getpid(), SIGTERM); });
  return first ? Result<void, std::string>{} : fail("no timer");
}

TEST(ProgramDeathTest, OnStopLetsConnectionsFinish) {
  Program program = make_program();
  std::optional<Conversation> conversation;
  // The echo comes back only because the worker goes on; its end then stops the program.
  program.on_stop([&](Worker& worker) -> Duration {
    conversation.emplace(worker);
    return conversation->begin() ? Duration{1min} : Duration::zero();
  });
  EXPECT_EXIT(run_and_exit(program, [](Worker& worker) { return signal_soon(worker); }),
              ExitedWithCode(10), "");
}

TEST(ProgramDeathTest, OnStopEndsAsSoonAsNothingIsLeft) {
  Program program = make_program();
  program.on_stop([&](Worker& worker) -> Duration {
    const auto done = [&worker] { worker.stop(33); };
    return worker.background([] {}, done) ? Duration{24h} : Duration::zero();
  });
  EXPECT_EXIT(run_and_exit(program, [](Worker& worker) { return signal_soon(worker); }),
              ExitedWithCode(33), "");
}

/// A connection to itself that nobody ever closes.
class Silence final : public TcpHandler {
 public:
  explicit Silence(Worker& worker) {
    static_cast<void>(worker.listen({.port = Port{7}}, *this));
    static_cast<void>(worker.connect({IpAddress::v4(198, 18, 0, 2), Port{7}}, *this));
  }
};

Program with_endless_drain(Duration granted) {
  Program program = make_program();
  program.on_stop([granted](Worker&) { return granted; });
  return program;
}

TEST(ProgramDeathTest, WhatOnStopWasGrantedEnds) {
  std::optional<Silence> silence;
  Program program = with_endless_drain(20ms);
  EXPECT_EXIT(run_and_exit(program,
                           [&](Worker& worker) {
                             silence.emplace(worker);
                             return signal_soon(worker);
                           },
                           {"--counters"}),
              ExitedWithCode(0), "tcp_resets_out +[1-9]");
}

TEST(ProgramDeathTest, ASecondSignalCutsOnStopShort) {
  std::optional<Silence> silence;
  Program program = with_endless_drain(24h);
  EXPECT_EXIT(run_and_exit(program,
                           [&](Worker& worker) {
                             silence.emplace(worker);
                             return signal_soon(worker, {20ms});
                           }),
              ExitedWithCode(0), "");
}

TEST(ProgramDeathTest, SignalsEndAHandlerThatNeverReturns) {
  Program program = make_program();
  const auto hang = [] {
    while (true) {
      ::kill(::getpid(), SIGINT);
      ::sched_yield();
    }
  };
  EXPECT_EXIT(run_and_exit(program,
                           [hang](Worker& worker) {
                             const auto timer = worker.after(1ms, hang);
                             return timer ? Result<void, std::string>{} : fail("no timer");
                           }),
              ExitedWithCode(1), "");
}

TEST(ProgramDeathTest, AFailedStartIsOneLine) {
  Program program = make_program();
  const auto start = [](Worker& worker) -> Result<void, std::string> {
    static TcpHandler handler;
    if (!worker.listen({.port = Port{7}}, handler)) {
      return fail("the first listener failed");
    }
    const auto second = worker.listen({.port = Port{7}}, handler);
    return fail("port 7: " + std::string{second ? "taken twice" : to_string(second.error())});
  };
  EXPECT_EXIT(run_and_exit(program, start), ExitedWithCode(1),
              "^millrace-test: port 7: address in use\n$");
}

TEST(ProgramDeathTest, WorkersKnowTheirAddressesInTheOrderGiven) {
  Program program = make_program();
  const auto start = [](Worker& worker) -> Result<void, std::string> {
    std::string all;
    for (const InterfaceAddress& each : worker.addresses()) {
      all += each.prefix.to_string() + " on " + std::to_string(each.device) + ", ";
    }
    return fail(all);
  };
  EXPECT_EXIT(run_and_exit(program, start,
                           {"--address", "198.18.0.9/24", "--address", "198.18.0.3/24", "--device",
                            "ring,vlan=7", "--address", "10.0.0.1/8"}),
              ExitedWithCode(1),
              "^millrace-test: 198.18.0.9/24 on 0, 198.18.0.3/24 on 0, 10.0.0.1/8 on 1, \n$");
}

TEST(ProgramDeathTest, AMissingProcessorIsNoUsageError) {
  Program program = make_program();
  EXPECT_EXIT(run_and_exit(program, start_nothing, {"--cores", "1023"}), ExitedWithCode(1),
              "^millrace-test: .*1023.*\n$");
}

TEST(ProgramDeathTest, AnAddressOfThisMachineIsRefused) {
  std::string held;
  for (const control::LocalAddress& local : control::kernel_addresses()) {
    if (!local.address.is_loopback()) {
      held = local.address.to_string();
    }
  }
  if (held.empty()) {
    GTEST_SKIP() << "this machine has no address beside its loopback's";
  }
  Program program = make_program();
  EXPECT_EXIT(run_and_exit(program, start_nothing, {"--address", held + "/30"}), ExitedWithCode(1),
              "^millrace-test: --address: " + held + " belongs to this machine's ");
}

struct OwnOptions {
  bool loud = false;
  std::string root = ".";
  std::uint64_t count = 3;
  Port port{8080};
  std::optional<Endpoint> target;
  std::optional<std::uint64_t> limit;
  Duration patience = 2500ms;
};

Program with_own_options(OwnOptions& own) {
  Program program = make_program();
  program.option("ROOT", own.root, "Folder")
      .flag("-l,--loud", own.loud, "Be loud")
      .option("-c,--count", own.count, "How often")
      .option("-p,--port", own.port, "Port to listen on")
      .option("--target", own.target, "Where to connect to")
      .option("--limit", own.limit, "How much at most")
      .option("--patience", own.patience, "How long to wait")
      .check([&own]() -> Result<void, std::string> {
        return own.loud && own.target ? fail("--loud and --target exclude each other; give one")
                                      : Result<void, std::string>{};
      });
  return program;
}

TEST(ProgramDeathTest, OwnOptionsReachTheirTargets) {
  OwnOptions own;
  Program program = with_own_options(own);
  const auto start = [&](Worker&) -> Result<void, std::string> {
    return fail(own.root + std::to_string(own.count) + ":" + std::to_string(own.port.number()) +
                own.target.value_or(Endpoint{}).to_string());
  };
  EXPECT_EXIT(
      run_and_exit(program, start, {"www", "-c", "5", "--port=81", "--target", "10.0.0.1:9"}),
      ExitedWithCode(1), "^millrace-test: www5:8110.0.0.1:9\n$");
}

TEST(ProgramDeathTest, OptionalNumbersTellWhetherTheyWereGiven) {
  OwnOptions own;
  Program program = with_own_options(own);
  const auto start = [&](Worker&) -> Result<void, std::string> {
    return fail((own.limit ? std::to_string(*own.limit) : "none") + " " +
                std::to_string(own.patience.count()));
  };
  EXPECT_EXIT(run_and_exit(program, start), ExitedWithCode(1),
              "^millrace-test: none 2500000000\n$");
  EXPECT_EXIT(run_and_exit(program, start, {"--limit=0", "--patience", "0.25"}), ExitedWithCode(1),
              "^millrace-test: 0 250000000\n$");
}

TEST(ProgramDeathTest, MistakesInOwnOptionsAreUsageErrors) {
  OwnOptions own;
  Program program = with_own_options(own);
  EXPECT_EXIT(run_and_exit(program, start_nothing, {"--port", "0"}), ExitedWithCode(2),
              "^millrace-test: --port: '0' is no port; ");
  EXPECT_EXIT(run_and_exit(program, start_nothing, {"--limit", "some"}), ExitedWithCode(2),
              "^millrace-test: --limit: 'some' is no number; ");
  EXPECT_EXIT(run_and_exit(program, start_nothing, {"--patience", "-1"}), ExitedWithCode(2),
              "^millrace-test: --patience: -1 s is out of range; ");
  EXPECT_EXIT(run_and_exit(program, start_nothing, {"-l", "--target", "10.0.0.1:9"}),
              ExitedWithCode(2),
              "^millrace-test: --loud and --target exclude each other; give one\n$");
  program.required("-p,--port");
  EXPECT_EXIT(run_and_exit(program, start_nothing), ExitedWithCode(2),
              "^millrace-test: .*--port.*\n$");
}

TEST(ProgramDeathTest, MistakesInDeclaringOptionsAreTold) {
  struct Mistake {
    const char* name;
    std::move_only_function<void(Program&, OwnOptions&)> make;
    const char* told;
  };
  const std::string begin = "^millrace-test: a mistake in the program, in declaring ";
  Mistake mistakes[] = {
      {"an option that all programs have",
       [](Program& program, OwnOptions& own) { program.option("--device", own.root, "Mine"); },
       "the options of all Millrace programs: the name 'device' is taken already; "},
      {"the version",
       [](Program& program, OwnOptions& own) { program.flag("--version", own.loud, "Mine"); },
       "the options of all Millrace programs: the name 'version' is taken already; "},
      {"the help page", [](Program& program, OwnOptions& own) { program.flag("-h", own.loud, ""); },
       "-h: the name 'h' is taken already; "},
      {"a name twice",
       [](Program& program, OwnOptions& own) {
         program.option("-n,--number", own.count, "").option("-n,--name", own.root, "");
       },
       "-n,--name: the name 'n' is taken already; choose another for the program's own\n$"},
      {"no name", [](Program& program, OwnOptions& own) { program.option("--", own.root, ""); },
       "--: "},
      {"required, not declared", [](Program& program, OwnOptions&) { program.required("SERVER"); },
       "SERVER: no option of that name was declared before\n$"},
      {"the first of two",
       [](Program& program, OwnOptions& own) {
         program.required("FIRST").flag("--device", own.loud, "");
       },
       "FIRST: "},
  };
  for (Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.name);
    OwnOptions own;
    Program program = make_program();
    mistake.make(program, own);
    EXPECT_EXIT(run_and_exit(program, start_nothing), ExitedWithCode(2), begin + mistake.told);
  }
}

}  // namespace
}  // namespace millrace
