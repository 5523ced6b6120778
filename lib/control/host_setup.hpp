// HostSetup: gives the kernel's end of a TAP an address and brings it up, and takes both back at
// the end. It touches nothing else of the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

#include "control/local_addresses.hpp"
#include "control/route_netlink.hpp"

namespace millrace::control {

/// The first host address of the prefix that is not the prefix's own: what the kernel's end is
/// given. Empty if the prefix has no room for a second host.
[[nodiscard]] std::optional<IpPrefix> other_host(const IpPrefix& ours) noexcept;

/// What the kernel's end of `interface` is to be given; a collision is found before anything is
/// started. Error: what was wrong; what would be right.
[[nodiscard]] Result<IpPrefix, std::string> plan_host_address(
    const std::string& interface, const IpPrefix& ours, const std::vector<LocalAddress>& kernel);

/// What to type so that the kernel has an end in `vlan` of `interface`, whose other end has the
/// address `ours`: it takes an interface of its own, which not every kernel can make.
[[nodiscard]] std::string vlan_peer_commands(const std::string& interface, std::uint16_t vlan,
                                             const IpPrefix& ours);

/// What was changed on one interface; undone when it is destroyed. An interface that is gone by
/// then took it along.
class HostSetup {
 public:
  /// Without an address the interface is only brought up: for a device of which VLANs alone are
  /// used. Error: what was wrong; what would be right. Nothing is left changed then.
  [[nodiscard]] static Result<HostSetup, std::string> apply(const std::string& interface,
                                                            const std::optional<IpPrefix>& address);
  HostSetup(HostSetup&& other) noexcept;
  HostSetup& operator=(HostSetup&&) = delete;
  ~HostSetup();

  [[nodiscard]] const std::string& interface() const noexcept { return interface_; }

 private:
  HostSetup(RouteNetlink netlink, std::string interface, unsigned interface_index,
            const std::optional<IpPrefix>& address) noexcept;
  [[nodiscard]] Result<void, std::string> add_address();
  [[nodiscard]] Result<void, std::string> bring_up();

  RouteNetlink netlink_;
  std::string interface_;
  unsigned interface_index_;
  std::optional<IpPrefix> address_;
  bool added_address_ = false;
  bool brought_up_ = false;
};

}  // namespace millrace::control
