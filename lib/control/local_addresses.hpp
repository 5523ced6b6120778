// The addresses that the kernel of this machine holds, and whether ours collide with them.
#pragma once

#include <string>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

namespace millrace::control {

struct LocalAddress {
  std::string interface;  ///< The kernel's name for it.
  IpAddress address;
};

/// All IPv4 addresses of the kernel in this network namespace. Empty if they cannot be read.
[[nodiscard]] std::vector<LocalAddress> kernel_addresses();

/// Two owners of one address answer in turns. Error: what was wrong; what would be right.
[[nodiscard]] Result<void, std::string> check_free(const std::vector<IpPrefix>& ours,
                                                   const std::vector<LocalAddress>& kernel);

}  // namespace millrace::control
