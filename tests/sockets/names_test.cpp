// getaddrinfo: numbers, the hosts file, and a name server with answers of every kind.
#include <gtest/gtest.h>
#include <cerrno>
#include <set>

#include "bed.hpp"

namespace millrace::test {
namespace {

struct Found {
  int status = 0;
  std::vector<std::string> addresses;
  int kind = 0;
  int protocol = 0;
  std::string canonical;
};

Found look_up(const char* name, const char* service, int flags = 0, int kind = SOCK_STREAM,
              int family = AF_INET) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = kind;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  Found found;
  found.status = api::getaddrinfo(name, service, &hints, &list);
  if (found.status != 0) {
    return found;
  }
  found.kind = list->ai_socktype;
  found.protocol = list->ai_protocol;
  found.canonical = list->ai_canonname == nullptr ? "" : list->ai_canonname;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    found.addresses.push_back(text_of(*reinterpret_cast<const sockaddr_in*>(one->ai_addr)));
  }
  api::freeaddrinfo(list);
  return found;
}

using Addresses = std::vector<std::string>;

TEST(SocketNames, NumbersNeedNoServer) {
  const Found found = look_up("192.0.2.7", "80");
  EXPECT_EQ(found.status, 0);
  EXPECT_EQ(found.addresses, Addresses{"192.0.2.7:80"});
  EXPECT_EQ(found.kind, SOCK_STREAM);
  EXPECT_EQ(found.protocol, IPPROTO_TCP);
}

TEST(SocketNames, DatagramsAreAskedForAsSuch) {
  const Found found = look_up("192.0.2.7", "53", 0, SOCK_DGRAM);
  EXPECT_EQ(found.kind, SOCK_DGRAM);
  EXPECT_EQ(found.protocol, IPPROTO_UDP);
}

TEST(SocketNames, OnlyNumbersIfToldSo) {
  EXPECT_EQ(look_up("192.0.2.7", "80", AI_NUMERICHOST).status, 0);
  EXPECT_EQ(look_up("one.test", "80", AI_NUMERICHOST).status, EAI_NONAME);
  EXPECT_EQ(look_up("192.0.2.7", "http", AI_NUMERICSERV).status, EAI_NONAME);
}

TEST(SocketNames, NoNameIsTheLoopbackOrAny) {
  EXPECT_EQ(look_up(nullptr, "80").addresses, Addresses{"127.0.0.1:80"});
  EXPECT_EQ(look_up(nullptr, "80", AI_PASSIVE).addresses, Addresses{"0.0.0.0:80"});
}

TEST(SocketNames, NothingAskedIsNothingFound) {
  EXPECT_EQ(look_up(nullptr, nullptr).status, EAI_NONAME);
}

TEST(SocketNames, NoServiceIsPortZero) {
  EXPECT_EQ(look_up("192.0.2.7", nullptr).addresses, Addresses{"192.0.2.7:0"});
}

TEST(SocketNames, TheHostsFileIsReadFirst) {
  EXPECT_EQ(look_up("peer.test", "1").addresses, Addresses{peer_address() + ":1"});
  EXPECT_EQ(look_up("other-name.test", "1").addresses, Addresses{peer_address() + ":1"});
}

TEST(SocketNames, CaseDoesNotMatter) {
  EXPECT_EQ(look_up("PEER.Test", "1").addresses, Addresses{peer_address() + ":1"});
  EXPECT_EQ(look_up("One.TEST", "1").addresses, Addresses{"198.18.0.1:1"});
}

TEST(SocketNames, TheServerIsAsked) {
  EXPECT_EQ(look_up("one.test", "80").addresses, Addresses{"198.18.0.1:80"});
}

TEST(SocketNames, SeveralAddressesAreAllGiven) {
  const Found found = look_up("two.test", "80");
  const std::set<std::string> set(found.addresses.begin(), found.addresses.end());
  EXPECT_EQ(set, (std::set<std::string>{"198.18.0.1:80", "198.18.0.77:80"}));
}

TEST(SocketNames, OtherNamesAreFollowed) {
  const Found found = look_up("alias.test", "80", AI_CANONNAME);
  EXPECT_EQ(found.addresses, Addresses{"198.18.0.1:80"});
  EXPECT_EQ(found.canonical, "one.test");
}

TEST(SocketNames, SearchDomainsAreTried) {
  EXPECT_EQ(look_up("short", "80").addresses, Addresses{"198.18.0.42:80"});
}

TEST(SocketNames, LongAnswersComeOverTcp) {
  EXPECT_EQ(look_up("many.test", "80").addresses.size(), 60U);
}

TEST(SocketNames, WhatDoesNotExistIsNotFound) {
  EXPECT_EQ(look_up("nobody.test", "80").status, EAI_NONAME);
}

TEST(SocketNames, ANameWithoutAnAddressIsSaidToHaveNone) {
  const int status = look_up("empty.test", "80").status;
  EXPECT_TRUE(status == EAI_NODATA || status == EAI_NONAME) << status;
}

TEST(SocketNames, AServerInTroubleMayBeAskedAgain) {
  EXPECT_EQ(look_up("failing.test.", "80").status, EAI_AGAIN);
}

TEST(SocketNames, ASilentServerIsWaitedForSoLong) {
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(look_up("silent.test.", "80").status, EAI_AGAIN);
  EXPECT_LT(now_milliseconds() - begun, 10000);
}

TEST(SocketNames, AFamilyThatIsNoneIsRefused) {
  EXPECT_EQ(look_up("one.test", "80", 0, SOCK_STREAM, 99).status, EAI_FAMILY);
}

TEST(SocketNames, FlagsThatAreNoneAreRefused) {
  EXPECT_EQ(look_up("one.test", "80", 0x800000).status, EAI_BADFLAGS);
}

TEST(SocketNames, ANameLeadsToAConnection) {
  const std::vector<int> listener = Peer::the().numbers("listen 0 4");
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  ASSERT_EQ(api::getaddrinfo("one.test", std::to_string(listener[1]).c_str(), &hints, &list), 0);
  const Descriptor own{api::socket(list->ai_family, list->ai_socktype, list->ai_protocol)};
  EXPECT_EQ(api::connect(own, list->ai_addr, list->ai_addrlen), 0);
  api::freeaddrinfo(list);
  Peer::the().ask("clear");
}

}  // namespace
}  // namespace millrace::test
