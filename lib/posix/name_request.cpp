#include "posix/name_request.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

namespace millrace::posix {

namespace {

constexpr int kFlags = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | AI_ADDRCONFIG |
                       AI_V4MAPPED | AI_ALL | AI_IDN | AI_CANONIDN;

/// What a socket may be, in the order in which glibc lists them.
struct KnownKind {
  int type;
  int protocol;
  const char* name;  // As /etc/services knows it.
  bool is_usual;     // Listed when nothing is said.
  bool takes_any;    // Any protocol, and no service by name.
};
constexpr std::array<KnownKind, 7> kKnownKinds{{
    {SOCK_STREAM, IPPROTO_TCP, "tcp", true, false},
    {SOCK_DGRAM, IPPROTO_UDP, "udp", true, false},
    {SOCK_DCCP, IPPROTO_DCCP, "dccp", false, false},
    {SOCK_DGRAM, IPPROTO_UDPLITE, "udplite", false, false},
    {SOCK_STREAM, IPPROTO_SCTP, "sctp", false, false},
    {SOCK_SEQPACKET, IPPROTO_SCTP, "sctp", false, false},
    {SOCK_RAW, 0, "raw", true, true},
}};

struct Wish {
  int type = 0;
  int protocol = 0;

  [[nodiscard]] bool is_open() const noexcept { return type == 0 && protocol == 0; }
  [[nodiscard]] bool allows(const KnownKind& kind) const noexcept {
    return (type == 0 || type == kind.type) &&
           (protocol == 0 || kind.takes_any || protocol == kind.protocol);
  }
};

std::optional<std::uint16_t> port_of(const char* service, const char* protocol) {
  std::array<char, 4'096> buffer{};
  servent entry{};
  servent* found = nullptr;
  const int status =
      ::getservbyname_r(service, protocol, &entry, buffer.data(), buffer.size(), &found);
  return status == 0 && found != nullptr ? std::optional{static_cast<std::uint16_t>(found->s_port)}
                                         : std::nullopt;
}

using Kinds = std::vector<NameRequest::Kind>;

/// One kind if anything is said of it, else all that are usual.
Kinds kinds_on(std::uint16_t port, const Wish& wish, const KnownKind& first) {
  if (!wish.is_open()) {
    return {{.type = first.type,
             .protocol = first.takes_any ? wish.protocol : first.protocol,
             .port = port}};
  }
  Kinds kinds;
  for (const KnownKind& kind : kKnownKinds) {
    if (kind.is_usual) {
      kinds.push_back({.type = kind.type, .protocol = kind.protocol, .port = port});
    }
  }
  return kinds;
}

Result<Kinds, int> kinds_by_name(const char* service, const Wish& wish, const KnownKind& first) {
  Kinds kinds;
  for (const KnownKind& kind : kKnownKinds) {
    const bool is_meant = wish.is_open() || &kind == &first;
    if (kind.takes_any || !is_meant) {
      continue;
    }
    if (const auto port = port_of(service, kind.name)) {
      kinds.push_back({.type = kind.type, .protocol = kind.protocol, .port = *port});
    }
  }
  if (kinds.empty()) {
    return fail(EAI_SERVICE);
  }
  return kinds;
}

/// A service in figures, as an int that wraps as glibc's does; empty when it is a name.
std::optional<int> figures_of(const char* service) {
  char* end = nullptr;
  const auto number = static_cast<int>(std::strtoul(service, &end, 10));
  return *end == '\0' ? std::optional{number} : std::nullopt;
}

Result<Kinds, int> kinds_of(const char* service, const Wish& wish, int flags) {
  const auto figures = service == nullptr ? std::optional{0} : figures_of(service);
  if (!figures && (flags & AI_NUMERICSERV) != 0) {
    return fail(EAI_NONAME);
  }
  const auto* const first =
      std::ranges::find_if(kKnownKinds, [&](const KnownKind& kind) { return wish.allows(kind); });
  if (first == kKnownKinds.end()) {
    return fail(wish.type != 0 ? EAI_SOCKTYPE : EAI_SERVICE);
  }
  if (service != nullptr && !wish.is_open() && first->takes_any) {
    return fail(EAI_SERVICE);
  }
  // Below zero it is a name to glibc, if one that nobody has.
  return figures.value_or(-1) >= 0 ? Result<Kinds, int>{kinds_on(
                                         htons(static_cast<std::uint16_t>(*figures)), wish, *first)}
                                   : kinds_by_name(service, wish, *first);
}

int objection_to(const char* node, const char* service, const addrinfo& hints) {
  if (node == nullptr && service == nullptr) {
    return EAI_NONAME;
  }
  if ((hints.ai_flags & ~kFlags) != 0 ||
      ((hints.ai_flags & AI_CANONNAME) != 0 && node == nullptr)) {
    return EAI_BADFLAGS;
  }
  if (hints.ai_family != AF_UNSPEC && hints.ai_family != AF_INET) {
    return EAI_FAMILY;
  }
  return 0;
}

/// `text` unless it is missing or the asterisk that glibc takes for nothing.
const char* unless_any(const char* text) noexcept {
  return text == nullptr || std::string_view{text} == "*" ? nullptr : text;
}

IpAddress address_in(in_addr_t bytes) noexcept {
  return IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(bytes));
}

}  // namespace

