// Keeps routes ordered, so that the first match is the longest.
#include "net/route_table.hpp"

#include <algorithm>

namespace millrace::net {

namespace {

bool is_usable_gateway(const IpAddress& gateway, const IpPrefix& destination) noexcept {
  return gateway.is_v4() == destination.address().is_v4() && !gateway.is_unspecified() &&
         !gateway.is_multicast() && !gateway.is_loopback() && !gateway.is_limited_broadcast();
}

}  // namespace

Result<void> RouteTable::add(const IpPrefix& destination, std::uint32_t interface_index,
                             std::optional<IpAddress> gateway) noexcept {
  if (gateway && !is_usable_gateway(*gateway, destination)) {
    return fail(Error::InvalidArgument);
  }
  const auto position = static_cast<std::size_t>(
      std::ranges::find_if(
          routes_,
          [&](const Route& route) { return route.destination.length() < destination.length(); }) -
      routes_.begin());
  if (!routes_.push_back(Route{destination, interface_index, gateway})) {
    return fail(Error::InvalidState);
  }
  std::rotate(routes_.begin() + position, routes_.end() - 1, routes_.end());
  return {};
}

std::optional<NextHop> RouteTable::lookup(const IpAddress& destination,
                                          std::optional<std::uint32_t> only) const noexcept {
  for (const Route& route : routes_) {
    const bool may_be_used = !only || route.interface_index == *only;
    if (may_be_used && route.destination.contains(destination)) {
      return NextHop{.interface_index = route.interface_index,
                     .address = route.gateway.value_or(destination)};
    }
  }
  return std::nullopt;
}

}  // namespace millrace::net
