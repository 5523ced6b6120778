// Texts to values; what makes no sense together is refused with a sentence.
#include "loopback/options.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "control/interface_spec.hpp"
#include "control/option_values.hpp"
#include "loopback/options_together.hpp"
#include "packet/packet_pool.hpp"
#include "wire/ethernet.hpp"

namespace loopback {
namespace {

using millrace::Config;
using millrace::DeviceConfig;
using millrace::Duration;
using millrace::Result;
namespace control = millrace::control;

constexpr std::size_t kSizesMax = 4'096;
constexpr std::uint64_t kInFlightMax = 65'536;
constexpr std::uint64_t kDescriptorsMax = 32'768;
constexpr std::uint64_t kMillion = 1'000'000;
constexpr double kRateMax = 1e9;
constexpr Duration kUsualDuration = std::chrono::seconds{10};
constexpr std::uint32_t kUsualInFlight = 256;
// A stack that stands beside needs no tables to speak of.
constexpr std::uint32_t kFewConnections = 16;

constexpr std::array<std::pair<Mode, std::string_view>, 6> kModes{{{Mode::Tcp, "tcp"},
                                                                   {Mode::Io, "io"},
                                                                   {Mode::MacSwap, "macswap"},
                                                                   {Mode::IcmpEcho, "icmpecho"},
                                                                   {Mode::TxOnly, "txonly"},
                                                                   {Mode::RxOnly, "rxonly"}}};

std::unexpected<std::string> wrong(std::string_view option, std::string_view value,
                                   std::string_view needed) {
  return millrace::fail(
      fmt::format("{}{}{}: {} is needed", option, value.empty() ? "" : " ", value, needed));
}

// One reading of the command line; each step fills in its part.
class OptionReader {
 public:
  OptionReader(const Arguments& arguments, Config config) : given_{arguments} {
    options_.config = std::move(config);
  }

  [[nodiscard]] Result<Options, std::string> read() {
    constexpr std::array kSteps{&OptionReader::read_mode,   &OptionReader::refuse_strangers,
                                &OptionReader::read_ports,  &OptionReader::read_peer,
                                &OptionReader::read_macs,   &OptionReader::read_limits,
                                &OptionReader::read_frames, &OptionReader::read_flight,
                                &OptionReader::read_faults, &OptionReader::read_traffic};
    for (const auto step : kSteps) {
      if (auto done = (this->*step)(); !done) {
        return millrace::fail(std::move(done).error());
      }
    }
    if (auto fits = check_together(given_, options_); !fits) {
      return millrace::fail(std::move(fits).error());
    }
    return std::move(options_);
  }

 private:
  using Step = Result<void, std::string>;

  [[nodiscard]] Step read_mode();
  [[nodiscard]] Step refuse_strangers();
  [[nodiscard]] Step read_ports();
  [[nodiscard]] Step read_peer();
  [[nodiscard]] Step read_macs();
  [[nodiscard]] Step read_limits();
  [[nodiscard]] Step read_frames();
  [[nodiscard]] Step read_flight();
  [[nodiscard]] Step read_faults();
  [[nodiscard]] Step read_traffic();

  [[nodiscard]] bool is(Mode mode) const noexcept { return options_.mode == mode; }
  [[nodiscard]] bool has_ring() const { return options_.config.devices.front().spec == "ring"; }
  /// Reads a number within limits, if it was given.
  template <class Number>
  [[nodiscard]] static Step read_number(const char* name, const std::optional<std::uint64_t>& given,
                                        std::uint64_t least, std::uint64_t most, Number& into) {
    if (given && (*given < least || *given > most)) {
      return wrong(name, std::to_string(*given), fmt::format("{} to {}", least, most));
    }
    into = given ? static_cast<Number>(*given) : into;
    return {};
  }

