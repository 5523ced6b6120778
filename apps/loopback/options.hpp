// What the command line of millrace-loopback means, from the texts it was given. What all Millrace
// programs share is left to `control::SharedOptions`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include <millrace/config.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "control/instance.hpp"
#include "loopback/tester.hpp"
#include "perf/options.hpp"
#include "perf/pattern.hpp"

namespace loopback {

enum class Mode : std::uint8_t { Tcp, Io, MacSwap, IcmpEcho, TxOnly, RxOnly };

/// As on the command line: "macswap".
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;

/// As typed; empty: not given.
struct Arguments {
  std::string mode{};
  bool is_plug = false;
  bool is_alone = false;
  bool is_json = false;
  std::string duration{};
  millrace::Duration period = std::chrono::seconds{1};
  std::optional<std::uint64_t> count{};
  std::string rate{};
  std::string sizes{};
  std::optional<std::uint64_t> burst{};
  std::optional<std::uint64_t> in_flight{};
  std::optional<std::uint64_t> flows{};
  std::optional<std::uint64_t> rx_descriptors{};
  std::optional<std::uint64_t> tx_descriptors{};
  std::string macs{};
  std::string peer_mac{};
  std::string peer_address{};
  std::optional<millrace::Duration> loss_timeout{};
  std::string verify = "all";
  std::optional<std::uint64_t> seed{};
  std::string traffic{};
  std::optional<std::uint64_t> drop{};
  std::optional<std::uint64_t> corrupt{};
  std::optional<std::uint64_t> duplicate{};
  std::optional<std::uint64_t> reorder{};
};

/// Where the frames go.
enum class Topology : std::uint8_t {
  Cable,     ///< The two ends of a ring, port 0 and port 1.
  TwoPorts,  ///< Two devices with a cable between them.
  OnePort,   ///< One device: what it sends comes back, by a plug or by somebody who sends it back.
};

/// The other identity of a single port, where nothing is said.
inline constexpr millrace::MacAddress kUsualPeerMac{{0x02, 0, 0, 0, 0, 0x02}};

/// Ready to use.
struct Options {
  Mode mode = Mode::Io;
  Topology topology = Topology::Cable;
  bool is_alone = false;  ///< Does what the mode says, and tests nothing itself.
  bool is_json = false;
  std::optional<millrace::Duration> duration{};  ///< Empty: until it is stopped.
  millrace::Duration period{};                   ///< Between lines; zero: none.
  std::vector<std::uint16_t> sizes{64};          ///< Bytes of frames, in turn.
  std::uint16_t flows = 1;
  TesterSetup tester{};
  perf::Verify verify = perf::Verify::All;
  std::uint64_t seed = 1;
  std::optional<millrace::MacAddress> peer_mac{};
  std::optional<millrace::IpAddress> peer_address{};
  millrace::Config config{};  ///< With what this program wants of it.
  millrace::control::Separation separation{};
  perf::Options traffic{};  ///< tcp: the client's.

  [[nodiscard]] bool is_tcp() const noexcept { return mode == Mode::Tcp; }
  /// Whether frames of a test begin here, or a stack's.
  [[nodiscard]] bool sends() const noexcept {
    const bool is_source = mode == Mode::TxOnly || !is_alone;
    return is_source && !(mode == Mode::RxOnly && topology == Topology::OnePort);
  }
};

/// Declares them all.
void declare_options(CLI::App& app, Arguments& arguments);

/// `config` is what the shared options have come to. The error is a sentence that says what would
/// be right.
[[nodiscard]] millrace::Result<Options, std::string> read_options(const Arguments& arguments,
                                                                  millrace::Config config);

/// What devices are called, and what they have, where nothing is said: one, or the first and the
/// second of two.
[[nodiscard]] std::vector<millrace::DeviceConfig> default_devices(std::size_t count);

/// "64", "64,512,1514" or "64-128" in bytes, each from the least to the most of a frame; at most
/// 4096 in all.
[[nodiscard]] millrace::Result<std::vector<std::uint16_t>, std::string> parse_sizes(
    std::string_view text, std::uint16_t most);

}  // namespace loopback
