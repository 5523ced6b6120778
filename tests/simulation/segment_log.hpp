// What a pair of hosts says to each other in TCP: each segment with what tests look at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "simulation/network.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::test {

struct LoggedSegment {
  Instant at;
  bool is_clients = false;
  wire::Ipv4Header ip;
  wire::TcpHeader tcp;
  wire::TcpOptions options;
  std::size_t payload_bytes = 0;
};

class SegmentLog {
 public:
  /// Hears of every frame from now on, and stays until the network is gone.
  explicit SegmentLog(Pair& pair) {
    pair.world.on_frame([this, &pair](const sim::Host& host, const sim::Frame& frame) {
      add(pair.world.now(), &host == &pair.client, frame);
    });
  }

  [[nodiscard]] const std::vector<LoggedSegment>& all() const noexcept { return segments_; }
  void clear() noexcept { segments_.clear(); }
  /// Those of one side with payload, or with the flags, in order.
  [[nodiscard]] std::vector<LoggedSegment> data_of(bool client) const {
    return those([&](const LoggedSegment& one) {
      return one.is_clients == client && one.payload_bytes > 0;
    });
  }
  [[nodiscard]] std::vector<LoggedSegment> with(bool client, std::uint8_t flag) const {
    return those([&](const LoggedSegment& one) {
      return one.is_clients == client && one.tcp.flags.has(flag);
    });
  }

 private:
  template <class Wanted>
  [[nodiscard]] std::vector<LoggedSegment> those(Wanted wanted) const {
    std::vector<LoggedSegment> found;
    for (const LoggedSegment& one : segments_) {
      if (wanted(one)) {
        found.push_back(one);
      }
    }
    return found;
  }

  void add(Instant now, bool is_clients, const sim::Frame& frame) {
    const std::span<const std::byte> bytes{frame};
    const auto ethernet = wire::parse_ethernet(bytes);
    if (!ethernet || ethernet->type != wire::EtherType::Ipv4) {
      return;
    }
    const auto ip = wire::parse_ipv4(bytes.subspan(wire::kEthernetHeaderSize));
    if (!ip || ip->protocol != wire::IpProtocol::Tcp) {
      return;
    }
    const auto segment =
        bytes.subspan(wire::kEthernetHeaderSize + ip->header_length, ip->payload_length());
    const auto tcp = wire::parse_tcp(segment);
    if (!tcp) {
      return;
    }
    const auto options = wire::TcpOptions::parse(
        segment.subspan(wire::kTcpHeaderSize, tcp->header_length - wire::kTcpHeaderSize));
    segments_.push_back({.at = now,
                         .is_clients = is_clients,
                         .ip = *ip,
                         .tcp = *tcp,
                         .options = options.value_or(wire::TcpOptions{}),
                         .payload_bytes = segment.size() - tcp->header_length});
  }

  std::vector<LoggedSegment> segments_;
};

}  // namespace millrace::test
