// The texts that a program shows about itself: the start-up report, and the counters at the end.
// Values in, text out; collecting the values and printing the text is program's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/config.hpp>
#include <millrace/stats.hpp>

namespace millrace::control {

/// One device, or one VLAN of it, as it was set up.
struct DeviceReport {
  std::string spec;        ///< Of the device: "tap:millrace0".
  std::uint16_t vlan = 0;  ///< 0: without tag.
  std::string driver;      ///< DPDK's name for it.
  MacAddress mac;
  std::uint16_t mtu = 1500;
  bool is_link_up = true;
  bool reflects = false;  ///< What is sent comes back, so nobody else hears it.
  std::vector<IpPrefix> addresses;
  std::optional<IpAddress> gateway;
  std::string offloads;     ///< What was agreed with the driver.
  std::string host_end;     ///< "198.18.0.1/24 on millrace0", or empty.
  std::string host_advice;  ///< Commands that would make an end in the kernel, or empty.
};

/// What the program got.
struct StartReport {
  std::string program;
  std::string versions;  ///< As `--version` prints it.
  std::vector<DeviceReport> devices;
  std::vector<RouteConfig> routes;
  std::vector<unsigned> processors;  ///< One for each worker; empty: one worker that is not pinned.
  std::vector<unsigned> allowed_processors;  ///< Those that this process may use.
  bool sleeps_when_idle = false;
  std::vector<std::string> kept_awake_by;  ///< Devices that are the reason why it does not.
  std::uint64_t packet_bytes = 0;          ///< Memory of all packet pools.
  std::uint32_t packets = 0;               ///< Buffers in them.
  std::string memory_kind;                 ///< "hugepages" or "ordinary pages".
  std::uint32_t max_connections = 0;       ///< Of all workers.
  std::string capture_file;
  std::vector<std::string> suggestions;  ///< `{address}` stands for the first address that others
                                         ///< can reach; without one there is nothing to try.
};

/// Several lines, each ended.
[[nodiscard]] std::string to_text(const StartReport& report);

/// Every counter that is not zero, one a line, sums over the cores, and what is still held.
[[nodiscard]] std::string counters_text(const CoreStats& stats, const CoreUsage& usage);

/// All that a core has counted and holds, zeros included, as one line of JSON:
/// {"core":0,"usage":{...},"stats":{...,"drops":{...}}}, named as in <millrace/stats.hpp>,
/// durations in microseconds.
[[nodiscard]] std::string counters_json(unsigned core, const CoreStats& stats,
                                        const CoreUsage& usage);

/// Adds the counters of another core.
void add(CoreStats& sum, const CoreStats& other) noexcept;
void add(CoreUsage& sum, const CoreUsage& other) noexcept;

/// `text` with `{address}` replaced.
[[nodiscard]] std::string with_address(std::string text, const IpAddress& address);

}  // namespace millrace::control
