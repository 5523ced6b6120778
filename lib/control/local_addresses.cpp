// Reads them from the C library; IPv6 ones cannot collide, as ours are IPv4.
#include "control/local_addresses.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>

#include <fmt/format.h>

namespace millrace::control {

namespace {

struct FreeAddresses {
  void operator()(ifaddrs* first) const noexcept { ::freeifaddrs(first); }
};

IpAddress ipv4_of(const sockaddr* address) noexcept {
  sockaddr_in ipv4{};
  std::memcpy(&ipv4, address, sizeof(ipv4));
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &ipv4.sin_addr, bytes.size());
  return IpAddress::v4(bytes);
}

}  // namespace

std::vector<LocalAddress> kernel_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) {
    return {};
  }
  const std::unique_ptr<ifaddrs, FreeAddresses> owner{first};
  std::vector<LocalAddress> found;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET) {
      found.push_back({entry->ifa_name, ipv4_of(entry->ifa_addr)});
    }
  }
  return found;
}

Result<void, std::string> check_free(const std::vector<IpPrefix>& ours,
                                     const std::vector<LocalAddress>& kernel) {
  for (const IpPrefix& prefix : ours) {
    for (const LocalAddress& taken : kernel) {
      if (taken.address == prefix.address()) {
        return fail(fmt::format(
            "--address: {} belongs to this machine's {} already; give one that nobody has",
            taken.address.to_string(), taken.interface));
      }
    }
  }
  return {};
}

}  // namespace millrace::control
