// Network: the world of a plan: hosts, cables, routers, and, when asked for, a capture of each
// host. What the hosts then do is in `flow` and `udp_flow`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/sim/plan.hpp"
#include "device/capture.hpp"
#include "sim/world.hpp"

namespace swarm {

class Network {
 public:
  /// Captures go into `capture_folder`, a file for each host; empty: none. `plan` must outlive it.
  Network(const Plan& plan, const std::string& capture_folder);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network() = default;

  [[nodiscard]] millrace::sim::World& world() noexcept { return world_; }
  [[nodiscard]] millrace::sim::Host& host(std::size_t number) noexcept { return *hosts_[number]; }
  [[nodiscard]] const std::vector<millrace::sim::Host*>& hosts() const noexcept { return hosts_; }
  /// Why a capture could not be written; empty if all could.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  [[nodiscard]] millrace::sim::HostSetup setup_of(const HostPlan& host, std::size_t number);
  void add_capture(millrace::sim::HostSetup& setup);
  void connect_directly();
  void connect_by_switch();
  void connect_by_routers();
  void plan_mtu_changes();

  const Plan& plan_;
  std::string capture_folder_;
  std::string problem_;
  std::vector<std::unique_ptr<millrace::device::CaptureFile>> captures_;
  millrace::sim::World world_;
  std::vector<millrace::sim::Host*> hosts_;
  std::vector<millrace::sim::Link*> main_cable_;
};

}  // namespace swarm
