// The resolver and a name server on two hosts: search domains, answers too long for UDP, memory by
// TTL, trouble, and what is left when it goes. c-ares keeps its own time, which is the machine's:
// only what waits for it takes any, a few milliseconds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include <millrace/resolver.hpp>

#include "simulation/network.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

constexpr IpAddress kWeb = IpAddress::v4(203, 0, 113, 80);
constexpr std::size_t kHeader = 12;
constexpr std::size_t kUdpMax = 512;

/// What the server knows of a name.
struct Record {
  std::vector<IpAddress> addresses;
  std::uint32_t ttl = 60;
  std::uint8_t response_code = 0;
};

using Bytes = std::vector<std::byte>;

void add16(Bytes& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::byte>(value >> 8U & 0xffU));
  bytes.push_back(static_cast<std::byte>(value & 0xffU));
}

/// A name server of a few lines (RFC 1035 §4): A records, whole answers by TCP, cut ones by UDP.
class NameServer final : public UdpHandler, public TcpHandler {
 public:
  Result<void, std::string> start(Worker& worker) {
    socket = worker.open_udp({.port = Port{53}}, *this).value();
    listener = worker.listen({.port = Port{53}}, *this).value();
    return {};
  }
  void on_readable(UdpSocket of) override {
    while (auto question = of.receive()) {
      Bytes asked(question->payload.total_size());
      question->payload.copy_to(asked);
      ++by_udp;
      if (!is_silent) {
        static_cast<void>(of.send_to(question->source, answer(asked, kUdpMax)));
      }
    }
  }
  void on_readable(TcpSocket of) override {
    const auto bytes = of.peek();
    const Bytes asked{bytes.begin() + 2, bytes.end()};
    static_cast<void>(of.consume(bytes.size()));
    ++by_tcp;
    const Bytes whole = answer(asked, 65'535);
    Bytes framed;
    add16(framed, static_cast<std::uint32_t>(whole.size()));
    framed.insert(framed.end(), whole.begin(), whole.end());
    static_cast<void>(of.send(framed));
  }
  void on_peer_finished(TcpSocket of) override { static_cast<void>(of.close()); }

  std::map<std::string, Record> records;
  std::vector<std::string> asked_for;
  unsigned by_udp = 0;
  unsigned by_tcp = 0;
  bool is_silent = false;
  UdpSocket socket;
  TcpListener listener;

 private:
  Bytes answer(const Bytes& asked, std::size_t most) {
    std::string name;
    std::size_t at = kHeader;
    for (auto length = std::to_integer<std::size_t>(asked[at]); length != 0;
         length = std::to_integer<std::size_t>(asked[at])) {
      for (std::size_t i = 1; i <= length; ++i) {
        name += static_cast<char>(asked[at + i]);
      }
      name += '.';
      at += length + 1;
    }
    asked_for.push_back(name);
    const std::size_t question_end = at + 5;
    const auto found = records.find(name);
    const Record record =
        found == records.end() ? Record{.addresses = {}, .response_code = 3} : found->second;
    const bool is_cut = question_end + 16 * record.addresses.size() > most;
    Bytes made{asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(question_end)};
    made[2] = static_cast<std::byte>(is_cut ? 0x83 : 0x81);
    made[3] = static_cast<std::byte>(0x80U | record.response_code);
    const std::size_t count = is_cut ? 0 : record.addresses.size();
    made[6] = static_cast<std::byte>(count >> 8U);
    made[7] = static_cast<std::byte>(count & 0xffU);
    made[8] = made[9] = made[10] = made[11] = std::byte{0};
    for (std::size_t i = 0; i < count; ++i) {
      add16(made, 0xc00c);
      add16(made, 1);
      add16(made, 1);
      add16(made, record.ttl >> 16U);
      add16(made, record.ttl & 0xffffU);
      add16(made, 4);
      for (const std::uint8_t octet : record.addresses[i].v4_bytes()) {
        made.push_back(std::byte{octet});
      }
    }
    return made;
  }
};

class Names : public ::testing::Test {
 protected:
  Names() {
    EXPECT_TRUE(
        pair.world.start(pair.server, [this](Worker& worker) { return server.start(worker); }));
    options.servers = {pair.server_at(53)};
    options.resolv_conf = "/dev/null";
    options.hosts_file = "";
    options.search = {"example.net"};
  }
  ~Names() override {
    resolver.reset();
    pair.world.call(pair.server, [this](Worker&) {
      static_cast<void>(server.socket.close());
      static_cast<void>(server.listener.close());
    });
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
  EXPECT_EQ(look_up("WWW.example.NET."), kWeb);
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

TEST_F(Names, WhatIsTooLongForUdpComesByTcp) {
  covers({"RFC 1035 §4.2.1", "RFC 7766 §5"});
  Record& many = server.records["many.example.net."];
  for (std::uint8_t i = 1; i <= 200; ++i) {
    many.addresses.push_back(IpAddress::v4(203, 0, 113, i));
  }
  open();
  EXPECT_EQ(look_up("many.example.net"), IpAddress::v4(203, 0, 113, 1));
  EXPECT_EQ(count, 200U);
  EXPECT_EQ(server.by_udp, 1U);
  EXPECT_EQ(server.by_tcp, 1U);
}

TEST_F(Names, TroubleHasItsOwnWords) {
  server.records["broken.example.net."] = {.addresses = {}, .response_code = 2};
  server.records["refused.example.net."] = {.addresses = {}, .response_code = 5};
  server.records["empty.example.net."] = {.addresses = {}};
  open();
  EXPECT_EQ(look_up("absent.example.org").error(), Error::NameNotFound);
  EXPECT_EQ(look_up("empty.example.net").error(), Error::NameNotFound);
  EXPECT_EQ(look_up("broken.example.net").error(), Error::NameServerFailed);
  EXPECT_EQ(look_up("refused.example.net").error(), Error::NameServerFailed);
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
    wrong.hosts_file = "/nowhere/hosts";
    expect(wrong, "/nowhere/hosts");
  });
}

}  // namespace
}  // namespace millrace::test
