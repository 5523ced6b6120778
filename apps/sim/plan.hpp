// Plan: all that a seed decides before its network begins to run, as plain values. Drawing is in
// `draw`, building in `network`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

#include "apps/sim/traits.hpp"
#include "sim/link_parameters.hpp"

namespace swarm {

using millrace::Duration;

/// How an application finishes.
enum class Ending : std::uint8_t {
  Shutdown,        ///< Half closes once all is sent; the connection ends when both have.
  CloseWhenDone,   ///< Closes once all is sent and everything up to the peer's FIN is read.
  CloseAfterSend,  ///< Closes once all is sent and as much received as is expected.
  CloseAfterPeer,  ///< Closes once the peer has finished, never first.
  Abort,           ///< Aborts once it has received `abort_after` bytes.
};

/// What one end of a connection does.
struct EndPlan {
  std::uint64_t seed = 1;  ///< Of the sizes of reads and writes.
  std::uint64_t send_seed = 1;
  std::uint64_t receive_seed = 2;
  std::uint64_t send_bytes = 0;
  std::uint64_t receive_bytes = 0;
  std::uint32_t piece_max = 4'000;  ///< Of reads and writes.
  Duration write_pause{};           ///< After each write.
  Duration read_pause{};            ///< Before each read. Zero: reads all there is at once.
  std::uint64_t stall_at = 0;       ///< Bytes after which it reads nothing for `stall`.
  Duration stall{};
  std::uint32_t urgent_percent = 0;  ///< Of the writes.
  bool uses_buffers = true;          ///< Beside copies.
  bool no_delay = false;
  bool cork = false;  ///< Corked every now and then.
  Ending ending = Ending::Shutdown;
  std::uint64_t abort_after = 0;
  std::optional<millrace::KeepaliveOptions> keepalive{};
  std::string congestion_control{};  ///< Empty: as configured.
  millrace::TcpTuning tuning{};
};

/// One connection, or several in a row.
struct FlowPlan {
  std::size_t client = 0;  ///< Position among the hosts.
  std::size_t server = 1;
  std::uint16_t port = 1'000;
  Duration start_after{};
  EndPlan from_client{};
  EndPlan from_server{};
  bool fast_open = false;  ///< After a connection that fetches the cookie.
  std::uint32_t data_in_syn = 0;

  [[nodiscard]] bool aborts() const noexcept {
    return from_client.ending == Ending::Abort || from_server.ending == Ending::Abort;
  }
};

/// Datagrams one way.
struct UdpPlan {
  std::size_t from = 0;
  std::size_t to = 1;
  std::uint16_t port = 500;
  std::uint32_t datagrams = 0;
  std::uint32_t bytes_max = 0;
  Duration pause{};
  std::uint64_t seed = 1;
  bool may_be_cut = false;  ///< By routers.
};

struct HostPlan {
  millrace::Config config{};
  std::uint16_t mtu = 1'500;
  bool multi_segment = true;
  std::uint32_t rx_ring = 512;
};

/// What happens to the main cable later.
struct MtuChange {
  Duration after{};
  std::uint32_t mtu = 0;
};

enum class Topology : std::uint8_t {
  Cable,   ///< Two hosts.
  Switch,  ///< Several on one segment, each with a bad cable.
  Routed,  ///< Several on both sides of two routers with a bad cable between them.
};

struct Plan {
  std::uint64_t seed = 1;
  Traits traits{};
  Topology topology = Topology::Cable;
  std::vector<HostPlan> hosts{};  ///< In a routed network those with even numbers are on the left.
  millrace::sim::LinkParameters forth{};  ///< The main cable, or every host's.
  millrace::sim::LinkParameters back{};
  bool routers_send_icmp = true;
  std::vector<MtuChange> mtu_changes{};
  std::vector<FlowPlan> flows{};
  std::vector<UdpPlan> datagrams{};

  /// Of connections that are not aborted.
  [[nodiscard]] std::uint64_t payload_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const FlowPlan& flow : flows) {
      sum += flow.aborts() ? 0 : flow.from_client.send_bytes + flow.from_server.send_bytes;
    }
    return sum;
  }
};

}  // namespace swarm
