// VirtioUserPort: a port of net_virtio_user that comes and goes with its peer. The driver can only
// be made while the peer serves the socket, and never finds it again once it is gone; so a thread
// makes it when somebody serves, and takes it apart when the core has let go of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include <millrace/error.hpp>

#include "device/dpdk/device_spec.hpp"
#include "device/dpdk/dpdk_config.hpp"
#include "device/dpdk/dpdk_device.hpp"
#include "device/dpdk/eal.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// Made and destroyed by one thread; between, `port` and `give_up` belong to the core that moves
/// its frames.
class VirtioUserPort {
 public:
  /// If somebody serves the socket, the port is there at once. Error: one line, why it cannot be.
  [[nodiscard]] static Result<std::unique_ptr<VirtioUserPort>, std::string> make(
      Eal& eal, const DeviceSpec& spec, const DpdkConfig& config, packet::PacketPool& pool);
  VirtioUserPort(const VirtioUserPort&) = delete;
  VirtioUserPort& operator=(const VirtioUserPort&) = delete;
  ~VirtioUserPort();

  /// Null while there is none.
  [[nodiscard]] DpdkDevice* port() const noexcept { return port_.load(std::memory_order_acquire); }
  /// The core uses the port no more: its peer is gone.
  void give_up() noexcept;

 private:
  VirtioUserPort(Eal& eal, const DeviceSpec& spec, const DpdkConfig& config,
                 packet::PacketPool& pool);
  [[nodiscard]] Result<void, std::string> attach();
  void detach() noexcept;
  void keep(const std::stop_token& stop);

  Eal& eal_;
  DeviceSpec spec_;
  DpdkConfig config_;
  packet::PacketPool& pool_;
  std::unique_ptr<DpdkDevice> owned_;       // The thread's, once it runs.
  std::atomic<DpdkDevice*> port_{nullptr};  // Set by the thread, cleared by the core.
  std::mutex mutex_;                        // Only what the condition needs.
  std::condition_variable_any may_continue_;
  std::jthread thread_;
};

}  // namespace millrace::device
