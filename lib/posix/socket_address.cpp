#include "posix/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace millrace::posix {

sa_family_t family_of(const sockaddr* address) noexcept {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, &address->sa_family, sizeof(family));
  return family;
}

Endpoint endpoint_of(const sockaddr* address) noexcept {
  sockaddr_in ipv4{};
  std::memcpy(&ipv4, address, sizeof(ipv4));
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &ipv4.sin_addr, bytes.size());
  return {.address = ipv4.sin_addr.s_addr == INADDR_ANY ? IpAddress{} : IpAddress::v4(bytes),
          .port = Port{ntohs(ipv4.sin_port)}};
}

Result<Endpoint, int> endpoint_to_bind(const sockaddr* address, socklen_t length) noexcept {
  if (address == nullptr) {
    return fail(EFAULT);
  }
  if (length < sizeof(sockaddr_in)) {
    return fail(EINVAL);
  }
  const Endpoint wanted = endpoint_of(address);
  const sa_family_t family = family_of(address);
  if (family != AF_INET && !(family == AF_UNSPEC && wanted.address.is_unspecified())) {
    return fail(EAFNOSUPPORT);
  }
  return wanted;
}

int put_endpoint(const Endpoint& endpoint, sockaddr* address, socklen_t* length) noexcept {
  if (address == nullptr || length == nullptr) {
    return -EFAULT;
  }
  if (static_cast<int>(*length) < 0) {
    return -EINVAL;
  }
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(endpoint.port.number());
  if (endpoint.address.is_v4()) {
    const auto bytes = endpoint.address.v4_bytes();
    std::memcpy(&ipv4.sin_addr, bytes.data(), bytes.size());
  }
  std::memcpy(address, &ipv4, std::min<std::size_t>(*length, sizeof(ipv4)));
  *length = sizeof(ipv4);
  return 0;
}

}  // namespace millrace::posix
