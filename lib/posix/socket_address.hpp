// Between `struct sockaddr` as a caller hands it over and an Endpoint.
#pragma once

#include <sys/socket.h>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>

namespace millrace::posix {

/// The family that is said first; the address is there and long enough for that.
[[nodiscard]] sa_family_t family_of(const sockaddr* address) noexcept;

/// An IPv4 address and its port; the unspecified one is `::`. The address is a `sockaddr_in` at
/// least.
[[nodiscard]] Endpoint endpoint_of(const sockaddr* address) noexcept;

/// What a socket is to be bound to, looked at in Linux's order. Error: EFAULT, EINVAL or
/// EAFNOSUPPORT.
[[nodiscard]] Result<Endpoint, int> endpoint_to_bind(const sockaddr* address,
                                                     socklen_t length) noexcept;

/// Writes as much as fits into `*length` bytes and says in it how much there was. Zero, -EFAULT or
/// -EINVAL.
[[nodiscard]] int put_endpoint(const Endpoint& endpoint, sockaddr* address,
                               socklen_t* length) noexcept;

}  // namespace millrace::posix
