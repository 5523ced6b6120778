#include "apps/sim/live.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "device/capture.hpp"
#include "sim/world.hpp"

namespace swarm {

using millrace::Duration;
using millrace::Endpoint;
using millrace::Instant;
using millrace::IpAddress;
using millrace::IpPrefix;
using millrace::MacAddress;
using millrace::Port;
using millrace::Result;
using millrace::Worker;
namespace device = millrace::device;
namespace sim = millrace::sim;

namespace {

constexpr unsigned kPrefixLength = 24;
constexpr unsigned kWholeAddress = 32;
constexpr std::uint8_t kGateway = 254;
constexpr std::uint64_t kPayload = 1'448;
/// Of data, header and reference together.
constexpr std::uint64_t kPoolBytesPerPacket = 4'096;

std::uint64_t packets_for(const LiveOrders& orders) noexcept {
  constexpr std::uint64_t kFewest = 2'047;
  // No host does both.
  const std::uint64_t buffers =
      std::max(orders.tcp.send_buffer_bytes, orders.tcp.receive_buffer_bytes);
  return kFewest + (buffers + orders.in_flight_bytes()) / kPayload;
}

IpAddress address_of(std::size_t end) {
  return IpAddress::v4(198, 18, static_cast<std::uint8_t>(end + 1), 1);
}

IpAddress gateway_of(std::size_t end) {
  return IpAddress::v4(198, 18, static_cast<std::uint8_t>(end + 1), kGateway);
}

/// Between a host and its router.
sim::LinkParameters sound_cable() {
  sim::LinkParameters link;
  link.delay = {};
  return link;
}

class LiveRun {
 public:
  explicit LiveRun(const LiveOrders& orders) : orders_{orders}, world_{orders.seed} {}
  LiveRun(const LiveRun&) = delete;
  LiveRun& operator=(const LiveRun&) = delete;
  ~LiveRun() = default;

  [[nodiscard]] Result<void, std::string> build();
  [[nodiscard]] LiveResult play(int stop_descriptor, std::move_only_function<bool()> stop);

 private:
  static constexpr std::size_t kEnds = 2;

  [[nodiscard]] Result<void, std::string> add_end(std::size_t number);
  [[nodiscard]] Result<void, std::string> add_tap(std::size_t number);
  [[nodiscard]] Result<void, std::string> add_host(std::size_t number);
  [[nodiscard]] Result<void, std::string> add_capture(sim::HostSetup& setup);
  [[nodiscard]] Result<void, std::string> start_applications();
  [[nodiscard]] bool is_done() const noexcept { return sender_ && sender_->is_done(); }
  void end_connections();
  [[nodiscard]] LiveResult result(Duration took, std::string problem) const;
  [[nodiscard]] std::string shortfall() const;

