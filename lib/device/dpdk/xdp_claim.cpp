// A name in the abstract namespace of Unix sockets: it exists once in a network namespace, as an
// interface's index does, and goes with the process.
#include "device/dpdk/xdp_claim.hpp"

#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace millrace::device {

Result<XdpClaim, std::string> XdpClaim::take(const DeviceSpec& spec) {
  OwnDescriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const std::string name = "millrace-af_xdp-" + std::to_string(::if_nametoindex(spec.name.c_str()));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!socket || ::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return fail(errno == EADDRINUSE ? "another program has " + spec.text +
                                          ": end that one, or name another interface"
                                    : "cannot claim " + spec.text + ": " + std::strerror(errno));
  }
  return XdpClaim{std::move(socket)};
}

}  // namespace millrace::device
