// The resolver and a name server on two hosts: search domains, answers too long for UDP, memory by
// TTL, trouble, and what is left when it goes. c-ares keeps its own time, which is the machine's:
// only what waits for it takes any, a few milliseconds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <millrace/resolver.hpp>

#include "simulation/name_server.hpp"
#include "simulation/network.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

constexpr IpAddress kWeb = IpAddress::v4(203, 0, 113, 80);

class Names : public ::testing::Test {
 protected:
  explicit Names(const PairSetup& setup = {}) : pair{setup} {
    EXPECT_TRUE(
        pair.world.start(pair.server, [this](Worker& worker) { return server.start(worker); }));
    options.servers = {pair.server_at(53)};
    options.resolv_conf = "/dev/null";
    options.hosts_file = "";
    options.search = {"example.net"};
  }
  ~Names() override {
    resolver.reset();
    pair.world.call(pair.server, [this](Worker&) { server.stop(); });
    EXPECT_EQ(pair.world.check_clean(), (Result<void, std::string>{}));
  }
  void open() {
    pair.world.call(pair.client, [this](Worker& worker) {
      auto created = Resolver::create(worker, options);
      ASSERT_TRUE(created.has_value()) << created.error();
      resolver.emplace(*std::move(created));
    });
  }
  /// The first address of the name, or why there is none.
  Result<IpAddress> look_up(const std::string& name) {
    std::optional<Result<IpAddress>> told;
    pair.world.call(pair.client, [&](Worker&) {
      const auto begun = resolver->resolve(name, [&](const auto& addresses) {
        EXPECT_FALSE(told.has_value()) << "told twice";
        count = addresses ? addresses->size() : 0;
        told = addresses ? Result<IpAddress>{addresses->front()} : fail(addresses.error());
      });
      EXPECT_TRUE(begun.has_value());
      EXPECT_FALSE(told.has_value()) << "told inside the call";
    });
    EXPECT_TRUE(pair.world.run_until([&] { return told.has_value(); }, 10min));
    return told.value_or(fail(Error::StaleHandle));
  }

  Pair pair;
  NameServer server;
  ResolverOptions options;
  std::optional<Resolver> resolver;
  std::size_t count = 0;
};

TEST_F(Names, ANameIsFoundAndRememberedForItsTime) {
  covers({"RFC 1035 §3.2.1", "RFC 1035 §4.2.1"});
  server.records["www.example.net."] = {.addresses = {kWeb}, .ttl = 5};
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(look_up("WWW.example.NET"), kWeb);
  EXPECT_EQ(server.by_udp, 1U);
  EXPECT_EQ(resolver->cached(), 1U);
  pair.world.run_for(4s);
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(server.by_udp, 1U);
  pair.world.run_for(2s);
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(server.by_udp, 2U) << "its time is over";
}

TEST_F(Names, ShortNamesAreTriedInTheSearchDomains) {
  server.records["www.example.net."] = {.addresses = {kWeb}};
  open();
  EXPECT_EQ(look_up("www"), kWeb);
  EXPECT_EQ(server.asked_for.back(), "www.example.net.");
}

TEST_F(Names, OtherNamesAreFollowedAndRememberedAsLongAsTheShortest) {
  covers({"RFC 1035 §3.6.2"});
  server.records["www.example.net."] = {.ttl = 5, .alias_of = "host.example.net."};
  server.records["host.example.net."] = {.addresses = {kWeb}, .ttl = 500};
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  pair.world.run_for(6s);
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(server.by_udp, 2U);
}

TEST_F(Names, ADotAtTheEndKeepsSearchDomainsOut) {
  server.records["www.example.net."] = {.addresses = {kWeb}};
  open();
  EXPECT_EQ(look_up("www"), kWeb);
  EXPECT_EQ(look_up("www.").error(), Error::NameNotFound)
      << "also when the short one is remembered";
  EXPECT_EQ(server.asked_for.back(), "www.");
}

TEST_F(Names, WithoutAnyServerThereIsNoneToAsk) {
  options.servers.clear();
  open();
  EXPECT_EQ(look_up("www.example.net").error(), Error::NoNameServer);
  EXPECT_EQ(look_up("198.18.0.9"), IpAddress::v4(198, 18, 0, 9));
}

