// Each check answers for itself; the first that has something to say is heard.
#include "loopback/options_together.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "control/interface_spec.hpp"

namespace loopback {
namespace {

using millrace::Config;
using millrace::DeviceConfig;
using millrace::MacAddress;
using millrace::Result;

using Checked = Result<void, std::string>;

/// What would be without effect, and would look as if it had one.
Checked check_effects(const Arguments& given, const Options& options) {
  struct Idle {
    bool is_given;
    bool has_effect;
    const char* what;
  };
  const bool sends = options.sends();
  const bool has_one = options.topology == Topology::OnePort;
  const std::array idles{
      Idle{given.count.has_value(), sends, "--count: this end sends no frames"},
      Idle{!given.rate.empty(), sends, "--rate: this end sends no frames"},
      Idle{!given.sizes.empty(), sends, "--size: this end sends no frames"},
      Idle{given.flows.has_value(), sends, "--flows: this end sends no frames"},
      Idle{given.burst.has_value(), sends, "--burst: this end sends no frames"},
      Idle{given.in_flight.has_value(), sends, "--in-flight: this end sends no frames"},
      Idle{given.loss_timeout.has_value(), sends, "--loss-timeout: this end sends no frames"},
      Idle{!given.peer_mac.empty(), sends && has_one,
           "--peer-mac: only for one port that sends; of two ports each has its own --mac"},
      Idle{!given.peer_address.empty(), sends && options.topology != Topology::TwoPorts,
           "--peer-address: not with two devices, which have an --address each, and only for who "
           "sends"},
  };
  for (const Idle& one : idles) {
    if (one.is_given && !one.has_effect) {
      return millrace::fail(std::string{one.what});
    }
  }
  return {};
}

Checked check_devices(const Arguments&, const Options& options) {
  const auto& devices = options.config.devices;
  if (devices.size() == 2) {
    const auto first = millrace::control::InterfaceSpec::parse(devices[0].spec);
    const auto second = millrace::control::InterfaceSpec::parse(devices[1].spec);
    if (first && second && first->device == second->device) {
      return millrace::fail(
          fmt::format("--device: {} is there twice; each port needs a device of its own, and two "
                      "VLANs of one are one port",
                      first->device));
    }
  }
  // Two processors would write one file at the same time.
  if (!options.config.capture_file.empty() && options.config.cores.size() > 1) {
    return millrace::fail(
        std::string{"--capture: only with one processor, so give one with --cores"});
  }
  return {};
}

/// The second stack's address was not in the configuration that was looked at.
Checked check_second(const Arguments& given, const Options& options) {
  if (!options.separation.second) {
    return {};
  }
  Config other = options.config;
  other.devices = {*options.separation.second};
  if (const auto valid = other.validate(); !valid) {
    const auto address = options.separation.second->addresses.front().address();
    return millrace::fail(fmt::format("{} {}: {}",
                                      given.peer_address.empty() ? "--address" : "--peer-address",
                                      address.to_string(), valid.error().problem));
  }
  return {};
}

/// Frames of the one would be taken for the other's.
Checked check_identities(const Arguments&, const Options& options) {
  const DeviceConfig& first = options.config.devices.front();
  std::optional<MacAddress> other = options.peer_mac;
  if (options.separation.second) {
    other = options.separation.second->mac;
  } else if (options.topology == Topology::TwoPorts) {
    other = options.config.devices.back().mac;
  } else if (!other) {
    other = kUsualPeerMac;
  }
  if (!options.sends()) {
    return {};
  }
  if (first.mac && first.mac == other) {
    return millrace::fail(
        fmt::format("--mac {}: both ends have it; another one is needed, or "
                    "another --peer-mac",
                    first.mac->to_string()));
  }
  if (options.peer_address == first.addresses.front().address()) {
    return millrace::fail(fmt::format("--peer-address {}: both ends have it; another one is needed",
                                      options.peer_address->to_string()));
  }
  return {};
}

}  // namespace

Checked check_together(const Arguments& given, const Options& options) {
  constexpr std::array kChecks{check_effects, check_devices, check_second, check_identities};
  for (const auto check : kChecks) {
    if (Checked checked = check(given, options); !checked) {
      return checked;
    }
  }
  return {};
}

}  // namespace loopback