  const LiveOrders& orders_;
  std::vector<std::unique_ptr<device::CaptureFile>> captures_;
  sim::World world_;
  std::array<sim::Router*, kEnds> routers_{};
  sim::RouterPorts ports_{};
  std::array<sim::Host*, kEnds> hosts_{};    // Null: a TAP stands there.
  std::array<sim::TapHost*, kEnds> taps_{};  // Null: a host does.
  std::optional<LiveSender> sender_;
  std::optional<LiveReceiver> receiver_;
  sim::Lateness lateness_;
  bool was_stopped_ = false;  // From outside.
};

Result<void, std::string> LiveRun::build() {
  routers_ = {&world_.add_router({.name = "first"}), &world_.add_router({.name = "second"})};
  ports_ = world_.connect(*routers_[0], *routers_[1], orders_.forth, orders_.back);
  for (std::size_t i = 0; i < kEnds; ++i) {
    if (auto added = add_end(i); !added) {
      return added;
    }
  }
  return start_applications();
}

Result<void, std::string> LiveRun::add_end(std::size_t number) {
  const bool is_tap = (number == 0 ? orders_.from : orders_.to).is_tap();
  if (auto added = is_tap ? add_tap(number) : add_host(number); !added) {
    return added;
  }
  // The way to it from the other side.
  sim::Router& other = *routers_[1 - number];
  other.add_route(*IpPrefix::make(address_of(number), kWholeAddress),
                  number == 0 ? ports_.b : ports_.a,
                  routers_[number]->port(number == 0 ? ports_.a : ports_.b).mac);
  return {};
}

Result<void, std::string> LiveRun::add_tap(std::size_t number) {
  const LiveEnd& end = number == 0 ? orders_.from : orders_.to;
  sim::TapSetup setup;
  setup.name = end.interface;
  setup.network_namespace = end.network_namespace;
  setup.mac = MacAddress{{0x02, 0, 0, 2, 0, static_cast<std::uint8_t>(number + 1)}};
  setup.address = *IpPrefix::make(address_of(number), kPrefixLength);
  setup.gateway = gateway_of(number);
  setup.routes = {*IpPrefix::make(address_of(1 - number), kPrefixLength)};
  const auto added = world_.add_tap_host(std::move(setup));
  if (!added) {
    return millrace::fail(added.error());
  }
  taps_[number] = *added;
  static_cast<void>(
      world_.connect(*taps_[number], *routers_[number], sound_cable(), sound_cable()));
  return {};
}

Result<void, std::string> LiveRun::add_host(std::size_t number) {
  sim::NicSetup nic;
  nic.addresses.push_back(*IpPrefix::make(address_of(number), kPrefixLength));
  nic.gateway = gateway_of(number);
  nic.rx_ring = 4'096;
  sim::HostSetup setup;
  setup.name = address_of(number).to_string();
  setup.nics.push_back(std::move(nic));
  setup.config.packets = static_cast<std::uint32_t>(packets_for(orders_));
  setup.config.tcp = orders_.tcp;
  if (auto added = add_capture(setup); !added) {
    return added;
  }
  hosts_[number] = &world_.add_host(std::move(setup));
  static_cast<void>(
      world_.connect({.host = *hosts_[number]}, *routers_[number], sound_cable(), sound_cable()));
  return {};
}

Result<void, std::string> LiveRun::add_capture(sim::HostSetup& setup) {
  if (orders_.capture_folder.empty()) {
    return {};
  }
  auto file = device::CaptureFile::create(
      orders_.capture_folder + "/" + std::to_string(orders_.seed) + "-" + setup.name + ".pcapng",
      device::ClockAnchor::at(world_.now()));
  if (!file) {
    return millrace::fail(file.error());
  }
  captures_.push_back(std::move(*file));
  setup.decorate = [this, file = captures_.back().get(),
                    name = setup.name](std::unique_ptr<device::Device> inner) {
    return std::make_unique<device::CaptureDevice>(std::move(inner), *file, name,
                                                   [this]() noexcept { return world_.now(); });
  };
  return {};
}

Result<void, std::string> LiveRun::start_applications() {
  const Endpoint destination{.address = address_of(1), .port = Port{orders_.port}};
  if (hosts_[1] != nullptr) {
    const auto listen = [&](Worker& worker) -> Result<void, std::string> {
      receiver_.emplace(worker);
      const auto listener = worker.listen({.port = destination.port}, *receiver_);
      return listener ? Result<void, std::string>{} : millrace::fail("listen", listener.error());
    };
    if (auto started = world_.start(*hosts_[1], listen); !started) {
      return started;
    }
  }
  if (hosts_[0] != nullptr) {
    return world_.start(*hosts_[0], [&](Worker& worker) -> Result<void, std::string> {
      sender_.emplace(worker, destination, orders_.bytes);
      sender_->dial();
      return {};
    });
  }
  return {};
}

LiveResult LiveRun::play(int stop_descriptor, std::move_only_function<bool()> stop) {
  sim::RealTime clock{world_, orders_.late_limit};
  if (stop_descriptor >= 0) {
    clock.heed(stop_descriptor);
  }
  const Instant begin = world_.now();
  const auto is_over = [&] {
    was_stopped_ = was_stopped_ || stop();
    return was_stopped_ || is_done();
  };
  const auto ended = clock.run_until(is_over, orders_.duration);
  lateness_ = clock.lateness();
  const Duration took = world_.now() - begin;
  end_connections();
  return result(took, ended ? std::string{} : ended.error());
}

void LiveRun::end_connections() {
  // Their handlers go with this run; the other ends shall hear of it.
  if (receiver_) {
    world_.call(*hosts_[1], [this](Worker&) { receiver_->abort(); });
  }
  if (sender_) {
    world_.call(*hosts_[0], [this](Worker&) { sender_->abort(); });
  }
  world_.run_for(orders_.forth.delay + orders_.back.delay + std::chrono::milliseconds{1});
}

/// Of a number of bytes that was ordered; empty if it has arrived, or nobody waited for it.
std::string LiveRun::shortfall() const {
  if (!sender_ || orders_.bytes == 0 || was_stopped_ || sender_->report().is_complete) {
    return {};
  }
  const auto& info = sender_->report().info;
  // The number of the SYN is counted with them.
  const std::uint64_t acked = info && info->bytes_acked > 0 ? info->bytes_acked - 1 : 0;
  return acked >= orders_.bytes ? std::string{}
                                : std::to_string(acked) + " of " + std::to_string(orders_.bytes) +
                                      " bytes acknowledged";
}

LiveResult LiveRun::result(Duration took, std::string problem) const {
  LiveResult made{.took = took, .lateness = lateness_, .problem = std::move(problem)};
  made.forth = routers_[0]->out(ports_.a).counts();
  made.back = routers_[1]->out(ports_.b).counts();
  if (sender_) {
    made.sender = sender_->report();
  }
  if (receiver_) {
    made.receiver = receiver_->report();
  }
  if (made.problem.empty() && made.sender) {
    made.problem = made.sender->problem;
  }
  if (made.problem.empty() && !made.is_void()) {
    made.problem = shortfall();
  }
  for (std::size_t i = 0; i < kEnds; ++i) {
    if (taps_[i] != nullptr) {
      made.taps.push_back(
          {.end = i == 0 ? orders_.from : orders_.to, .counts = taps_[i]->counts()});
    }
  }
  return made;
}

}  // namespace

Result<LiveResult, std::string> run_live(const LiveOrders& orders, int stop_descriptor,
                                         std::move_only_function<bool()> stop) {
  LiveRun run{orders};
  if (auto built = run.build(); !built) {
    return millrace::fail(std::move(built.error()));
  }
  std::fputs("millrace-sim: the world runs\n", stderr);
  return run.play(stop_descriptor, std::move(stop));
}

std::uint64_t memory_for(const LiveOrders& orders) noexcept {
  return (64ULL << 20U) + 2 * packets_for(orders) * kPoolBytesPerPacket;
}

}  // namespace swarm