/// As Names, on a host that was started with --dns.
class NamesOfTheWorker : public Names {
 protected:
  static PairSetup with_server() {
    PairSetup setup;
    setup.client.name_servers = {{address_of(2), Port{53}}};
    return setup;
  }
  NamesOfTheWorker() : Names{with_server()} { options.servers.clear(); }
};

TEST_F(NamesOfTheWorker, AreAskedWhenTheOptionsNameNone) {
  server.records["www.example.net."] = {.addresses = {kWeb}};
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);
}

TEST_F(Names, WhatIsTooLongForUdpComesByTcp) {
  covers({"RFC 1035 §4.2.1", "RFC 7766 §5"});
  NameServer::Record& many = server.records["many.example.net."];
  for (std::uint8_t i = 1; i <= 200; ++i) {
    many.addresses.push_back(IpAddress::v4(203, 0, 113, i));
  }
  open();
  EXPECT_EQ(look_up("many.example.net"), IpAddress::v4(203, 0, 113, 1));
  EXPECT_EQ(count, 200U);
  EXPECT_EQ(server.by_udp, 1U);
  EXPECT_EQ(server.by_tcp, 1U);
}

TEST_F(Names, ALongAnswerIsAskedForOnTheConnectionThatIsThere) {
  covers({"RFC 7766 §6.2.1"});
  for (const char* name : {"many.example.net.", "more.example.net."}) {
    server.records[name].addresses.assign(100, kWeb);
  }
  open();
  std::size_t told = 0;
  const auto ask = [&](const char* name) {
    pair.world.call(pair.client, [&](Worker&) {
      EXPECT_TRUE(resolver->resolve(name, [&](const auto& found) { told += found->size(); }));
    });
  };
  server.reads_tcp = false;
  ask("many.example.net");
  EXPECT_FALSE(pair.world.run_until([&] { return told > 0; }, 1s));
  server.reads_tcp = true;
  ask("more.example.net");
  EXPECT_TRUE(pair.world.run_until([&] { return told == 200; }, 10s));
  EXPECT_EQ(server.by_tcp, 2U);
  EXPECT_EQ(server.connections, 1U);
}

TEST_F(Names, AServerWithoutTcpIsOneThatFailed) {
  server.records["many.example.net."].addresses.assign(100, kWeb);
  pair.world.call(pair.server, [this](Worker&) { static_cast<void>(server.listener.close()); });
  open();
  EXPECT_EQ(look_up("many.example.net.").error(), Error::NameServerFailed);
}

TEST_F(Names, TroubleHasItsOwnWords) {
  server.records["broken.example.net."] = {.addresses = {}, .response_code = 2};
  server.records["refused.example.net."] = {.addresses = {}, .response_code = 5};
  server.records["empty.example.net."] = {.addresses = {}};
  open();
  EXPECT_EQ(look_up("absent.example.org").error(), Error::NameNotFound);
  EXPECT_EQ(look_up("empty.example.net").error(), Error::NameHasNoAddress);
  EXPECT_EQ(look_up("broken.example.net").error(), Error::NameServerFailed);
  EXPECT_EQ(look_up("refused.example.net").error(), Error::NameServerFailed);
  EXPECT_EQ(look_up("a..b").error(), Error::InvalidArgument);
  EXPECT_EQ(resolver->cached(), 0U);
}

TEST_F(Names, ASilentServerTimesOut) {
  server.is_silent = true;
  options.timeout = 2ms;
  options.tries = 2;
  open();
  EXPECT_EQ(look_up("www.example.net.").error(), Error::TimedOut);
  EXPECT_GE(server.by_udp, 2U);
}

TEST_F(Names, ANameMayTakeSoLongAndNoLonger) {
  server.is_silent = true;
  options.limit = 5s;
  open();
  const Instant begun = pair.world.now();
  EXPECT_EQ(look_up("www.example.net.").error(), Error::TimedOut);
  EXPECT_GE(pair.world.now(), begun + 5s);
  EXPECT_LT(pair.world.now(), begun + 6s);
  EXPECT_EQ(resolver->pending(), 0U);
  // Its place is taken until c-ares has given up, too; others go on.
  server.is_silent = false;
  server.records["other.example.net."] = {.addresses = {kWeb}};
  EXPECT_EQ(look_up("other.example.net."), kWeb);
}

