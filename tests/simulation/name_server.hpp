// A name server of a few lines (RFC 1035 §4) for simulated hosts: A records and other names, whole
// answers by TCP, cut ones by UDP.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <millrace/worker.hpp>

namespace millrace::test {

class NameServer final : public UdpHandler, public TcpHandler {
 public:
  /// What it knows of a name.
  struct Record {
    std::vector<IpAddress> addresses{};
    std::uint32_t ttl = 60;
    std::uint8_t response_code = 0;
    std::string alias_of{};  // In small letters with a dot at the end, as all names here.
  };

  Result<void, std::string> start(Worker& worker);
  void stop();

  void on_readable(UdpSocket of) override;
  void on_accepted(TcpSocket of) override;
  void on_readable(TcpSocket of) override;
  void on_peer_finished(TcpSocket of) override;

  std::map<std::string, Record> records;
  std::vector<std::string> asked_for;
  std::vector<Port> asked_from;  // By UDP.
  unsigned by_udp = 0;
  unsigned by_tcp = 0;
  unsigned connections = 0;
  std::uint32_t soa_lifetime = 0;  // Of the record that a denial carries; zero: it has none.
  std::uint32_t soa_minimum = 0;   // Its last field.
  bool is_silent = false;
  bool reads_tcp = true;  // Else questions wait until another one comes.
  UdpSocket socket;
  TcpListener listener;

 private:
  using Bytes = std::vector<std::byte>;

  [[nodiscard]] Bytes answer(const Bytes& asked, std::size_t most);
};

}  // namespace millrace::test
