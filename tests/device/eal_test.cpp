// Starting the EAL: quietly, and with one clear line when it cannot be. Each start has a process of
// its own, since a process can start it once.
#include "device/dpdk/eal.hpp"

#include <gtest/gtest.h>
#include <rte_lcore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace millrace::device {

namespace {

/// What a child process printed, and whether it left EAL's folder behind.
struct Outcome {
  std::string printed;
  bool left_folder = false;
};

/// Runs `body` in a child and returns all that it wrote to standard output and standard error.
template <class Body>
Outcome in_child(Body body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    body();
    std::fflush(stdout);
    ::_exit(0);
  }
  ::close(ends[1]);
  Outcome outcome;
  std::array<char, 512> piece{};
  for (ssize_t size = 0; (size = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    outcome.printed.append(piece.data(), static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  const std::string folder = "dpdk/millrace-" + std::to_string(child);
  std::error_code denied;  // To others than root, the run-time folder of root is closed.
  outcome.left_folder = std::filesystem::exists("/var/run/" + folder, denied) ||
                        std::filesystem::exists("/tmp/" + folder, denied);
  return outcome;
}

EalOptions small(const std::string& extra) {
  return {.device_arguments = {},
          .extra_arguments = extra,
          .cores = {},
          .memory_bytes = 64ULL << 20U,
          .use_hugepages = false,
          .uses_pci = false,
          .is_verbose = false};
}

/// "started", or the error.
Outcome start(const EalOptions& options) {
  return in_child([&options] {
    const auto eal = Eal::start(options);
    std::printf("%s", eal ? "started" : eal.error().c_str());
  });
}

TEST(Eal, StartsQuietlyAndLeavesNothing) {
  const Outcome outcome = start(small(""));
  EXPECT_EQ(outcome.printed, "started");
  EXPECT_FALSE(outcome.left_folder);
}

TEST(Eal, TakesExtraArguments) {
  EXPECT_EQ(start(small("--vdev=net_null0 -m 96")).printed, "started");
  EXPECT_EQ(start(small("--vdev 'net_ring0' --no-huge")).printed, "started");
}

TEST(Eal, TextPassesThroughWhenVerbose) {
  EalOptions options = small("");
  options.is_verbose = true;
  EXPECT_NE(start(options).printed.find("EAL: "), std::string::npos);
}

TEST(Eal, TellsVersionAndMemory) {
  const Outcome outcome = in_child([] {
    const auto eal = Eal::start(small(""));
    std::printf("%s %s %u", Eal::version().substr(0, 3).c_str(),
                std::string{eal->memory_kind()}.c_str(), rte_lcore_count());
  });
  EXPECT_EQ(outcome.printed.substr(3), " ordinary pages 1");
}

struct Refusal {
  const char* extra;
  const char* words;
};

TEST(Eal, RefusesInOneLine) {
  constexpr std::array kRefusals{
      Refusal{"-h", "EAL argument '-h' is not taken"},
      Refusal{"--help", "EAL argument '--help' is not taken"},
      Refusal{"--hel", "EAL argument '--hel' is not taken"},
      Refusal{"-vh", "EAL argument '-vh' is not taken"},
      Refusal{"--proc-type=secondary", "EAL argument '--proc-type=secondary' is not taken"},
      Refusal{"--vdev=net_null0 -- -q", "EAL argument '--' is not taken"},
      Refusal{"--no-such-thing", "--no-such-thing"},
      Refusal{"stray", "'stray' is no EAL argument"},
      Refusal{"--vdev='net_null0", "closing ' is missing"},
      Refusal{"--vdev=net_nonesuch0", "'net_nonesuch0'; DPDK has no driver of that name"},
      Refusal{"--lcores=abc", "lcore"},
      Refusal{"-m", "requires an argument -- 'm'"},
      Refusal{"-Q", "Q"},
  };
  for (const Refusal& refusal : kRefusals) {
    const Outcome outcome = start(small(refusal.extra));
    EXPECT_NE(outcome.printed.find(refusal.words), std::string::npos)
        << refusal.extra << " -> " << outcome.printed;
    EXPECT_EQ(outcome.printed.find('\n'), std::string::npos) << outcome.printed;
    EXPECT_FALSE(outcome.left_folder) << refusal.extra;
  }
}

TEST(Eal, RefusesACoreThatIsNotThere) {
  EalOptions options = small("");
  options.cores = {999};
  EXPECT_NE(start(options).printed.find("core 999 is not among those this process may use: "),
            std::string::npos);
}

TEST(Eal, StartsOnce) {
  const Outcome outcome = in_child([] {
    const auto first = Eal::start(small(""));
    const auto second = Eal::start(small(""));
    std::printf("%d %s", first.has_value(), second ? "started" : second.error().c_str());
  });
  EXPECT_EQ(outcome.printed, "1 the EAL was started before: a process can start it once");
}

struct Split {
  const char* text;
  std::vector<std::string> arguments;
};

TEST(SplitArguments, ReadsAsAShellDoes) {
  const std::array<Split, 8> kSplits{{
      {"", {}},
      {"  ", {}},
      {"-m 64", {"-m", "64"}},
      {"  --vdev=net_ring0\t-v\n", {"--vdev=net_ring0", "-v"}},
      {"'a b' \"c d\"", {"a b", "c d"}},
      {"a'b'\"c\"d", {"abcd"}},
      {"\"say \\\"x\\\" \\n\" a\\ b 'c\\d'", {"say \"x\" \\n", "a b", "c\\d"}},
      {"'' x", {"", "x"}},
  }};
  for (const Split& split : kSplits) {
    const auto arguments = split_arguments(split.text);
    ASSERT_TRUE(arguments.has_value()) << split.text;
    EXPECT_EQ(*arguments, split.arguments) << split.text;
  }
  EXPECT_FALSE(split_arguments("a 'b").has_value());
  EXPECT_FALSE(split_arguments("\"").has_value());
}

}  // namespace

}  // namespace millrace::device
