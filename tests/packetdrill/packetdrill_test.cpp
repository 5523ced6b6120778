// Scenarios for the shim: handshakes, timers, closing, errors, masks, calls that block. Times are
// Linux's where it and the RFCs leave a choice; player.hpp has the language.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "player.hpp"

namespace millrace::test {
namespace {

struct Scenario {
  std::string name;
  std::string flags;
  std::string script;
};

std::ostream& operator<<(std::ostream& out, const Scenario& scenario) {
  return out << scenario.name;
}

/// Those of a file in the folder that MILLRACE_SCENARIOS names.
std::vector<Scenario> scenarios_in(const char* name) {
  const char* const folder = std::getenv("MILLRACE_SCENARIOS");
  std::ifstream file{std::string{folder == nullptr ? "." : folder} + "/" + name};
  std::vector<Scenario> found;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== ")) {
      const std::size_t space = line.find(' ', 3);
      const std::string flags = space == std::string::npos ? "" : line.substr(space);
      found.push_back({.name = line.substr(3, space - 3), .flags = flags, .script = {}});
    } else if (!found.empty()) {
      found.back().script += line + "\n";
    }
  }
  return found;
}

/// A passive open that has been accepted as B at 0.1; behind it go the lines of the scenario.
std::string accepted(const std::string& rest) {
  return std::string{R"(
    0.000 socket A
    0.000 bind A 8080
    0.000 listen A 5
    0.000 < S  seq 0 win 65535 mss 1460
    0.000 > S. seq 0 ack 1
    0.100 < .  seq 1 ack 1
    0.100 accept A B
  )"} + rest;
}

/// An active open that is established as B at 0.1.
std::string connected(const std::string& rest) {
  return std::string{R"(
    0.000 socket B
    0.000 nonblock B
    0.000 connect B 8080 = EINPROGRESS
    0.000 > S  seq 0
    0.100 < S. seq 0 ack 1 mss 1460
    0.100 > .  seq 1 ack 1
    0.100 connect B 8080
  )"} + rest;
}

const std::string kFlags = "--address 192.168.0.1/16 --tcp timestamps=off --tcp selective_acks=off";

void expect_played(const std::string& script, const Scenario& scenario) {
  EXPECT_EQ(play(script, kFlags + scenario.flags), "");
}

struct Alone : testing::TestWithParam<Scenario> {};
struct Passive : testing::TestWithParam<Scenario> {};
struct Active : testing::TestWithParam<Scenario> {};

TEST_P(Alone, IsPlayed) { expect_played(GetParam().script, GetParam()); }
TEST_P(Passive, IsPlayed) { expect_played(accepted(GetParam().script), GetParam()); }
TEST_P(Active, IsPlayed) { expect_played(connected(GetParam().script), GetParam()); }

std::string name_of(const testing::TestParamInfo<Scenario>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Shim, Alone, testing::ValuesIn(scenarios_in("alone.txt")), name_of);
INSTANTIATE_TEST_SUITE_P(Shim, Passive, testing::ValuesIn(scenarios_in("accepted.txt")), name_of);
INSTANTIATE_TEST_SUITE_P(Shim, Active, testing::ValuesIn(scenarios_in("connected.txt")), name_of);

TEST(Scenarios, AreAtLeastThirty) {
  EXPECT_GE(scenarios_in("alone.txt").size() + scenarios_in("accepted.txt").size() +
                scenarios_in("connected.txt").size(),
            30U);
}

/// What `command` prints.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"), ::pclose};
  std::string text;
  std::array<char, 256> part{};
  while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr) {
    text += part.data();
  }
  return text;
}

TEST(Shim, ExportsOneSymbol) {
  const char* const path = std::getenv("MILLRACE_SHIM");
  ASSERT_NE(path, nullptr);
  const std::string symbols = output_of("nm -D --defined-only '" + std::string{path} + "'");
  EXPECT_EQ(std::ranges::count(symbols, '\n'), 1) << symbols;
  EXPECT_NE(symbols.find(" T packetdrill_interface_init\n"), std::string::npos) << symbols;
}

TEST(Player, LooksAtWindowsAndOptions) {
  EXPECT_EQ(play(accepted("0.2 < . seq 1 ack 1 len 9\n 0.2 > . seq 1 ack 10"), kFlags), "");
  EXPECT_NE(play(accepted("0.2 < . seq 1 ack 1 len 9\n 0.2 > . seq 1 ack 10 win 1"), kFlags), "");
  EXPECT_NE(play(accepted("0.2 < . seq 1 ack 1 len 9\n 0.2 > . seq 1 ack 10 opts nop"), kFlags),
            "");
}

TEST(Player, SeesWhatDoesNotHappen) {
  EXPECT_NE(play(accepted("0.2 nonblock B\n 0.2 read B 10 = 5"), kFlags + " --receive-limit 1"),
            "");
  EXPECT_NE(play(accepted("0.2 > . seq 1 ack 1"), kFlags + " --receive-limit 1"), "");
  EXPECT_NE(play(accepted("0.2 write B 10\n 0.3 > P. seq 1 ack 1 len 10"), kFlags), "");
}

}  // namespace
}  // namespace millrace::test
