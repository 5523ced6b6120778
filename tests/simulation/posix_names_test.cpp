// getaddrinfo on a simulated host, with a name server on the other: what is found and in which
// shape, every way of finding nothing, and calls that may not wait.
#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "posix/name_request.hpp"
#include "simulation/name_server.hpp"
#include "simulation/posix_pair.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

constexpr IpAddress kOne = IpAddress::v4(203, 0, 113, 1);
constexpr IpAddress kTwo = IpAddress::v4(203, 0, 113, 2);

class PosixNames : public ::testing::Test {
 protected:
  PosixNames() {
    net.pair.world.call(net.pair.server,
                        [this](Worker& worker) { EXPECT_TRUE(server.start(worker)); });
    options.servers = {net.pair.server_at(53)};
    options.search = {"example.net"};
    options.resolv_conf = "";
    options.hosts_file = "";
    net.client.sockets().names().look_in(options);
    server.records["one.example.net."] = {.addresses = {kOne}};
    server.records["two.example.net."] = {.addresses = {kTwo, kOne}};
  }
  ~PosixNames() override {
    net.pair.world.call(net.pair.server, [this](Worker&) { server.stop(); });
  }

  int status_of(const char* name, const addrinfo& hints = {}) {
    addrinfo* list = nullptr;
    const int status = net.client.sockets().names().find(name, "80", &hints, &list);
    EXPECT_EQ(list != nullptr, status == 0);
    posix::free_list(list);
    return status;
  }

  /// "203.0.113.1 type 1 protocol 6 port 80", line by line.
  std::vector<std::string> lines_of(const char* name, const addrinfo& hints = {}) {
    addrinfo* list = nullptr;
    EXPECT_EQ(net.client.sockets().names().find(name, "80", &hints, &list), 0);
    std::vector<std::string> lines;
    canonical.clear();
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
      const auto& address = *static_cast<const sockaddr_in*>(static_cast<void*>(one->ai_addr));
      std::array<char, INET_ADDRSTRLEN> text{};
      ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
      lines.push_back(std::string{text.data()} + " type " + std::to_string(one->ai_socktype) +
                      " protocol " + std::to_string(one->ai_protocol) + " port " +
                      std::to_string(ntohs(address.sin_port)));
      canonical += one->ai_canonname == nullptr ? "" : one->ai_canonname;
    }
    posix::free_list(list);
    return lines;
  }

  using Lines = std::vector<std::string>;

  PosixPair net;
  NameServer server;
  ResolverOptions options;
  std::string canonical;  // Of all entries, of which the first alone may have one.
};

addrinfo stream(int flags = 0) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return hints;
}

TEST_F(PosixNames, EachAddressIsListedForEachKindInTheServersOrder) {
  EXPECT_EQ(
      lines_of("two.example.net"),
      (Lines{"203.0.113.2 type 1 protocol 6 port 80", "203.0.113.2 type 2 protocol 17 port 80",
             "203.0.113.2 type 3 protocol 0 port 80", "203.0.113.1 type 1 protocol 6 port 80",
             "203.0.113.1 type 2 protocol 17 port 80", "203.0.113.1 type 3 protocol 0 port 80"}));
  EXPECT_EQ(
      lines_of("two.example.net", stream()),
      (Lines{"203.0.113.2 type 1 protocol 6 port 80", "203.0.113.1 type 1 protocol 6 port 80"}));
  EXPECT_EQ(server.by_udp, 1U) << "the second time it is remembered";
}

TEST_F(PosixNames, TheCanonicalNameIsTheLastOfTheAliasesOrTheWholeOne) {
  server.records["alias.example.net."] = {.alias_of = "other.example.net."};
  server.records["other.example.net."] = {.alias_of = "one.example.net."};
  EXPECT_EQ(lines_of("alias.example.net", stream(AI_CANONNAME)).size(), 1U);
  EXPECT_EQ(canonical, "one.example.net");
  EXPECT_EQ(lines_of("two", stream(AI_CANONNAME)).size(), 2U);
  EXPECT_EQ(canonical, "two.example.net") << "with its search domain, and once";
  EXPECT_EQ(lines_of("two", stream()).size(), 2U);
  EXPECT_EQ(canonical, "");
}

TEST_F(PosixNames, NothingFoundHasItsNumber) {
  server.records["empty.example.net."] = {};
  server.records["broken.example.net."] = {.response_code = 2};
  EXPECT_EQ(status_of("nobody.example.org"), EAI_NONAME);
  EXPECT_EQ(status_of("empty.example.net"), EAI_NODATA);
  EXPECT_EQ(status_of("broken.example.net."), EAI_AGAIN);
  EXPECT_EQ(status_of(""), EAI_NONAME);
  EXPECT_EQ(status_of(std::string(300, 'a').c_str()), EAI_NONAME);
  EXPECT_EQ(status_of("2001:db8::1"), EAI_ADDRFAMILY);
  EXPECT_EQ(status_of("fe80::1%eth0"), EAI_ADDRFAMILY);
  EXPECT_EQ(status_of("\xc3\xbc.example.net", stream(AI_IDN)), EAI_IDN_ENCODE);
}

TEST_F(PosixNames, ASilentServerIsGivenUp) {
  server.is_silent = true;
  const Instant begun = net.pair.world.now();
  EXPECT_EQ(status_of("one.example.net."), EAI_AGAIN);
  EXPECT_GE(net.pair.world.now() - begun, 30s);
  EXPECT_LT(net.pair.world.now() - begun, 31s);
}

TEST_F(PosixNames, WhatIsKnownNeedsNoWaitingAndTheRestSaysWhyNot) {
  options.queries_max = 1;
  net.client.sockets().names().look_in(options);
  EXPECT_EQ(status_of("one.example.net"), 0);
  net.client.refuse_to_wait(EDEADLK);  // As inside a handler.
  EXPECT_EQ(status_of("one.example.net"), 0);
  EXPECT_EQ(status_of("192.0.2.7"), 0);
  errno = 0;
  EXPECT_EQ(status_of("two.example.net"), EAI_SYSTEM);
  EXPECT_EQ(errno, EDEADLK);
  net.client.refuse_to_wait(0);
  net.run_for(1s);  // The answer comes and finds nobody.
  EXPECT_EQ(status_of("two.example.net"), 0);
  server.records["three.example.net."] = {.addresses = {kOne}};
  EXPECT_EQ(status_of("three.example.net"), 0) << "the place of the one given up is free";
}

TEST_F(PosixNames, ASignalDoesNotEndIt) {
  net.client.refuse_to_wait(EINTR, 3);
  EXPECT_EQ(status_of("one.example.net"), 0);
}

TEST_F(PosixNames, AFileThatCannotBeReadIsASystemError) {
  options.hosts_file = "/nowhere/hosts";
  net.client.sockets().names().look_in(options);
  errno = 0;
  EXPECT_EQ(status_of("one.example.net"), EAI_SYSTEM);
  EXPECT_EQ(errno, EIO);
}

}  // namespace
}  // namespace millrace::test
