// What getaddrinfo makes of figures, services and hints, held against the C library's own answer.
#include "posix/name_request.hpp"

#include <netinet/in.h>

#include <array>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace millrace::posix {
namespace {

/// Everything of a list as text, and the list is freed.
std::string text_of(int status, addrinfo* list, void (*free)(addrinfo*)) {
  std::string text = "status " + std::to_string(status);
  for (const addrinfo* one = status == 0 ? list : nullptr; one != nullptr; one = one->ai_next) {
    sockaddr_in address{};
    std::memcpy(&address, one->ai_addr, sizeof(address));
    for (const std::uint32_t number :
         {static_cast<std::uint32_t>(one->ai_flags), static_cast<std::uint32_t>(one->ai_family),
          static_cast<std::uint32_t>(one->ai_socktype),
          static_cast<std::uint32_t>(one->ai_protocol), one->ai_addrlen,
          static_cast<std::uint32_t>(address.sin_family), address.sin_addr.s_addr,
          static_cast<std::uint32_t>(ntohs(address.sin_port))}) {
      text += ' ' + std::to_string(number);
    }
    text += one->ai_canonname == nullptr ? std::string{" -"} : ' ' + std::string{one->ai_canonname};
    text += ';';
  }
  if (status == 0) {
    free(list);
  }
  return text;
}

std::string ours(const char* node, const char* service, const addrinfo* hints) {
  const auto request = NameRequest::make(node, service, hints);
  if (!request) {
    return text_of(request.error(), nullptr, &free_list);
  }
  const auto answer = request->known();
  if (!answer) {
    return "asks";
  }
  return *answer ? text_of(0, request->list_of(**answer), &free_list)
                 : text_of(answer->error(), nullptr, &free_list);
}

std::string the_librarys(const char* node, const char* service, const addrinfo* hints) {
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo(node, service, hints, &list);
  return text_of(status, list, &::freeaddrinfo);
}

std::string quoted(const char* text) {
  return text == nullptr ? "null" : '"' + std::string{text} + '"';
}

constexpr std::array kNodes{"192.0.2.7", "127.1", "0x7f.1", "0300.0.2.7", "*", ""};
constexpr std::array kServices{"80", "0",      " 80",    "+80", "70000",        "-1", "http",
                               "*",  "domain", "syslog", "80x", "no-such-name", ""};
constexpr std::array kTypes{
    0, int{SOCK_STREAM}, int{SOCK_DGRAM}, int{SOCK_RAW}, int{SOCK_SEQPACKET}, int{SOCK_DCCP}, 99};
constexpr std::array kProtocols{0, int{IPPROTO_TCP}, int{IPPROTO_UDP}, int{IPPROTO_SCTP},
                                int{IPPROTO_ICMP}};
constexpr std::array kFlags{0,
                            AI_PASSIVE,
                            AI_CANONNAME,
                            AI_NUMERICHOST,
                            AI_NUMERICSERV,
                            AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                            AI_V4MAPPED | AI_ALL,
                            0x800000};

/// Calls `check(node, service, hints)` for every combination.
template <class Check>
void for_all(Check check) {
  for (std::size_t node = 0; node <= kNodes.size(); ++node) {
    for (std::size_t service = 0; service <= kServices.size(); ++service) {
      for (const int type : kTypes) {
        for (const int protocol : kProtocols) {
          for (const int flags : kFlags) {
            addrinfo hints{};
            hints.ai_family = AF_INET;
            hints.ai_socktype = type;
            hints.ai_protocol = protocol;
            hints.ai_flags = flags;
            check(node < kNodes.size() ? kNodes.at(node) : nullptr,
                  service < kServices.size() ? kServices.at(service) : nullptr, hints);
          }
        }
      }
    }
  }
}

TEST(NameRequest, AnswersWithoutAServerAsTheLibraryDoes) {
  unsigned compared = 0;
  for_all([&](const char* node, const char* service, const addrinfo& hints) {
    // No figures: the library would ask somebody.
    if (node != nullptr && *node == '\0' && (hints.ai_flags & AI_NUMERICHOST) == 0) {
      return;
    }
    ++compared;
    ASSERT_EQ(ours(node, service, &hints), the_librarys(node, service, &hints))
        << quoted(node) << ' ' << quoted(service) << " type " << hints.ai_socktype << " protocol "
        << hints.ai_protocol << " flags " << hints.ai_flags;
  });
  EXPECT_GT(compared, 20'000U);
}

TEST(NameRequest, FamiliesAndFlagsThatAreNoneAreRefusedAsByTheLibrary) {
  for (const int family : {99, -1, int{AF_UNIX}}) {
    addrinfo hints{};
    hints.ai_family = family;
    EXPECT_EQ(ours("192.0.2.7", "80", &hints), the_librarys("192.0.2.7", "80", &hints)) << family;
  }
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_flags = AI_NUMERICHOST;
  for (const char* name : {"name.example", "192.0.2.7 ", "192.0.2.7.1", "1.2.3.256", "::1"}) {
    EXPECT_EQ(ours(name, "80", &hints), the_librarys(name, "80", &hints)) << name;
  }
}

TEST(NameRequest, WithoutHintsAllUsualKindsAreMeant) {
  const auto request = NameRequest::make("192.0.2.7", "80", nullptr);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->flags, AI_V4MAPPED | AI_ADDRCONFIG);
  EXPECT_EQ(request->kinds.size(), 3U);
}

TEST(NameRequest, SixIsNoFamilyOfOurs) {
  addrinfo hints{};
  hints.ai_family = AF_INET6;
  EXPECT_EQ(ours("::1", "80", &hints), "status " + std::to_string(EAI_FAMILY));
}

}  // namespace
}  // namespace millrace::posix
