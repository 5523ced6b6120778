// RouteTable: which interface and which next hop lead to a destination. Whether the next hop
// answers is left to the neighbor table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <millrace/address.hpp>
#include <millrace/config.hpp>
#include <millrace/error.hpp>

#include "base/fixed_vector.hpp"

namespace millrace::net {

struct NextHop {
  std::uint32_t interface_index = 0;
  IpAddress address;  ///< The destination itself when it is on the link.

  friend constexpr bool operator==(const NextHop&, const NextHop&) noexcept = default;
};

/// Bounded; longest prefix first. A host has a handful of routes, for which a walk over an ordered
/// array is the fastest.
class RouteTable {
 public:
  static constexpr std::size_t kMaxRoutes = Config::kMaxRoutes;

  /// Without a gateway the destination is on the link. Of two routes to the same prefix the first
  /// one added wins. Errors: InvalidArgument when the gateway is no unicast address of the
  /// destination's family, InvalidState when the table is full.
  [[nodiscard]] Result<void> add(const IpPrefix& destination, std::uint32_t interface_index,
                                 std::optional<IpAddress> gateway = {}) noexcept;

  /// The longest match among all routes, or among those of interface `only`.
  [[nodiscard]] std::optional<NextHop> lookup(
      const IpAddress& destination, std::optional<std::uint32_t> only = {}) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return routes_.size(); }

 private:
  struct Route {
    IpPrefix destination;
    std::uint32_t interface_index = 0;
    std::optional<IpAddress> gateway;
  };

  base::FixedVector<Route, kMaxRoutes>
      routes_;  // By falling prefix length, then in order of arrival.
};

}  // namespace millrace::net
