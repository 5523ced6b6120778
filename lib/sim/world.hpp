// World: a whole network from one seed: hosts, cables, switches and routers, run in one thread by
// jumping from event to event. The same seed gives the same run, to the byte.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "base/random.hpp"
#include "sim/event_schedule.hpp"
#include "sim/host.hpp"
#include "sim/link.hpp"
#include "sim/router.hpp"
#include "sim/switch.hpp"
#include "sim/tap_host.hpp"
#include "sim/virtual_clock.hpp"

namespace millrace::sim {

/// One NIC of a host.
struct Plug {
  Host& host;
  std::size_t nic = 0;
};

/// The numbers of the ports at both ends of a cable between routers.
struct RouterPorts {
  std::size_t a = 0;
  std::size_t b = 0;
};

/// The EAL must run: hosts take their packets from real pools.
class World {
 public:
  using Start = std::move_only_function<Result<void, std::string>(Worker&)>;

  explicit World(std::uint64_t seed) : random_{base::Random::from_seed(seed)} {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() = default;

  // The network. All of it first, then `start`.
  Host& add_host(HostSetup setup);
  /// A cable from NIC to NIC.
  void connect(Plug a, Plug b, const LinkParameters& forth, const LinkParameters& back);
  Switch& add_switch();
  /// A cable from a NIC to a port of a switch.
  void connect(Plug plug, Switch& to, const LinkParameters& forth, const LinkParameters& back);
  Router& add_router(RouterSetup setup);
  /// A cable from a NIC, which has a gateway, to a router that becomes that gateway, with a route
  /// to each of the NIC's addresses. Returns the router's port.
  std::size_t connect(Plug plug, Router& to, const LinkParameters& forth,
                      const LinkParameters& back);
  /// A cable between two routers; routes over it are `Router::add_route`'s.
  RouterPorts connect(Router& a, Router& b, const LinkParameters& forth,
                      const LinkParameters& back);
  /// A host behind a TAP. What it takes part in has to be driven by `RealTime`. Error: one line.
  [[nodiscard]] Result<TapHost*, std::string> add_tap_host(TapSetup setup);
  /// For tests: with a descriptor in place of the TAP, that `Tap` takes over.
  TapHost& add_tap_host(Tap tap, TapSetup setup);
  /// A cable from a TAP to a port of a switch.
  void connect(TapHost& host, Switch& to, const LinkParameters& forth, const LinkParameters& back);
  /// A cable from a TAP, which has a gateway, to a router, as above.
  std::size_t connect(TapHost& host, Router& to, const LinkParameters& forth,
                      const LinkParameters& back);
  /// Changes the cable that leaves `plug`.
  void set_parameters(Plug plug, const LinkParameters& parameters);

  /// Announces the host's addresses and runs an application's start function on it.
  Result<void, std::string> start(Host& host, Start start = {});
  /// Lets something happen after a while: a cable that changes, say.
  void at(Duration after, std::move_only_function<void()> action);
  /// The cable that leaves a NIC.
  [[nodiscard]] Link& uplink(Plug plug);
  /// Calls `function` on the host's core, now.
  template <class F>
  void call(Host& host, F&& function) {
    // A turn brings the host's idea of the time up to date.
    host.run_turn();
    function(host.worker());
    host.wake();
  }

  // Time. All of these stop early at a failure.
  /// Whether `condition` came true within `limit`. It is asked whenever all hosts are quiet.
  [[nodiscard]] bool run_until(std::move_only_function<bool()> condition, Duration limit);
  void run_for(Duration time);
  /// Whether nothing is left to happen, no timer either, within `limit`.
  [[nodiscard]] bool run_until_quiet(Duration limit);

  /// When something is going to happen next; empty: never, unless somebody calls a host.
  [[nodiscard]] std::optional<Instant> next_time() const;
  [[nodiscard]] const std::vector<std::unique_ptr<TapHost>>& tap_hosts() const noexcept {
    return tap_hosts_;
  }

  /// Whether nothing is going to happen any more unless somebody calls a host.
  [[nodiscard]] bool is_quiet() const { return !next_time(); }

  /// Lets time pass until nothing is left to happen, then says what is wrong: a failure, something
  /// never ending, or something held by a host. Listeners may stay.
  [[nodiscard]] Result<void, std::string> check_clean(Duration limit = std::chrono::minutes{20});

  [[nodiscard]] Instant now() noexcept { return clock_.now(); }
  [[nodiscard]] base::Random& random() noexcept { return random_; }
  /// What all links together have done so far.
  [[nodiscard]] LinkCounts link_counts() const noexcept;
  /// Of the time and bytes of every frame sent until now.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_hash_; }
  /// The first thing that must not happen: a changed frame, a livelock.
  [[nodiscard]] const std::optional<std::string>& failure() const noexcept { return failure_; }

  /// Hears of every frame sent.
  void on_frame(std::move_only_function<void(const Host&, const Frame&)> observer) {
    on_frame_ = std::move(observer);
  }
  /// Hears of every frame that reaches a host, before the host does.
  void on_arrival(std::move_only_function<void(const Host&, const Frame&)> observer) {
    on_arrival_ = std::move(observer);
  }
  /// Is called around every turn: true before, false after.
  void around_turns(std::move_only_function<void(bool)> observer) {
    around_turns_ = std::move(observer);
  }

 private:
  // No instant takes so many rounds of turns; no host stalls for so long and recovers.
  static constexpr unsigned kRoundsMax = 20'000;
  static constexpr Duration kStallMax = std::chrono::minutes{30};

  [[nodiscard]] bool step(Instant limit);
  void settle();
  void run_turn(Host& host);
  void note_frame(const Host& host, const Frame& frame);
  void fail_with(std::string reason);
  [[nodiscard]] Link& add_link(Link::Sink sink, const LinkParameters& parameters);
  [[nodiscard]] std::unique_ptr<Link> make_link(Link::Sink sink, const LinkParameters& parameters);
  [[nodiscard]] Link::Sink into(Plug plug);
  [[nodiscard]] Link::Sink into(Router& router, std::size_t port);
  [[nodiscard]] Link::Sink into(Switch& ethernet, std::size_t port);
  [[nodiscard]] IpAddress transit_address() noexcept;

  base::Random random_;
  VirtualClock clock_;
  FrameStore frames_;  // Before all that may hold a frame.
  EventSchedule schedule_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<const Link*> all_links_;  // Those of switches and routers, too.
  std::vector<std::unique_ptr<Switch>> switches_;
  std::vector<std::unique_ptr<Router>> routers_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<TapHost>> tap_hosts_;
  std::vector<std::pair<const SimDevice*, Link*>> uplinks_;
  std::move_only_function<void(const Host&, const Frame&)> on_frame_;
  std::move_only_function<void(const Host&, const Frame&)> on_arrival_;
  std::move_only_function<void(bool)> around_turns_;
  std::optional<std::string> failure_;
  std::uint64_t trace_hash_ = 0;
  std::uint8_t transit_addresses_ = 0;
};

}  // namespace millrace::sim
