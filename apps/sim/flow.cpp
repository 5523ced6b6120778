#include "apps/sim/flow.hpp"

#include <algorithm>

#include "apps/sim/stream.hpp"

namespace swarm {

using millrace::Error;
using millrace::Result;
using millrace::TcpSocket;
using millrace::Worker;
using namespace std::chrono_literals;

Flow::Flow(const FlowPlan& plan, millrace::sim::Host& client, millrace::sim::Host& server,
           WireObserver& observer)
    : plan_{plan}, client_{client}, server_{server}, observer_{observer} {}

void Flow::start(millrace::sim::World& world) {
  world.call(server_, [this](Worker& worker) {
    const auto listener = worker.listen({.port = millrace::Port{plan_.port},
                                         .fast_open = plan_.fast_open ? 16U : 0U,
                                         .tuning = plan_.from_server.tuning},
                                        acceptor_);
    dialer_.given_up = listener ? std::optional<Error>{} : listener.error();
  });
  world.call(client_, [this](Worker& worker) {
    static_cast<void>(worker.after(plan_.start_after, [this] { dialer_.dial(); }));
  });
}

void Flow::Dialer::dial() {
  Worker& worker = flow.client_.worker();
  millrace::ConnectOptions options{.tuning = flow.plan_.from_client.tuning};
  if (flow.plan_.fast_open) {
    options.fast_open = true;
    data_in_syn.resize(flow.plan_.data_in_syn);
    write_stream(flow.plan_.from_client.send_seed, 0, data_in_syn);
    options.data = data_in_syn;
  }
  const auto socket = worker.connect(
      {.address = flow.server_.address(), .port = millrace::Port{flow.plan_.port}}, *this, options);
  if (!socket) {
    on_closed({}, millrace::fail(socket.error()));
  }
}

void Flow::Dialer::on_connected(TcpSocket socket) {
  talkers.push_back(std::make_unique<Talker>(
      flow.client_.worker(), flow.plan_.from_client,
      [this](TcpSocket open) { flow.observer_.watch(flow.plan_.client, open); }));
  Talker& talker = *talkers.back();
  talker.note_sent(data_in_syn.size());
  talker.on_end([this] { flow.dial_again_if_due(); });
  static_cast<void>(socket.set_handler(talker));
  talker.on_connected(socket);
}

void Flow::Dialer::on_closed(TcpSocket, Result<void> outcome) {
  const Error reason = outcome ? Error::ConnectionAborted : outcome.error();
  const bool may_pass = reason == Error::HostUnreachable || reason == Error::TimedOut ||
                        reason == Error::OutOfPackets || reason == Error::OutOfConnections;
  if (!may_pass || ++failures > kFailuresMax) {
    given_up = reason;
    return;
  }
  static_cast<void>(flow.client_.worker().after(1s, [this] { dial(); }));
}

bool Flow::has_lost_its_cookie() const noexcept {
  // RFC 4987 §3.6: a server that remembers nothing of a SYN needs the very next segment to make the
  // connection from. When that is lost or late it refuses all that follow.
  return has_cookies() && !plan_.aborts() &&
         dialer_.talkers.back()->outcome() ==
             Result<void>{millrace::fail(Error::ConnectionReset)} &&
         dialer_.talkers.back()->received() == 0;
}

bool Flow::has_cookies() const noexcept {
  return server_.config().tcp.syn_cookies == millrace::SynCookies::Always;
}

void Flow::dial_again_if_due() {
  if (has_lost_its_cookie() && ++dialer_.failures < kFailuresMax) {
    dialer_.unlucky.push_back(std::move(dialer_.talkers.back()));
    dialer_.talkers.pop_back();
    static_cast<void>(client_.worker().after(10ms, [this] { dialer_.dial(); }));
    return;
  }
  if (dialer_.talkers.size() < rounds() && *dialer_.talkers.back()->outcome()) {
    static_cast<void>(client_.worker().after(10ms, [this] { dialer_.dial(); }));
  }
}

void Flow::Acceptor::on_accepted(TcpSocket socket) {
  talkers.push_back(std::make_unique<Talker>(
      flow.server_.worker(), flow.plan_.from_server,
      [this](TcpSocket open) { flow.observer_.watch(flow.plan_.server, open); }));
  static_cast<void>(socket.set_handler(*talkers.back()));
  talkers.back()->on_accepted(socket);
}

bool Flow::is_done() const noexcept {
  if (dialer_.given_up) {
    return true;
  }
  const auto has_ended = [](const auto& one) { return one->outcome().has_value(); };
  const bool is_client_done =
      !dialer_.talkers.empty() && std::ranges::all_of(dialer_.talkers, has_ended) &&
      (dialer_.talkers.size() == rounds() || !*dialer_.talkers.back()->outcome());
  return is_client_done && (plan_.aborts() || acceptor_.talkers.size() >= rounds()) &&
         std::ranges::all_of(acceptor_.talkers, has_ended);
}

std::uint64_t Flow::progress() const noexcept {
  std::uint64_t sum = dialer_.failures;
  for_each_talker([&](const Talker& one, std::size_t) {
    sum += 1 + one.sent() + one.received() + (one.outcome() ? 1 : 0);
  });
  return sum;
}

bool Flow::rests() const noexcept {
  bool rests = false;
  for_each_talker([&](const Talker& one, std::size_t) { rests = rests || one.has_stalled(); });
  return rests;
}

std::uint64_t Flow::received() const noexcept {
  std::uint64_t sum = 0;
  for_each_talker([&](const Talker& one, std::size_t) { sum += one.received(); });
  return sum;
}

std::string Flow::verdict() const {
  if (dialer_.given_up) {
    return "never connected: " + std::string{to_string(*dialer_.given_up)};
  }
  if (dialer_.talkers.empty()) {
    return "never connected";
  }
  for (const auto& one : dialer_.talkers) {
    if (std::string text = one->verdict(plan_.aborts()); !text.empty()) {
      return "client: " + text;
    }
  }
  return server_verdict();
}

std::string Flow::server_verdict() const {
  std::size_t sound = 0;
  for (const auto& one : acceptor_.talkers) {
    const std::string text = one->verdict(plan_.aborts());
    // RFC 7413 §2.1: data in a SYN may arrive twice, and then as a connection of its own, which
    // its client refuses.
    const bool is_replay = (plan_.fast_open || has_cookies()) && one->problem().empty() &&
                           one->outcome() && !*one->outcome();
    if (!text.empty() && !is_replay) {
      return "server: " + text;
    }
    sound += text.empty() ? 1 : 0;
  }
  if (sound < rounds() && !plan_.aborts()) {
    return "server: " + std::to_string(sound) + " connections instead of " +
           std::to_string(rounds());
  }
  return {};
}

}  // namespace swarm