TEST_F(Names, NobodyThereIsNoNameServer) {
  options.servers = {pair.server_at(54)};
  open();
  EXPECT_EQ(look_up("www.example.net.").error(), Error::NoNameServer);
}

TEST_F(Names, TheNextServerIsAskedWhenOneHasTrouble) {
  NameServer broken;
  broken.records["www.example.net."] = {.addresses = {}, .response_code = 2};
  server.records["www.example.net."] = {.addresses = {kWeb}};
  pair.world.call(pair.server, [&](Worker& worker) {
    broken.socket = worker.open_udp({.port = Port{54}}, broken).value();
  });
  options.servers.insert(options.servers.begin(), pair.server_at(54));
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(broken.by_udp, 1U);
  pair.world.call(pair.server, [&](Worker&) { static_cast<void>(broken.socket.close()); });
}

TEST_F(Names, TheNextServerIsAskedWhenOneRefuses) {
  // Nothing listens there: port unreachable.
  options.servers.insert(options.servers.begin(), pair.server_at(54));
  server.records["www.example.net."] = {.addresses = {kWeb}};
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);
}

TEST_F(Names, FiguresAndTheHostsFileNeedNoServer) {
  const auto path =
      std::filesystem::temp_directory_path() / ("millrace-hosts-" + std::to_string(::getpid()));
  std::ofstream{path} << "198.18.0.77 listed\n";
  options.hosts_file = path;
  open();
  std::filesystem::remove(path);
  EXPECT_EQ(look_up("listed"), IpAddress::v4(198, 18, 0, 77));
  EXPECT_EQ(look_up("198.18.0.9"), IpAddress::v4(198, 18, 0, 9));
  EXPECT_EQ(server.by_udp + server.by_tcp, 0U);
}

TEST_F(Names, WhatIsUnderWayIsForgottenWithTheResolver) {
  server.is_silent = true;
  options.queries_max = 2;
  open();
  bool is_told = false;
  pair.world.call(pair.client, [&](Worker&) {
    const auto note = [&](const auto&) { is_told = true; };
    EXPECT_TRUE(resolver->resolve("a.example.net", note).has_value());
    EXPECT_TRUE(resolver->resolve("b.example.net", note).has_value());
    EXPECT_EQ(resolver->resolve("c.example.net", note).error(), Error::WouldBlock);
    EXPECT_EQ(resolver->resolve("", note).error(), Error::InvalidArgument);
    EXPECT_EQ(resolver->resolve(std::string(254, 'a'), note).error(), Error::InvalidArgument);
    EXPECT_EQ(resolver->pending(), 2U);
  });
  pair.world.run_for(20ms);
  pair.world.call(pair.client, [&](Worker&) { resolver.reset(); });
  pair.world.run_for(1s);
  EXPECT_FALSE(is_told);
}

TEST_F(Names, OneAnswerMayEndTheResolverAndNoOtherIsTold) {
  open();
  unsigned told = 0;
  pair.world.call(pair.client, [&](Worker&) {
    for (const char* figures : {"198.18.0.8", "198.18.0.9"}) {
      EXPECT_TRUE(resolver->resolve(figures, [&](const auto&) {
        ++told;
        resolver.reset();
      }));
    }
  });
  pair.world.run_for(1s);
  EXPECT_EQ(told, 1U);
  EXPECT_FALSE(resolver.has_value());
}

TEST_F(Names, WhatAnAnswerAsksForIsToldLater) {
  open();
  unsigned told = 0;
  std::function<void()> ask = [&] {
    EXPECT_TRUE(resolver->resolve("198.18.0.9", [&](const auto&) {
      if (++told < 5) {
        const unsigned before = told;
        ask();
        EXPECT_EQ(told, before);
      }
    }));
  };
  pair.world.call(pair.client, [&](Worker&) { ask(); });
  EXPECT_TRUE(pair.world.run_until([&] { return told == 5; }, 1s));
  EXPECT_EQ(resolver->pending(), 0U);
}

