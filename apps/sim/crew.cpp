#include "apps/sim/crew.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "apps/sim/environment.hpp"
#include "apps/sim/report.hpp"

namespace swarm {

namespace {

constexpr int kNoEnvironment = 3;

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count <= 0) {
      std::_Exit(1);  // Nobody listens any more.
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string cause_of(int status) {
  return WIFSIGNALED(status) ? std::string{"ended by signal "} + ::strsignal(WTERMSIG(status))
                             : "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Crew::~Crew() {
  for (const Member& member : members_) {
    if (member.process > 0) {
      ::kill(member.process, SIGKILL);
      ::waitpid(member.process, nullptr, 0);
      ::close(member.pipe);
    }
  }
}

std::string Crew::work(OnResult on_result) {
  on_result_ = std::move(on_result);
  began_ = Clock::now();
  members_.resize(orders_.jobs);
  for (unsigned i = 0; i < orders_.jobs; ++i) {
    members_[i].next_seed = orders_.first_seed + i;
    if (!start(members_[i])) {
      return std::string{"a process could not be started: "} + std::strerror(errno);
    }
  }
  constexpr int kLookEveryMilliseconds = 1'000;
  while (failures_ < orders_.failures_max) {
    std::vector<pollfd> waiting;
    for (const Member& member : members_) {
      // poll passes over those that have ended.
      waiting.push_back({.fd = member.pipe, .events = POLLIN, .revents = 0});
    }
    if (std::ranges::all_of(waiting, [](const pollfd& one) { return one.fd < 0; })) {
      return {};
    }
    ::poll(waiting.data(), waiting.size(), kLookEveryMilliseconds);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (waiting[i].revents != 0) {
        read_from(members_[i]);
      } else if (members_[i].pipe >= 0) {
        look_after(members_[i]);
      }
    }
  }
  return {};
}

bool Crew::is_beyond(std::uint64_t seed) const noexcept {
  const bool is_time_up =
      orders_.time_limit.count() > 0 && Clock::now() - began_ >= orders_.time_limit;
  return is_time_up || (orders_.seeds > 0 && seed - orders_.first_seed >= orders_.seeds);
}

bool Crew::start(Member& member) {
  std::array<int, 2> ends{-1, -1};
  if (is_beyond(member.next_seed)) {
    return true;
  }
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return false;
  }
  std::fflush(nullptr);
  const pid_t process = ::fork();
  if (process == 0) {
    ::close(ends[0]);
    be_member(member, ends[1]);
  }
  ::close(ends[1]);
  if (process < 0) {
    ::close(ends[0]);
    return false;
  }
  member.process = process;
  member.pipe = ends[0];
  member.heard = Clock::now();
  member.unread.clear();
  return true;
}

void Crew::be_member(const Member& member, int pipe) const {
  // Does not outlive whoever waits for it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  {
    const auto environment = start_environment();
    if (!environment) {
      std::fprintf(stderr, "millrace-sim: %s\n", environment.error().c_str());
      std::_Exit(kNoEnvironment);
    }
    for (std::uint64_t seed = member.next_seed; !is_beyond(seed); seed += orders_.jobs) {
      write_all(pipe, to_line(run_seed(seed, orders_.capture_folder)));
    }
  }
  std::_Exit(0);
}

void Crew::read_from(Member& member) {
  std::array<char, 4'096> bytes;
  const ssize_t count = ::read(member.pipe, bytes.data(), bytes.size());
  if (count > 0) {
    member.unread.append(bytes.data(), static_cast<std::size_t>(count));
    member.heard = Clock::now();
    take_lines(member);
  } else if (count == 0) {
    bury(member);
  }
}

void Crew::take_lines(Member& member) {
  for (std::size_t end = member.unread.find('\n'); end != std::string::npos;
       end = member.unread.find('\n')) {
    if (const auto result = from_line(std::string_view{member.unread}.substr(0, end))) {
      member.next_seed = result->seed + orders_.jobs;
      take(*result);
    }
    member.unread.erase(0, end + 1);
  }
}

void Crew::bury(Member& member) {
  int status = 0;
  ::waitpid(member.process, &status, 0);
  ::close(member.pipe);
  member.process = -1;
  member.pipe = -1;
  if (status == 0) {
    return;
  }
  take({.seed = member.next_seed, .problem = cause_of(status)});
  member.next_seed += orders_.jobs;
  const bool goes_on = !WIFEXITED(status) || WEXITSTATUS(status) != kNoEnvironment;
  if (goes_on && failures_ < orders_.failures_max && !start(member)) {
    std::fprintf(stderr, "millrace-sim: a process could not be started: %s\n",
                 std::strerror(errno));
  }
}

void Crew::look_after(Member& member) {
  if (Clock::now() - member.heard > orders_.seed_limit) {
    // Its end is noticed as that of any other.
    ::kill(member.process, SIGKILL);
    member.heard = Clock::now();
  }
}

void Crew::take(const RunResult& result) {
  failures_ += result.problem.empty() ? 0 : 1;
  on_result_(result);
}

}  // namespace swarm