Result<NameRequest, int> NameRequest::make(const char* node, const char* service,
                                           const addrinfo* hints) {
  addrinfo usual{};
  usual.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG;
  const addrinfo& wanted = hints == nullptr ? usual : *hints;
  node = unless_any(node);
  service = unless_any(service);
  if (const int objection = objection_to(node, service, wanted); objection != 0) {
    return fail(objection);
  }
  const bool has_service = service != nullptr && *service != '\0';
  auto kinds =
      kinds_of(has_service ? service : nullptr,
               {.type = wanted.ai_socktype, .protocol = wanted.ai_protocol}, wanted.ai_flags);
  if (!kinds) {
    return fail(kinds.error());
  }
  NameRequest request{.node = std::nullopt, .flags = wanted.ai_flags, .kinds = *std::move(kinds)};
  if (node != nullptr) {
    request.node = node;
  }
  return request;
}

std::optional<Result<socket::NameAnswer, int>> NameRequest::known() const {
  const auto only = [](in_addr_t bytes, std::string name) {
    return socket::NameAnswer{.addresses = {address_in(bytes)}, .canonical = std::move(name)};
  };
  if (!node) {
    return only(htonl((flags & AI_PASSIVE) != 0 ? INADDR_ANY : INADDR_LOOPBACK), "");
  }
  // Nothing behind it, which inet_aton would allow.
  in_addr figures{};
  if (node->find_first_of(" \t\n\v\f\r") == std::string::npos &&
      ::inet_aton(node->c_str(), &figures) != 0) {
    return only(figures.s_addr, *node);
  }
  in6_addr other{};
  if (::inet_pton(AF_INET6, node->substr(0, node->find('%')).c_str(), &other) == 1) {
    return fail(EAI_ADDRFAMILY);
  }
  if ((flags & AI_NUMERICHOST) != 0) {
    return fail(EAI_NONAME);
  }
  const bool is_foreign =
      std::ranges::any_of(*node, [](char letter) { return static_cast<signed char>(letter) < 0; });
  if (is_foreign && (flags & AI_IDN) != 0) {
    return fail(EAI_IDN_ENCODE);
  }
  return std::nullopt;
}

addrinfo* NameRequest::list_of(const socket::NameAnswer& answer) const {
  addrinfo* first = nullptr;
  addrinfo** end = &first;
  for (const IpAddress& address : answer.addresses) {
    for (const Kind& kind : kinds) {
      // One piece for both, as glibc has it.
      void* const piece = std::malloc(sizeof(addrinfo) + sizeof(sockaddr_in));
      if (piece == nullptr) {
        free_list(first);
        return nullptr;
      }
      auto* const entry = new (piece) addrinfo{};
      auto* const place = new (entry + 1) sockaddr_in{};
      place->sin_family = AF_INET;
      place->sin_port = kind.port;
      place->sin_addr.s_addr = std::bit_cast<in_addr_t>(address.v4_bytes());
      entry->ai_flags = flags;
      entry->ai_family = AF_INET;
      entry->ai_socktype = kind.type;
      entry->ai_protocol = kind.protocol;
      entry->ai_addrlen = sizeof(sockaddr_in);
      entry->ai_addr = static_cast<sockaddr*>(static_cast<void*>(place));
      *end = entry;
      end = &entry->ai_next;
    }
  }
  if ((flags & AI_CANONNAME) != 0 && first != nullptr) {
    first->ai_canonname = ::strdup(answer.canonical.c_str());
    if (first->ai_canonname == nullptr) {
      free_list(first);
      return nullptr;
    }
  }
  return first;
}

void free_list(addrinfo* list) noexcept {
  while (list != nullptr) {
    addrinfo* const next = list->ai_next;
    std::free(list->ai_canonname);
    std::free(list);
    list = next;
  }
}

}  // namespace millrace::posix
