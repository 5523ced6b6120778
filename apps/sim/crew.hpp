// Crew: processes that share the seeds of a swarm. Each starts an environment of its own and works
// through its part; one that dies over a seed, or is stuck in it, is replaced and the seed
// reported.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/sim/run.hpp"

namespace swarm {

struct CrewOrders {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 2'000;           ///< Zero: without end, until the time is up.
  std::chrono::seconds time_limit{};     ///< Zero: none. What is under way is finished.
  std::chrono::seconds seed_limit{300};  ///< A seed that takes so long is stuck.
  unsigned jobs = 1;
  unsigned failures_max = 10;  ///< Then it stops.
  std::string capture_folder{};
};

class Crew {
 public:
  using OnResult = std::move_only_function<void(const RunResult&)>;

  explicit Crew(const CrewOrders& orders) : orders_{orders} {}
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  /// Ends the processes that are left.
  ~Crew();

  /// Returns when all is done. `on_result` hears of each seed, in the order in which they end.
  /// Error, in words: a process could not be started.
  [[nodiscard]] std::string work(OnResult on_result);

 private:
  using Clock = std::chrono::steady_clock;

  struct Member {
    pid_t process = -1;
    int pipe = -1;
    std::uint64_t next_seed = 0;
    std::string unread;
    Clock::time_point heard{};
  };

  [[nodiscard]] bool start(Member& member);
  [[noreturn]] void be_member(const Member& member, int pipe) const;
  [[nodiscard]] bool is_beyond(std::uint64_t seed) const noexcept;
  void read_from(Member& member);
  void take_lines(Member& member);
  void bury(Member& member);
  void look_after(Member& member);
  void take(const RunResult& result);

  CrewOrders orders_;
  std::vector<Member> members_;
  OnResult on_result_;
  Clock::time_point began_{};
  unsigned failures_ = 0;
};

}  // namespace swarm
