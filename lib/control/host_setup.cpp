// Each change is noted as it is made, so that exactly these are undone. An address or a link state
// that was there before stays as it was.
#include "control/host_setup.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {

namespace {

constexpr std::string_view kAdvice = "--no-host-setup leaves it to you";

std::string reason(int error) { return std::generic_category().message(error); }

std::uint32_t to_number(const IpAddress& address) noexcept {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : address.v4_bytes()) {
    number = number << 8U | byte;
  }
  return number;
}

IpAddress to_address(std::uint32_t number) noexcept {
  return IpAddress::v4(
      static_cast<std::uint8_t>(number >> 24U), static_cast<std::uint8_t>(number >> 16U & 0xffU),
      static_cast<std::uint8_t>(number >> 8U & 0xffU), static_cast<std::uint8_t>(number & 0xffU));
}

/// Whether the interface is up; empty if it cannot be asked.
std::optional<bool> is_up(const std::string& interface) noexcept {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return std::nullopt;
  }
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  const int outcome = ::ioctl(descriptor, SIOCGIFFLAGS, &request);
  ::close(descriptor);
  if (outcome != 0) {
    return std::nullopt;
  }
  return (request.ifr_flags & IFF_UP) != 0;
}

/// Frames that may wait in the kernel for us. Its default of 1,000 is less than a thousand clients
/// send at once, and what is lost there costs them a second each. Without it things work, only
/// slower, so a refusal is no failure.
void lengthen_queue(const std::string& interface) noexcept {
  constexpr int kFrames = 10'000;
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return;
  }
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_qlen = kFrames;
  static_cast<void>(::ioctl(descriptor, SIOCSIFTXQLEN, &request));
  ::close(descriptor);
}

}  // namespace

std::optional<IpPrefix> other_host(const IpPrefix& ours) noexcept {
  if (!ours.address().is_v4() || ours.length() > 31) {
    return std::nullopt;
  }
  // RFC 3021: both addresses of a prefix of 31 bits are hosts.
  const std::uint32_t first = to_number(ours.network()) + (ours.length() == 31 ? 0U : 1U);
  const IpAddress candidate = to_address(first);
  const IpAddress chosen = candidate == ours.address() ? to_address(first + 1) : candidate;
  const Result<IpPrefix> prefix = IpPrefix::make(chosen, ours.length());
  return prefix ? std::optional{*prefix} : std::nullopt;
}

Result<IpPrefix, std::string> plan_host_address(const std::string& interface, const IpPrefix& ours,
                                                const std::vector<LocalAddress>& kernel) {
  const std::optional<IpPrefix> planned = other_host(ours);
  if (!planned) {
    return fail(fmt::format(
        "--address: {} leaves no address for the kernel's end of {}; give a shorter prefix, or "
        "{}",
        ours.to_string(), interface, kAdvice));
  }
  for (const LocalAddress& taken : kernel) {
    if (taken.address == planned->address() && taken.interface != interface) {
      return fail(
          fmt::format("--address: {} is meant for the kernel's end of {}, but {} has it already; "
                      "give an address "
                      "of another network, or {}",
                      taken.address.to_string(), interface, taken.interface, kAdvice));
    }
  }
  return *planned;
}

std::string vlan_peer_commands(const std::string& interface, std::uint16_t vlan,
                               const IpPrefix& ours) {
  const std::string usual = fmt::format("{}.{}", interface, vlan);
  const std::string name = usual.size() < IFNAMSIZ ? usual : fmt::format("vlan{}", vlan);
  const std::optional<IpPrefix> theirs = other_host(ours);
  const std::string address =
      theirs ? fmt::format("ip address add {} dev {} && ", theirs->to_string(), name) : "";
  return fmt::format("ip link add link {} name {} type vlan id {} && {}ip link set {} up",
                     interface, name, vlan, address, name);
}

Result<HostSetup, std::string> HostSetup::apply(const std::string& interface,
                                                const std::optional<IpPrefix>& address) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) {
    return fail(fmt::format("cannot set up {}: {}; {}", interface, reason(errno), kAdvice));
  }
  Result<RouteNetlink, int> netlink = RouteNetlink::open();
  if (!netlink) {
    return fail(
        fmt::format("cannot set up {}: {}; {}", interface, reason(netlink.error()), kAdvice));
  }
  HostSetup setup{*std::move(netlink), interface, index, address};
  lengthen_queue(interface);
  if (auto added = setup.add_address(); !added) {
    return fail(std::move(added).error());
  }
  if (auto up = setup.bring_up(); !up) {
    return fail(std::move(up).error());
  }
  return setup;
}

HostSetup::HostSetup(RouteNetlink netlink, std::string interface, unsigned interface_index,
                     const std::optional<IpPrefix>& address) noexcept
    : netlink_{std::move(netlink)},
      interface_{std::move(interface)},
      interface_index_{interface_index},
      address_{address} {}

HostSetup::HostSetup(HostSetup&& other) noexcept
    : netlink_{std::move(other.netlink_)},
      interface_{std::move(other.interface_)},
      interface_index_{other.interface_index_},
      address_{other.address_},
      added_address_{std::exchange(other.added_address_, false)},
      brought_up_{std::exchange(other.brought_up_, false)} {}

HostSetup::~HostSetup() {
  // Nobody is left to tell of a failure, and the interface may be gone: both are fine.
  if (std::exchange(added_address_, false)) {
    static_cast<void>(netlink_.remove_address(interface_index_, *address_));
  }
  if (std::exchange(brought_up_, false)) {
    static_cast<void>(netlink_.set_up(interface_index_, false));
  }
}

Result<void, std::string> HostSetup::add_address() {
  if (!address_) {
    return {};
  }
  const Result<void, int> added = netlink_.add_address(interface_index_, *address_);
  if (!added && added.error() != EEXIST) {
    return fail(fmt::format("cannot give {} the address {}: {}; {}", interface_,
                            address_->to_string(), reason(added.error()), kAdvice));
  }
  added_address_ = added.has_value();
  return {};
}

Result<void, std::string> HostSetup::bring_up() {
  if (is_up(interface_).value_or(false)) {
    return {};
  }
  if (const Result<void, int> up = netlink_.set_up(interface_index_, true); !up) {
    return fail(fmt::format("cannot bring {} up: {}; {}", interface_, reason(up.error()), kAdvice));
  }
  brought_up_ = true;
  return {};
}

}  // namespace millrace::control
