// Watch: looks into the hosts now and then while a network runs: does what they keep make sense, is
// every limit kept, does every connection get on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <millrace/time.hpp>

#include "apps/sim/flow.hpp"
#include "apps/sim/network.hpp"

namespace swarm {

class Watch {
 public:
  /// Both must outlive it.
  Watch(Network& network, const std::vector<std::unique_ptr<Flow>>& flows);

  /// What is wrong, in words; empty when nothing is. A broken invariant ends the process.
  [[nodiscard]] std::string look();

 private:
  struct Progress {
    std::uint64_t amount = 0;
    Instant since{};
  };

  [[nodiscard]] static std::string check_memory(millrace::sim::Host& host);
  [[nodiscard]] static std::string check_limits(const millrace::TcpInfo& info);
  [[nodiscard]] std::string check_progress();

  Network& network_;
  const std::vector<std::unique_ptr<Flow>>& flows_;
  std::vector<Progress> progress_;
};

}  // namespace swarm
