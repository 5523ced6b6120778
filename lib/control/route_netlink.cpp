// Messages are plain structs that mirror rtnetlink(7): a header, a fixed part and attributes, all
// aligned to four bytes.
#include "control/route_netlink.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/contract.hpp"

namespace millrace::control {

namespace {

constexpr std::uint32_t kSequence = 1;

struct AddressAttribute {
  rtattr header{};
  std::array<std::uint8_t, 4> address{};
};
static_assert(sizeof(AddressAttribute) == 8);

struct AddressRequest {
  nlmsghdr header{};
  ifaddrmsg address{};
  AddressAttribute local;
  AddressAttribute peer;
  AddressAttribute broadcast;
};
static_assert(sizeof(AddressRequest) ==
              sizeof(nlmsghdr) + sizeof(ifaddrmsg) + 3 * sizeof(AddressAttribute));

struct LinkRequest {
  nlmsghdr header{};
  ifinfomsg link{};
};

struct Acknowledgment {
  nlmsghdr header{};
  nlmsgerr error{};
};

AddressAttribute attribute(std::uint16_t type, const IpAddress& address) noexcept {
  AddressAttribute result;
  result.header.rta_len = sizeof(AddressAttribute);
  result.header.rta_type = type;
  result.address = address.v4_bytes();
  return result;
}

nlmsghdr header_of(std::uint16_t type, std::uint16_t flags, std::uint32_t length) noexcept {
  nlmsghdr header{};
  header.nlmsg_len = length;
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  header.nlmsg_seq = kSequence;
  return header;
}

}  // namespace

Result<RouteNetlink, int> RouteNetlink::open() noexcept {
  const int descriptor = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) {
    return fail(errno);
  }
  return RouteNetlink{descriptor};
}

RouteNetlink::RouteNetlink(RouteNetlink&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)} {}

RouteNetlink& RouteNetlink::operator=(RouteNetlink&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

RouteNetlink::~RouteNetlink() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

Result<void, int> RouteNetlink::add_address(unsigned interface_index,
                                            const IpPrefix& address) noexcept {
  return change_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, interface_index, address);
}

Result<void, int> RouteNetlink::remove_address(unsigned interface_index,
                                               const IpPrefix& address) noexcept {
  return change_address(RTM_DELADDR, 0, interface_index, address);
}

Result<void, int> RouteNetlink::set_up(unsigned interface_index, bool up) noexcept {
  LinkRequest request;
  request.header = header_of(RTM_NEWLINK, 0, sizeof(request));
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = static_cast<int>(interface_index);
  request.link.ifi_flags = up ? unsigned{IFF_UP} : 0U;
  request.link.ifi_change = IFF_UP;
  return transact(std::as_bytes(std::span{&request, 1}));
}

Result<void, int> RouteNetlink::change_address(std::uint16_t type, std::uint16_t flags,
                                               unsigned interface_index,
                                               const IpPrefix& address) noexcept {
  base::expects(address.address().is_v4());
  AddressRequest request;
  request.address.ifa_family = AF_INET;
  request.address.ifa_prefixlen = static_cast<std::uint8_t>(address.length());
  request.address.ifa_scope = RT_SCOPE_UNIVERSE;
  request.address.ifa_index = interface_index;
  request.local = attribute(IFA_LOCAL, address.address());
  request.peer = attribute(IFA_ADDRESS, address.address());
  request.broadcast = attribute(IFA_BROADCAST, address.directed_broadcast());
  // Prefixes of 31 and 32 bits have no broadcast address: the message ends before that attribute.
  const bool has_broadcast = address.length() <= 30;
  const std::size_t length =
      has_broadcast ? sizeof(request) : sizeof(request) - sizeof(AddressAttribute);
  request.header = header_of(type, flags, static_cast<std::uint32_t>(length));
  return transact(std::as_bytes(std::span{&request, 1}).first(length));
}

Result<void, int> RouteNetlink::transact(std::span<const std::byte> request) noexcept {
  if (::send(descriptor_, request.data(), request.size(), 0) < 0) {
    return fail(errno);
  }
  Acknowledgment answer;
  ssize_t received = -1;
  do {
    // The kernel quotes the request behind its answer to a failure; what does not fit is cut off.
    received = ::recv(descriptor_, &answer, sizeof(answer), 0);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    return fail(errno);
  }
  if (received < static_cast<ssize_t>(sizeof(answer)) || answer.header.nlmsg_type != NLMSG_ERROR) {
    return fail(EPROTO);
  }
  if (answer.error.error != 0) {
    return fail(-answer.error.error);
  }
  return {};
}

}  // namespace millrace::control
