// Which source port an open gets, whether it may take one that lies in TIME-WAIT, and where its
// sequence numbers begin.
#include "stack/tcp_core.hpp"

namespace millrace::stack {

Result<void> TcpCore::take_local_port(Instant now, FourTuple& tuple,
                                      std::optional<tcp::TimeWaitEntry>& before) noexcept {
  if (tuple.local.port.is_unspecified()) {
    const auto port = choose_port(now, tuple);
    if (!port) {
      return fail(Error::AddressInUse);
    }
    tuple.local.port = *port;
  }
  if (tuple.local == tuple.remote) {
    // Connecting to itself, port to same port, would be a simultaneous open with nobody.
    return fail(Error::InvalidArgument);
  }
  const auto target = find_target(tuple);
  if (!target) {
    return {};
  }
  if (!target->is_time_wait() || !may_open_again(now, target->index())) {
    return fail(Error::AddressInUse);
  }
  before = time_wait_.at(target->index());
  ++stats_.tcp_time_wait_reused;
  remove_time_wait(target->index());
  return {};
}

std::optional<Port> TcpCore::choose_port(Instant now, const FourTuple& tuple) noexcept {
  const auto with = [&tuple](Port port) {
    return FourTuple{.local = {.address = tuple.local.address, .port = port},
                     .remote = tuple.remote};
  };
  const auto is_nobodys = [&](const FourTuple& candidate) {
    return candidate.local != candidate.remote &&
           find_listener_for(candidate.local).generation == 0;
  };
  const auto is_free = [&](Port port) {
    return !find_target(with(port)) && is_nobodys(with(port));
  };
  if (const auto port = ports_.choose(tuple.local.address, tuple.remote, is_free)) {
    return port;
  }
  // Only then one that an older connection to the same peer has used.
  return ports_.choose(tuple.local.address, tuple.remote, [&](Port port) {
    const auto target = find_target(with(port));
    return target && target->is_time_wait() && may_open_again(now, target->index()) &&
           is_nobodys(with(port));
  });
}

bool TcpCore::is_port_in_use(const Endpoint& local) noexcept {
  const auto is_at = [&local](const FourTuple& tuple) {
    return tuple.local.port == local.port &&
           (local.address.is_unspecified() || tuple.local.address == local.address);
  };
  bool found = false;
  connections_.for_each([&](const ConnectionSlot& slot) {
    found = found || (slot.phase != Phase::Over && is_at(slot.connection.tuple()));
  });
  time_wait_.for_each(
      [&](const tcp::TimeWaitEntry& entry) { found = found || is_at(entry.tuple); });
  return found;
}

bool TcpCore::may_open_again(Instant now, std::uint32_t time_wait) const noexcept {
  return config_.tcp.reuse_time_wait && time_wait_.may_open_again(time_wait, now);
}

tcp::SeqNum TcpCore::choose_iss(Instant now, const FourTuple& tuple,
                                std::optional<tcp::SeqNum> iss_floor) noexcept {
  const tcp::SeqNum iss = isns_.next(tuple, now);
  if (!iss_floor || iss.is_after(*iss_floor)) {
    return iss;
  }
  // RFC 9293 §3.6.1, MAY-2: beyond everything that the connection before it has sent.
  return *iss_floor + 64'000 + random_.below(64'000);
}

}  // namespace millrace::stack