TEST_F(Names, NothingIsRememberedForMoreThanADay) {
  covers({"RFC 8767 §4"});
  server.records["www.example.net."] = {.addresses = {kWeb}, .ttl = 0x7FFFFFFF};
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  pair.world.run_for(24h - 1min);
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(server.by_udp, 1U);
  pair.world.run_for(2min);
  EXPECT_EQ(look_up("www.example.net"), kWeb);
  EXPECT_EQ(server.by_udp, 2U);
}

TEST_F(Names, EachQuestionHasAPortOfItsOwn) {
  covers({"RFC 5452 §9.2"});
  for (const char* name : {"a.example.net.", "b.example.net.", "c.example.net."}) {
    server.records[name] = {.addresses = {kWeb}};
  }
  server.is_silent = true;
  open();
  pair.world.call(pair.client, [&](Worker&) {
    EXPECT_TRUE(resolver->resolve("late.example.net.", [](const auto&) {}));
  });
  EXPECT_TRUE(pair.world.run_until([&] { return server.by_udp == 1; }, 1s));
  server.is_silent = false;
  for (const char* name : {"a.example.net", "b.example.net", "c.example.net"}) {
    EXPECT_EQ(look_up(name), kWeb);
  }
  ASSERT_GE(server.asked_from.size(), 4U);
  const std::set<Port> ports(server.asked_from.begin(), server.asked_from.end());
  EXPECT_EQ(ports.size(), server.asked_from.size());
}

/// A server that answers nothing by itself.
struct Ears final : UdpHandler {
  void on_readable(UdpSocket of) override {
    while (auto question = of.receive()) {
      std::vector<std::byte> bytes(question->payload.size());
      static_cast<void>(question->payload.copy_to(bytes));
      heard.push_back({.from = question->source, .question = std::move(bytes)});
    }
  }
  struct Heard {
    Endpoint from;
    std::vector<std::byte> question;
  };
  std::vector<Heard> heard;
};

