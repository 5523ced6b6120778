#include "sim/world.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/contract.hpp"
#include "sim/byte_hash.hpp"

namespace millrace::sim {

namespace {

constexpr std::size_t kHostsMax = 250;
constexpr std::size_t kRoutersMax = 100;

/// Pools must not share a name within the process, and worlds may follow or stand beside each
/// other.
std::string pool_name(const World* world, std::size_t host) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%p.%zu", static_cast<const void*>(world), host);
  return text.data();
}

}  // namespace

Host& World::add_host(HostSetup setup) {
  base::expects(hosts_.size() < kHostsMax);
  const std::size_t index = hosts_.size();
  const HostContext context{.clock = clock_,
                            .schedule = schedule_,
                            .random = random_,
                            .frames = frames_,
                            .pool_name = pool_name(this, index),
                            .number = static_cast<std::uint8_t>(index + 1)};
  hosts_.push_back(std::make_unique<Host>(
      context, std::move(setup),
      HostCallbacks{
          .on_sent = [this, index](const Frame& frame) { note_frame(*hosts_[index], frame); },
          .on_fault = [this](std::string fault) { fail_with(std::move(fault)); }}));
  return *hosts_.back();
}

void World::connect(Plug a, Plug b, const LinkParameters& forth, const LinkParameters& back) {
  Link& up = add_link(into(b), forth);
  Link& down = add_link(into(a), back);
  a.host.nic(a.nic).plug_into(
      [this, &up](Frame frame) { up.send(clock_.now(), std::move(frame)); });
  b.host.nic(b.nic).plug_into(
      [this, &down](Frame frame) { down.send(clock_.now(), std::move(frame)); });
  uplinks_.emplace_back(&a.host.nic(a.nic), &up);
  uplinks_.emplace_back(&b.host.nic(b.nic), &down);
}

Switch& World::add_switch() {
  switches_.push_back(std::make_unique<Switch>());
  return *switches_.back();
}

void World::connect(Plug plug, Switch& to, const LinkParameters& forth,
                    const LinkParameters& back) {
  const std::size_t port = to.add_port(make_link(into(plug), back));
  Link& up = add_link(into(to, port), forth);
  plug.host.nic(plug.nic).plug_into(
      [this, &up](Frame frame) { up.send(clock_.now(), std::move(frame)); });
  uplinks_.emplace_back(&plug.host.nic(plug.nic), &up);
}

Router& World::add_router(RouterSetup setup) {
  base::expects(routers_.size() < kRoutersMax);
  routers_.push_back(std::make_unique<Router>(
      std::move(setup), static_cast<std::uint8_t>(routers_.size() + 1), frames_));
  return *routers_.back();
}

std::size_t World::connect(Plug plug, Router& to, const LinkParameters& forth,
                           const LinkParameters& back) {
  constexpr unsigned kWholeAddress = 32;
  const NicSetup& nic = plug.host.nic_setup(plug.nic);
  base::expects(nic.gateway.has_value());
  const std::size_t port = to.add_port(make_link(into(plug), back), *nic.gateway);
  for (const IpPrefix& address : nic.addresses) {
    to.add_route(*IpPrefix::make(address.address(), kWholeAddress), port,
                 plug.host.nic(plug.nic).capabilities().mac);
  }
  Link& up = add_link(into(to, port), forth);
  plug.host.nic(plug.nic).plug_into(
      [this, &up](Frame frame) { up.send(clock_.now(), std::move(frame)); });
  uplinks_.emplace_back(&plug.host.nic(plug.nic), &up);
  return port;
}

RouterPorts World::connect(Router& a, Router& b, const LinkParameters& forth,
                           const LinkParameters& back) {
  // The ports come to be in this order, so that the other's number is known beforehand.
  const RouterPorts ports{.a = a.ports(), .b = b.ports()};
  static_cast<void>(a.add_port(make_link(into(b, ports.b), forth), transit_address()));
  static_cast<void>(b.add_port(make_link(into(a, ports.a), back), transit_address()));
  return ports;
}

Result<TapHost*, std::string> World::add_tap_host(TapSetup setup) {
  auto tap = Tap::open(setup);
  if (!tap) {
    return fail(std::move(tap.error()));
  }
  return &add_tap_host(*std::move(tap), std::move(setup));
}

TapHost& World::add_tap_host(Tap tap, TapSetup setup) {
  tap_hosts_.push_back(std::make_unique<TapHost>(std::move(tap), std::move(setup), frames_));
  return *tap_hosts_.back();
}

void World::connect(TapHost& host, Switch& to, const LinkParameters& forth,
                    const LinkParameters& back) {
  const std::size_t port =
      to.add_port(make_link([&host](const Frame& frame) { host.arrive(frame); }, back));
  Link& up = add_link(into(to, port), forth);
  host.plug_into([this, &up](Frame frame) { up.send(clock_.now(), std::move(frame)); });
}

std::size_t World::connect(TapHost& host, Router& to, const LinkParameters& forth,
                           const LinkParameters& back) {
  constexpr unsigned kWholeAddress = 32;
  base::expects(host.setup().gateway.has_value());
  const std::size_t port = to.add_port(
      make_link([&host](const Frame& frame) { host.arrive(frame); }, back), *host.setup().gateway);
  to.add_route(*IpPrefix::make(host.setup().address.address(), kWholeAddress), port,
               host.setup().mac);
  Link& up = add_link(into(to, port), forth);
  host.plug_into([this, &up](Frame frame) { up.send(clock_.now(), std::move(frame)); });
  return port;
}

