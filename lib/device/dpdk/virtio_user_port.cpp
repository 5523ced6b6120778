// Ownership of the port passes by one pointer: set, it is the core's; null, the thread's.
#include "device/dpdk/virtio_user_port.hpp"

#include <rte_dev.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "device/dpdk/answer_limit.hpp"
#include "device/dpdk/interrupt_barrier.hpp"
#include "device/dpdk/shared_memory_spec.hpp"

namespace millrace::device {

namespace {

constexpr std::chrono::milliseconds kPause{20};

// As many as a memif ring has; a power of two.
constexpr std::uint16_t kQueueSize = 1'024;
// The driver frees what was sent only when it sends again, and of its own accord only once the ring
// is all but full: hundreds of packets would be held for as long as nothing is sent. This is the
// largest threshold that it takes; what stays is what the last call sent, and three more.
constexpr std::uint16_t kFreeThreshold = kQueueSize - 4;

}  // namespace

Result<std::unique_ptr<VirtioUserPort>, std::string> VirtioUserPort::make(
    Eal& eal, const DeviceSpec& spec, const DpdkConfig& config, packet::PacketPool& pool) {
  std::unique_ptr<VirtioUserPort> made{new VirtioUserPort{eal, spec, config, pool}};
  if (is_served(spec)) {
    if (auto attached = made->attach(); !attached) {
      return fail(std::move(attached.error()));
    }
  }
  made->thread_ =
      std::jthread{[self = made.get()](const std::stop_token& stop) { self->keep(stop); }};
  return made;
}

VirtioUserPort::VirtioUserPort(Eal& eal, const DeviceSpec& spec, const DpdkConfig& config,
                               packet::PacketPool& pool)
    : eal_{eal}, spec_{spec}, config_{config}, pool_{pool} {
  config_.tx_free_threshold = kFreeThreshold;
  config_.link_wait = {};  // The peer answers while the port is made, or not at all.
}

VirtioUserPort::~VirtioUserPort() {
  thread_ = {};  // Asks it to stop, and waits.
  if (owned_) {
    detach();
  }
}

void VirtioUserPort::give_up() noexcept { port_.store(nullptr, std::memory_order_release); }

Result<void, std::string> VirtioUserPort::attach() {
  std::string arguments = "path=" + spec_.name + ",queue_size=" + std::to_string(kQueueSize);
  if (config_.mac) {
    arguments += ",mac=" + config_.mac->to_string();
  }
  const AnswerLimit limit{spec_.name, config_.answer_limit};
  eal_.forget_text();
  if (rte_eal_hotplug_add("vdev", spec_.port_name.c_str(), arguments.c_str()) != 0) {
    return fail("cannot make the port of " + spec_.text + ": " + eal_.last_cause());
  }
  auto opened = DpdkDevice::open(eal_, config_, pool_);
  if (!opened) {
    rte_eal_hotplug_remove("vdev", spec_.port_name.c_str());
    return fail(std::move(opened.error()));
  }
  owned_ = *std::move(opened);
  port_.store(owned_.get(), std::memory_order_release);
  return {};
}

void VirtioUserPort::detach() noexcept {
  const AnswerLimit limit{spec_.name, config_.answer_limit};
  InterruptBarrier interrupts;
  interrupts.wait();  // The driver's own answer to the peer's end refers to the port.
  owned_.reset();
  rte_eal_hotplug_remove("vdev", spec_.port_name.c_str());
}

void VirtioUserPort::keep(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    if (owned_ && port() == nullptr) {
      detach();
    } else if (!owned_ && is_served(spec_)) {
      // A peer that leaves again half-way is no reason to stop looking for the next.
      static_cast<void>(attach());
    }
    may_continue_.wait_for(lock, stop, kPause, [] { return false; });
  }
}

}  // namespace millrace::device