  const Arguments& given_;
  Options options_;
};

Result<void, std::string> OptionReader::read_mode() {
  const auto mode =
      std::ranges::find(kModes, given_.mode, &std::pair<Mode, std::string_view>::second);
  if (mode == kModes.end()) {
    return wrong("MODE", given_.mode, "tcp, io, macswap, icmpecho, txonly or rxonly");
  }
  options_.mode = mode->first;
  options_.is_alone = given_.is_alone;
  options_.is_json = given_.is_json;
  return {};
}

Result<void, std::string> OptionReader::refuse_strangers() {
  struct Stranger {
    bool is_given;
    bool fits;
    const char* name;
    const char* place;
  };
  const bool is_tcp = is(Mode::Tcp);
  const std::array strangers{
      Stranger{!given_.traffic.empty(), is_tcp, "--traffic", "tcp"},
      Stranger{given_.is_alone, !is_tcp, "--alone", "the modes without stack"},
      Stranger{given_.count.has_value(), !is_tcp, "--count", "the modes without stack"},
      Stranger{given_.burst.has_value(), !is_tcp, "--burst", "the modes without stack"},
      Stranger{!given_.peer_mac.empty(), !is_tcp, "--peer-mac", "the modes without stack"},
      Stranger{given_.loss_timeout.has_value(), !is_tcp, "--loss-timeout",
               "the modes without stack"},
      Stranger{options_.config.cores.size() > 1, is_tcp, "--cores with two processors",
               "tcp; other modes poll both ports from one, so give one, or run two processes"},
  };
  for (const auto& stranger : strangers) {
    if (stranger.is_given && !stranger.fits) {
      return millrace::fail(fmt::format("{}: only for {}", stranger.name, stranger.place));
    }
  }
  return {};
}

Result<void, std::string> OptionReader::read_ports() {
  std::vector<DeviceConfig>& devices = options_.config.devices;
  if (devices.size() > 2) {
    return wrong("--device", fmt::format("{} times", devices.size()), "one, or two");
  }
  const auto has_tag = [](const DeviceConfig& device) {
    const auto interface = control::InterfaceSpec::parse(device.spec);
    return interface && interface->vlan != 0;
  };
  if (!is(Mode::Tcp) && std::ranges::any_of(devices, has_tag)) {
    return millrace::fail(
        std::string{"--device: without a stack frames have no VLAN tag; name it "
                    "without VLAN"});
  }
  const bool is_cable = devices.size() == 1 && has_ring() && !given_.is_plug && !given_.is_alone;
  if (given_.is_plug && (devices.size() != 1 || !has_ring())) {
    return millrace::fail(std::string{
        "--plug: only for --device ring; any other single device is taken to have one"});
  }
  options_.topology = devices.size() == 2 ? Topology::TwoPorts
                      : is_cable          ? Topology::Cable
                                          : Topology::OnePort;
  if (is(Mode::RxOnly) && given_.is_plug) {
    return millrace::fail(
        std::string{"rxonly: on a plug nothing arrives that was not sent; txonly sends, too"});
  }
  options_.is_alone =
      given_.is_alone || (is(Mode::RxOnly) && options_.topology == Topology::OnePort);
  if (given_.is_alone && options_.topology == Topology::TwoPorts &&
      (is(Mode::TxOnly) || is(Mode::RxOnly))) {
    return millrace::fail(fmt::format("--alone: one device is enough for {}", given_.mode));
  }
  if (is(Mode::Tcp) && options_.topology == Topology::OnePort && options_.config.cores.size() > 1) {
    return millrace::fail(std::string{
        "--cores: both stacks share the one port, so one processor runs both; give one"});
  }
  options_.separation.port.is_promiscuous = true;
  return {};
}

/// Who is at the other end of a single device.
Result<void, std::string> OptionReader::read_peer() {
  if (!given_.peer_address.empty()) {
    const auto address = millrace::IpAddress::parse(given_.peer_address);
    if (!address || !address->is_v4() || address->is_unspecified() || address->is_multicast()) {
      return wrong("--peer-address", given_.peer_address, "an IPv4 address such as 198.18.0.2");
    }
    options_.peer_address = *address;
  }
  const bool wants_second = options_.topology == Topology::Cable ||
                            (is(Mode::Tcp) && options_.topology == Topology::OnePort);
  if (wants_second) {
    DeviceConfig second = default_devices(2).back();
    const millrace::IpPrefix own = options_.config.devices.front().addresses.front();
    if (options_.peer_address) {
      second.addresses = {*millrace::IpPrefix::make(*options_.peer_address, own.length())};
    }
    if (!own.contains(second.addresses.front().address()) ||
        own.address() == second.addresses.front().address()) {
      return wrong("--peer-address", second.addresses.front().address().to_string(),
                   fmt::format("another address of {}", own.to_string()));
    }
    options_.separation.second = std::move(second);
    options_.separation.is_cable = options_.topology == Topology::Cable;
  }
  return {};
}

Result<void, std::string> OptionReader::read_macs() {
  std::vector<millrace::MacAddress> macs;
  for (std::string_view rest = given_.macs; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const auto mac = millrace::MacAddress::parse(rest.substr(0, comma));
    if (!mac || mac->is_multicast() || mac->is_zero() || macs.size() == 2) {
      return wrong("--mac", given_.macs, "one or two unicast addresses such as 02:00:00:00:00:01");
    }
    macs.push_back(*mac);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  std::vector<DeviceConfig>& devices = options_.config.devices;
  const std::size_t ports = devices.size() + (options_.separation.second ? 1 : 0);
  if (macs.size() > ports) {
    return wrong("--mac", given_.macs, "one address for each port");
  }
  for (std::size_t i = 0; i < macs.size(); ++i) {
    (i < devices.size() ? devices[i] : *options_.separation.second).mac = macs[i];
  }
  if (!given_.peer_mac.empty()) {
    const auto mac = millrace::MacAddress::parse(given_.peer_mac);
    if (!mac || mac->is_zero()) {
      return wrong("--peer-mac", given_.peer_mac, "an address such as 02:00:00:00:00:02");
    }
    options_.peer_mac = *mac;
  }
  return {};
}

Result<void, std::string> OptionReader::read_limits() {
  options_.period = given_.period;
  if (options_.period != Duration::zero() && options_.period < std::chrono::milliseconds{100}) {
    return wrong("--period", "", "0.1 or more, or 0 for no lines,");
  }
  const auto duration = control::parse_seconds(given_.duration, {.min = 0, .max = 1e6});
  if (!given_.duration.empty() && (!duration || (is(Mode::Tcp) && *duration == Duration::zero()))) {
    return wrong("--duration", given_.duration,
                 is(Mode::Tcp) ? "0.1 to 1000000 seconds" : "0 to 1000000 seconds");
  }
  if (!given_.duration.empty()) {
    options_.duration =
        *duration == Duration::zero() ? std::nullopt : std::optional<Duration>{*duration};
  } else if (!options_.is_alone && !given_.count) {
    options_.duration = kUsualDuration;
  }
  TesterSetup& tester = options_.tester;
  if (given_.loss_timeout && *given_.loss_timeout == Duration::zero()) {
    return wrong("--loss-timeout", "", "more than 0 seconds");
  }
  tester.loss_timeout = given_.loss_timeout.value_or(tester.loss_timeout);
  if (auto read = read_number("--count", given_.count, 1, UINT64_MAX, tester.count); !read) {
    return read;
  }
  if (!given_.rate.empty()) {
    const auto rate = perf::parse_decimal(given_.rate, kRateMax);
    if (!rate || *rate <= 0) {
      return wrong("--rate", given_.rate, "a number above zero, to 1000000000,");
    }
    tester.rate = *rate;
  }
  return {};
}

Result<void, std::string> OptionReader::read_frames() {
  options_.seed = given_.seed.value_or(options_.seed);
  if (given_.verify != "sample" && given_.verify != "all") {
    return wrong("--verify", given_.verify, "sample or all");
  }
  options_.verify = given_.verify == "all" ? perf::Verify::All : perf::Verify::Sample;
  if (is(Mode::Tcp)) {
    return {};
  }
  std::uint16_t mtu = std::numeric_limits<std::uint16_t>::max();
  for (const DeviceConfig& device : options_.config.devices) {
    mtu = std::min(mtu, device.mtu);
  }
  if (!given_.sizes.empty()) {
    // A frame is made in one buffer.
    const auto most = static_cast<std::uint16_t>(std::min<std::uint32_t>(
        mtu + millrace::wire::kEthernetHeaderSize, millrace::packet::CorePools::kDataRoomBytes));
    auto sizes = parse_sizes(given_.sizes, most);
    if (!sizes) {
      return millrace::fail("--size " + given_.sizes + ": " + sizes.error());
    }
    options_.sizes = *std::move(sizes);
  }
  options_.config.max_connections = kFewConnections;
  options_.config.max_udp_sockets = kFewConnections;
  options_.config.idle = millrace::IdlePolicy::Spin;
  return {};
}

Result<void, std::string> OptionReader::read_flight() {
  control::PortSettings& port = options_.separation.port;
  TesterSetup& tester = options_.tester;
  tester.in_flight = kUsualInFlight;
  const std::array<Result<void, std::string>, 5> done{
      read_number("--flows", given_.flows, 1, kFlowsMax, options_.flows),
      read_number("--rx-descriptors", given_.rx_descriptors, 32, kDescriptorsMax,
                  port.rx_descriptors),
      read_number("--tx-descriptors", given_.tx_descriptors, 32, kDescriptorsMax,
                  port.tx_descriptors),
      read_number("--burst", given_.burst, 1, millrace::packet::Burst::kCapacity, tester.burst),
      read_number("--in-flight", given_.in_flight, 1, kInFlightMax, tester.in_flight)};
  for (const auto& step : done) {
    if (!step) {
      return step;
    }
  }
  // On a plug of ours the frames wait in the same ring before and after they were sent back: a full
  // one would stand still.
  const std::uint32_t most = port.rx_descriptors / 2U;
  if (!is(Mode::Tcp) && options_.topology == Topology::OnePort && has_ring() &&
      tester.in_flight > most) {
    if (given_.in_flight) {
      return wrong("--in-flight", std::to_string(tester.in_flight),
                   fmt::format("on a plug at most half of --rx-descriptors, {},", most));
    }
    tester.in_flight = most;
  }
  return {};
}

Result<void, std::string> OptionReader::read_faults() {
  millrace::device::Faults& faults = options_.separation.faults;
  const std::array<Result<void, std::string>, 4> done{
      read_number("--fault-drop", given_.drop, 0, kMillion, faults.drop_ppm),
      read_number("--fault-corrupt", given_.corrupt, 0, kMillion, faults.corrupt_ppm),
      read_number("--fault-duplicate", given_.duplicate, 0, kMillion, faults.duplicate_ppm),
      read_number("--fault-reorder", given_.reorder, 0, kMillion, faults.reorder_ppm)};
  for (const auto& step : done) {
    if (!step) {
      return step;
    }
  }
  return {};
}

/// In tcp flows are connections, frames on their way requests, and a size is a message's.
Result<void, std::string> OptionReader::read_traffic() {
  if (!is(Mode::Tcp)) {
    return {};
  }
  perf::Arguments client;
  client.role = "client";
  client.mode = given_.traffic.empty() ? "stream" : given_.traffic;
  const bool is_stream = client.mode == "stream";
  client.connections = given_.flows;
  client.depth = given_.in_flight;
  client.request_size = given_.sizes;
  client.response_size = given_.sizes;
  client.rate = given_.rate;
  client.duration = given_.duration;
  client.interval = given_.period;
  client.verify = given_.verify;
  client.seed = options_.seed;
  client.json = given_.is_json;
  client.host = (options_.topology == Topology::TwoPorts ? options_.config.devices.back()
                                                         : *options_.separation.second)
                    .addresses.front()
                    .address()
                    .to_string();
  if (client.mode != "stream" && client.mode != "rr" && client.mode != "crr") {
    return wrong("--traffic", client.mode, "stream, rr or crr");
  }
  if (is_stream && (!given_.sizes.empty() || given_.in_flight || !given_.rate.empty())) {
    return millrace::fail(
        std::string{"--size, --in-flight, --rate: in tcp only for --traffic rr and crr"});
  }
  auto read = perf::read_options(client);
  if (!read) {
    return millrace::fail("--traffic " + client.mode + ": " + read.error());
  }
  options_.traffic = *std::move(read);
  return {};
}

}  // namespace

std::string_view to_string(Mode mode) noexcept {
  return std::ranges::find(kModes, mode, &std::pair<Mode, std::string_view>::first)->second;
}

Result<Options, std::string> read_options(const Arguments& arguments, Config config) {
  return OptionReader{arguments, std::move(config)}.read();
}

std::vector<DeviceConfig> default_devices(std::size_t count) {
  std::vector<DeviceConfig> devices(std::clamp<std::size_t>(count, 1, 2));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    devices[i].spec = "ring";
    const auto host = static_cast<std::uint8_t>(i + 1);
    devices[i].addresses.push_back(
        *millrace::IpPrefix::make(millrace::IpAddress::v4(198, 18, 0, host), 24));
  }
  return devices;
}

Result<std::vector<std::uint16_t>, std::string> parse_sizes(std::string_view text,
                                                            std::uint16_t most) {
  const auto failure = [most] {
    return millrace::fail(
        fmt::format("sizes and ranges of them, each {} to {} bytes, 4096 at most, are needed",
                    kFrameBytesMin, most));
  };
  std::vector<std::uint16_t> sizes;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const control::CountLimits limits{.min = kFrameBytesMin, .max = most};
    const auto first = control::parse_count(part.substr(0, dash), limits);
    const auto last = dash == std::string_view::npos
                          ? first
                          : control::parse_count(part.substr(dash + 1), limits);
    if (!first || !last || *last < *first || *last - *first >= kSizesMax - sizes.size()) {
      return failure();
    }
    for (std::uint64_t size = *first; size <= *last; ++size) {
      sizes.push_back(static_cast<std::uint16_t>(size));
    }
    if (comma == std::string_view::npos) {
      return sizes;
    }
    text.remove_prefix(comma + 1);
  }
}

}  // namespace loopback
