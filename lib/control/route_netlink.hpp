// RouteNetlink: the few requests to the kernel's routing socket that give an interface an address
// and bring it up. What to ask for, and when to take it back, is host_setup's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

namespace millrace::control {

/// A routing socket in the network namespace of the thread that opens it. Failures are errno
/// numbers.
class RouteNetlink {
 public:
  [[nodiscard]] static Result<RouteNetlink, int> open() noexcept;
  RouteNetlink(RouteNetlink&& other) noexcept;
  RouteNetlink& operator=(RouteNetlink&& other) noexcept;
  ~RouteNetlink();

  /// Adds an IPv4 address; the kernel adds the route to its prefix. EEXIST if the interface has it.
  [[nodiscard]] Result<void, int> add_address(unsigned interface_index,
                                              const IpPrefix& address) noexcept;
  [[nodiscard]] Result<void, int> remove_address(unsigned interface_index,
                                                 const IpPrefix& address) noexcept;
  [[nodiscard]] Result<void, int> set_up(unsigned interface_index, bool up) noexcept;

 private:
  explicit RouteNetlink(int descriptor) noexcept : descriptor_{descriptor} {}
  [[nodiscard]] Result<void, int> change_address(std::uint16_t type, std::uint16_t flags,
                                                 unsigned interface_index,
                                                 const IpPrefix& address) noexcept;
  /// Sends one request and waits for its acknowledgment.
  [[nodiscard]] Result<void, int> transact(std::span<const std::byte> request) noexcept;

  int descriptor_ = -1;
};

}  // namespace millrace::control
