// Prints the table of calls and states: one line per cell, `state | call | result | events`,
// sorted. Every cell has a socket of its own, brought into the state anew.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "subject.hpp"

namespace millrace::test {
namespace {

volatile std::sig_atomic_t signal_came = 0;

void note_signal(int) { signal_came = 1; }

std::string cell(const Ground& ground, const State& state, const Call& call, Subject& subject) {
  signal_came = 0;
  errno = 0;
  const std::string result = call.act(ground, subject);
  const bool had_signal = signal_came != 0;
  return std::string{state.name} + " | " + call.name + " | " + result +
         (had_signal ? " SIGPIPE" : "") + " | " + text_of_events(events_now(subject.number));
}

void end(Subject& subject) {
  subject.own.close();
  if (subject.peer != 0) {
    subject.tell("abort");
  }
}

void play(const Ground& ground, const State& state, const std::vector<Call>& calls, unsigned groups,
          std::vector<std::string>& lines) {
  std::vector<const Call*> played;
  for (const Call& call : calls) {
    if ((call.groups & state.groups & groups) != 0) {
      played.push_back(&call);
    }
  }
  std::vector<Subject> subjects(played.size());
  for (Subject& subject : subjects) {
    state.begin(ground, subject);
  }
  for (const Subject& subject : subjects) {
    if (state.settle != nullptr) {
      state.settle(subject);
    }
  }
  for (std::size_t i = 0; i < played.size(); ++i) {
    lines.push_back(cell(ground, state, *played[i], subjects[i]));
  }
  std::ranges::for_each(subjects, end);
}

/// What is asked for: one state, or all where none is named, and which groups.
struct Wish {
  std::string only;
  unsigned groups = kStreams | kDatagrams | kOptions;
};

bool is_wished(const Wish& wish, const State& state) {
  constexpr unsigned kKinds = kStreams | kDatagrams;
  return (wish.only.empty() || wish.only == state.name) &&
         (state.groups & wish.groups & kKinds) != 0;
}

/// A state that cannot be reached is told of, and the others are played all the same.
int print_table(const Wish& wish) {
  std::signal(SIGPIPE, note_signal);
  const Ground ground;
  std::vector<Call> calls;
  add_life_calls(calls);
  add_data_calls(calls);
  add_waiting_calls(calls);
  add_option_calls(calls);
  std::vector<std::string> lines;
  int status = 0;
  for (const State& state : states()) {
    if (!is_wished(wish, state)) {
      continue;
    }
    try {
      play(ground, state, calls, wish.groups, lines);
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s: %s\n", std::string{state.name}.c_str(), failure.what());
      status = 1;
    }
  }
  std::ranges::sort(lines);
  for (const std::string& line : lines) {
    std::puts(line.c_str());
  }
  return status;
}

/// Throws for a word that it does not know.
unsigned without(unsigned groups, const std::string& word) {
  if (word == "--without=datagrams") {
    return groups & ~static_cast<unsigned>(kDatagrams);
  }
  if (word == "--without=options") {
    return groups & ~static_cast<unsigned>(kOptions);
  }
  if (word == "--without=names") {
    return groups;  // The table has none.
  }
  throw std::invalid_argument("no such option: " + word);
}

}  // namespace

std::string outcome(long result, const std::string& detail) {
  if (result < 0) {
    return "-1 " + name_of_error(errno);
  }
  return std::to_string(result) + (detail.empty() ? "" : " ") + detail;
}

void let_block_briefly(int fd) {
  const timeval limit{.tv_sec = 0, .tv_usec = 10000};
  api::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  api::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  api::fcntl(fd, F_SETFL, 0);
}

}  // namespace millrace::test

/// [--without=datagrams] [--without=names] [--without=options] [STATE]
int main(int count, char** arguments) {
  millrace::test::Wish wish;
  try {
    for (int i = 1; i < count; ++i) {
      const std::string word = arguments[i];
      if (word.starts_with("--")) {
        wish.groups = millrace::test::without(wish.groups, word);
      } else {
        wish.only = word;
      }
    }
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 2;
  }
  return millrace::test::print_table(wish);
}