TEST_F(Names, AnAnswerCountsAtThePortAlone) {
  covers({"RFC 5452 §9.1"});
  Ears ears;
  UdpSocket socket;
  pair.world.call(pair.server,
                  [&](Worker& worker) { socket = *worker.open_udp({.port = Port{5'300}}, ears); });
  options.servers = {pair.server_at(5'300)};
  options.timeout = 30s;
  open();
  std::array<std::optional<Error>, 2> told;
  pair.world.call(pair.client, [&](Worker&) {
    for (std::optional<Error>& one : told) {
      const std::string name = &one == told.data() ? "one.example.net." : "other.example.net.";
      EXPECT_TRUE(resolver->resolve(
          name, [&one](const auto& found) { one = found ? Error::InvalidState : found.error(); }));
    }
  });
  ASSERT_TRUE(pair.world.run_until([&] { return ears.heard.size() == 2; }, 1s));
  // RFC 1035 §4.1.1: it is an answer, and there is no such name.
  for (Ears::Heard& one : ears.heard) {
    one.question[2] |= std::byte{0x80};
    one.question[3] = std::byte{0x83};
  }
  const auto tell = [&](std::size_t answer, std::size_t port) {
    pair.world.call(pair.server, [&](Worker&) {
      EXPECT_TRUE(socket.send_to(ears.heard[port].from, ears.heard[answer].question));
    });
    pair.world.run_for(100ms);
  };
  tell(0, 1);
  tell(1, 0);
  EXPECT_EQ(told[0], std::nullopt);
  EXPECT_EQ(told[1], std::nullopt);
  // Nor has that cost the questions their ports.
  tell(0, 0);
  tell(1, 1);
  EXPECT_EQ(told[0], Error::NameNotFound);
  EXPECT_EQ(told[1], Error::NameNotFound);
  pair.world.call(pair.server, [&](Worker&) { EXPECT_TRUE(socket.close()); });
}

TEST_F(Names, AnAnswerCountsForItsQuestionAlone) {
  covers({"RFC 5452 §9.1"});
  Ears ears;
  UdpSocket socket;
  pair.world.call(pair.server,
                  [&](Worker& worker) { socket = *worker.open_udp({.port = Port{5'300}}, ears); });
  options.servers = {pair.server_at(5'300)};
  options.timeout = 30s;
  open();
  std::optional<Error> told;
  pair.world.call(pair.client, [&](Worker&) {
    EXPECT_TRUE(resolver->resolve("www.example.net.", [&](const auto& found) {
      told = found ? Error::InvalidState : found.error();
    }));
  });
  ASSERT_TRUE(pair.world.run_until([&] { return ears.heard.size() == 1; }, 1s));
  Ears::Heard& asked = ears.heard.front();
  asked.question[2] |= std::byte{0x80};
  asked.question[3] = std::byte{0x83};
  auto forged = asked.question;
  forged[13] = std::byte{'v'};  // Number and port are right, the name is another.
  for (const auto& answer : {forged, asked.question}) {
    EXPECT_EQ(told, std::nullopt);
    pair.world.call(pair.server, [&](Worker&) { EXPECT_TRUE(socket.send_to(asked.from, answer)); });
    pair.world.run_for(100ms);
  }
  EXPECT_EQ(told, Error::NameNotFound) << "the forgery has not cost it its port";
  pair.world.call(pair.server, [&](Worker&) { EXPECT_TRUE(socket.close()); });
}

TEST_F(Names, BeyondSomePortsQuestionsShareOneAndAllAreAnswered) {
  constexpr unsigned kNames = 100;
  server.records["www.example.net."] = {.addresses = {kWeb}};
  open();
  EXPECT_EQ(look_up("www.example.net"), kWeb);  // Neighbors know each other now.
  server.asked_from.clear();
  unsigned found = 0;
  pair.world.call(pair.client, [&](Worker&) {
    for (unsigned i = 0; i < kNames; ++i) {
      const std::string name = "n" + std::to_string(i) + ".example.net.";
      server.records[name] = {.addresses = {kWeb}};
      EXPECT_TRUE(resolver->resolve(name, [&](const auto& one) { found += one ? 1U : 0U; }));
    }
  });
  EXPECT_TRUE(pair.world.run_until([&] { return found == kNames; }, 1s));
  // Those that are asked at once; the others follow, and find ports that are free again.
  constexpr std::ptrdiff_t kAtOnce = 96;
  ASSERT_EQ(server.asked_from.size(), kNames);
  const std::set<Port> ports(server.asked_from.begin(), server.asked_from.begin() + kAtOnce);
  EXPECT_EQ(ports.size(), 64U);
}

TEST_F(Names, ThatThereIsNoneIsRememberedAsLongAsTheServerSays) {
  covers({"RFC 2308 §5"});
  server.soa_lifetime = 30;
  server.soa_minimum = 5;
  server.records["bare.example.net."] = {};
  open();
  EXPECT_EQ(look_up("none.example.net").error(), Error::NameNotFound);
  const unsigned asked = server.by_udp;
  EXPECT_EQ(asked, 2U) << "as it stands, and in the search domain";
  EXPECT_EQ(look_up("NONE.example.net").error(), Error::NameNotFound);
  EXPECT_EQ(look_up("none.example.net.").error(), Error::NameNotFound);
  EXPECT_EQ(look_up("bare.example.net.").error(), Error::NameHasNoAddress);
  EXPECT_EQ(look_up("bare.example.net.").error(), Error::NameHasNoAddress);
  EXPECT_EQ(server.by_udp, asked + 1);
  server.records["none.example.net."] = {.addresses = {kWeb}};
  pair.world.run_for(4s);
  EXPECT_EQ(look_up("none.example.net").error(), Error::NameNotFound);
  pair.world.run_for(2s);
  EXPECT_EQ(look_up("none.example.net"), kWeb) << "its time is over";
}

TEST_F(Names, ThatThereIsNoneIsNotRememberedWhereNobodySaysForHowLong) {
  open();
  EXPECT_EQ(look_up("none.example.net.").error(), Error::NameNotFound);
  EXPECT_EQ(look_up("none.example.net.").error(), Error::NameNotFound);
  EXPECT_EQ(server.by_udp, 2U);
  EXPECT_EQ(resolver->cached(), 0U);
}

TEST_F(Names, NorForMoreThanThreeHours) {
  server.soa_lifetime = server.soa_minimum = 1'000'000;
  open();
  EXPECT_EQ(look_up("none.example.net.").error(), Error::NameNotFound);
  pair.world.run_for(3h - 1s);
  EXPECT_EQ(look_up("none.example.net.").error(), Error::NameNotFound);
  EXPECT_EQ(server.by_udp, 1U);
  pair.world.run_for(1s);
  EXPECT_EQ(look_up("none.example.net.").error(), Error::NameNotFound);
  EXPECT_EQ(server.by_udp, 2U);
}

TEST_F(Names, ADomainWhereTheNameHasNoAddressIsNotTheLast) {
  options.search = {"example.net", "example.org"};
  server.records["www.example.net."] = {};
  server.records["www.example.org."] = {.addresses = {kWeb}};
  open();
  EXPECT_EQ(look_up("www"), kWeb);
  EXPECT_EQ(server.asked_for.back(), "www.example.org.");
}

TEST_F(Names, ButThatItExistsSomewhereIsSaid) {
  options.search = {"example.net", "example.org"};
  server.records["www.example.net."] = {};
  open();
  EXPECT_EQ(look_up("www").error(), Error::NameHasNoAddress);
}

TEST_F(Names, AsManyAsMayBeUnderWayAreAskedForBeforeTheServerIsKnownToTheLink) {
  constexpr unsigned kNames = 256;
  open();
  unsigned found = 0;
  pair.world.call(pair.client, [&](Worker&) {
    for (unsigned i = 0; i < kNames; ++i) {
      const std::string name = "n" + std::to_string(i) + ".example.net.";
      server.records[name] = {.addresses = {kWeb}};
      EXPECT_TRUE(resolver->resolve(name, [&](const auto& one) { found += one ? 1U : 0U; }));
    }
    EXPECT_FALSE(resolver->resolve("one.more.", [](const auto&) {}));
  });
  // Less than a question that was lost waits before it is asked again.
  EXPECT_TRUE(pair.world.run_until([&] { return found == kNames; }, 1s)) << found;
  EXPECT_EQ(server.by_udp, kNames) << "each once";
}

TEST_F(Names, ThoseWithoutAnswerKeepOthersWaitingForOneTimeoutAtMost) {
  server.is_silent = true;
  options.timeout = 2s;
  open();
  pair.world.call(pair.client, [&](Worker&) {
    for (unsigned i = 0; i < 200; ++i) {
      EXPECT_TRUE(resolver->resolve("n" + std::to_string(i) + ".example.net.", [](const auto&) {}));
    }
  });
  EXPECT_FALSE(pair.world.run_until([] { return false; }, 100ms));
  EXPECT_EQ(server.by_udp, 96U);
  EXPECT_FALSE(pair.world.run_until([] { return false; }, 2s));
  EXPECT_EQ(server.by_udp, 192U);
  server.is_silent = false;
  server.records["other.example.net."] = {.addresses = {kWeb}};
  const Instant begun = pair.world.now();
  EXPECT_EQ(look_up("other.example.net."), kWeb);
  EXPECT_LT(pair.world.now(), begun + 3s);
}

TEST_F(Names, OptionsThatCannotBeAreRefusedInWords) {
  pair.world.call(pair.client, [this](Worker& worker) {
    const auto expect = [&](ResolverOptions wrong, std::string_view named) {
      const auto created = Resolver::create(worker, wrong);
      ASSERT_FALSE(created.has_value()) << named;
      EXPECT_NE(created.error().find(named), std::string::npos) << created.error();
    };
    ResolverOptions wrong = options;
    wrong.tries = 0;
    expect(wrong, "tries");
    wrong = options;
    wrong.timeout = 0s;
    expect(wrong, "timeout");
    wrong = options;
    wrong.queries_max = 0;
    expect(wrong, "queries_max");
    wrong = options;
    wrong.servers = {{kWeb, Port{0}}};
    expect(wrong, "203.0.113.80");
    wrong = options;
    wrong.servers = {{IpAddress::v4(127, 0, 0, 53), Port{53}}};
    expect(wrong, "127.0.0.53:53 is a loopback address");
    wrong = options;
    wrong.limit = 0s;
    expect(wrong, "limit");
    wrong = options;
    wrong.hosts_file = "/nowhere/hosts";
    expect(wrong, "/nowhere/hosts");
    wrong = options;
    wrong.resolv_conf = "/nowhere/resolv.conf";
    expect(wrong, "/nowhere/resolv.conf");
  });
}

}  // namespace
}  // namespace millrace::test