IpAddress World::transit_address() noexcept {
  // RFC 6598's shared space, which no host of a simulation has.
  return IpAddress::v4(100, 64, 0, ++transit_addresses_);
}

void World::at(Duration after, std::move_only_function<void()> action) {
  schedule_.at(clock_.now() + after, std::move(action));
}

void World::set_parameters(Plug plug, const LinkParameters& parameters) {
  uplink(plug).set_parameters(parameters);
}

Link& World::uplink(Plug plug) {
  const auto found = std::ranges::find(uplinks_, &plug.host.nic(plug.nic),
                                       &std::pair<const SimDevice*, Link*>::first);
  base::expects(found != uplinks_.end());
  return *found->second;
}

Result<void, std::string> World::start(Host& host, Start start) {
  host.start();
  host.wake();
  return start ? start(host.worker()) : Result<void, std::string>{};
}

bool World::run_until(std::move_only_function<bool()> condition, Duration limit) {
  const Instant end = clock_.now() + limit;
  settle();
  while (!condition()) {
    if (failure_ || !step(end)) {
      return false;
    }
  }
  return !failure_;
}

void World::run_for(Duration time) {
  const Instant end = clock_.now() + time;
  settle();
  while (!failure_ && step(end)) {
  }
  clock_.advance_to(std::max(end, clock_.now()));
}

bool World::run_until_quiet(Duration limit) {
  const Instant end = clock_.now() + limit;
  settle();
  while (!failure_ && step(end)) {
  }
  return !failure_ && !next_time();
}

Result<void, std::string> World::check_clean(Duration limit) {
  const bool is_quiet = run_until_quiet(limit);
  if (failure_) {
    return fail(*failure_);
  }
  std::string text = is_quiet ? "" : "something is still going to happen; ";
  for (const auto& host : hosts_) {
    if (const std::string left = host->leftovers(); !left.empty()) {
      text += host->name() + " holds " + left + "; ";
    }
  }
  return text.empty() ? Result<void, std::string>{} : fail(std::move(text));
}

bool World::step(Instant limit) {
  const auto next = next_time();
  if (!next || *next > limit) {
    return false;
  }
  clock_.advance_to(std::max(*next, clock_.now()));
  schedule_.run_due(clock_.now());
  for (const auto& host : hosts_) {
    if (const auto turn = host->next_turn(); turn && *turn <= clock_.now()) {
      host->wake();
    }
  }
  settle();
  return true;
}

void World::settle() {
  for (unsigned round = 0; round < kRoundsMax; ++round) {
    bool is_quiet = true;
    for (const auto& host : hosts_) {
      if (host->is_ready()) {
        is_quiet = false;
        run_turn(*host);
      }
    }
    if (schedule_.run_due(clock_.now()) == 0 && is_quiet) {
      return;
    }
  }
  fail_with("livelock: the hosts never become quiet");
}

void World::run_turn(Host& host) {
  if (around_turns_) {
    around_turns_(true);
  }
  host.run_turn();
  if (around_turns_) {
    around_turns_(false);
  }
  if (host.stalled_since() && clock_.now() - *host.stalled_since() > kStallMax) {
    fail_with("livelock: " + host.name() + " has work that it cannot do");
  }
}

std::optional<Instant> World::next_time() const {
  std::optional<Instant> first = schedule_.next_time();
  for (const auto& host : hosts_) {
    const auto turn = host->next_turn();
    if (turn && (!first || *turn < *first)) {
      first = turn;
    }
  }
  return first;
}

void World::note_frame(const Host& host, const Frame& frame) {
  ByteHash hash{trace_hash_};
  hash.add(static_cast<std::uint64_t>(clock_.now().time_since_epoch().count()));
  hash.add(frame);
  trace_hash_ = hash.value();
  if (on_frame_) {
    on_frame_(host, frame);
  }
}

void World::fail_with(std::string reason) {
  if (!failure_) {
    failure_ = std::move(reason);
  }
}

Link& World::add_link(Link::Sink sink, const LinkParameters& parameters) {
  links_.push_back(make_link(std::move(sink), parameters));
  return *links_.back();
}

std::unique_ptr<Link> World::make_link(Link::Sink sink, const LinkParameters& parameters) {
  auto link = std::make_unique<Link>(schedule_, parameters,
                                     base::Random::from_seed(random_.next_u64()), std::move(sink));
  all_links_.push_back(link.get());
  return link;
}

LinkCounts World::link_counts() const noexcept {
  LinkCounts sum;
  for (const Link* const link : all_links_) {
    sum.sent += link->counts().sent;
    for (std::size_t i = 0; i < kFaultCount; ++i) {
      sum.faults[i] += link->counts().faults[i];
    }
  }
  return sum;
}

Link::Sink World::into(Router& router, std::size_t port) {
  return
      [this, &router, port](Frame frame) { router.forward(clock_.now(), port, std::move(frame)); };
}

Link::Sink World::into(Switch& ethernet, std::size_t port) {
  return [this, &ethernet, port](Frame frame) {
    ethernet.forward(clock_.now(), port, std::move(frame));
  };
}

Link::Sink World::into(Plug plug) {
  return [this, &host = plug.host, &nic = plug.host.nic(plug.nic)](const Frame& frame) {
    if (on_arrival_) {
      on_arrival_(host, frame);
    }
    nic.arrive(frame);
  };
}

}  // namespace millrace::sim
