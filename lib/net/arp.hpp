// Arp: answers and asks "who has this IPv4 address" (RFC 826), announces our own addresses and
// notices others that claim them (RFC 5227). What is remembered, and when to ask, is left to the
// neighbor table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "base/random.hpp"
#include "net/interface.hpp"
#include "net/neighbor_table.hpp"
#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "wire/arp.hpp"

namespace millrace::net {

/// Another host claimed one of our addresses.
struct Conflict {
  IpAddress address;
  MacAddress claimed_by;

  friend constexpr bool operator==(const Conflict&, const Conflict&) noexcept = default;
};

/// ARP of one core on all of its interfaces. Counts every packet that it drops.
///
/// Who may write into the neighbor table: a packet for one of our addresses may make an entry,
/// because its sender is about to talk to us; any other packet only changes an entry that is there.
/// An address of ours, one that is not unicast and one that is not on the link never gets an entry
/// from a packet.
class Arp {
 public:
  // RFC 5227 §1.1: how often, and how far apart.
  static constexpr std::uint8_t kAnnouncementsMax = 2;
  static constexpr Duration kAnnounceInterval = std::chrono::seconds{2};
  static constexpr Duration kDefendInterval = std::chrono::seconds{10};
  /// From the probe to the first announcement, plus up to as much again at random.
  static constexpr Duration kAnnounceWait = std::chrono::milliseconds{100};

  /// `interfaces` have their index as position and must outlive this, as all else that is passed.
  Arp(std::span<Interface> interfaces, NeighborTable& neighbors, packet::PacketPool& headers,
      CoreStats& stats, base::Random& random);

  /// Probes every address once, and announces it twice unless the probe is answered.
  // Deviates from RFC 5227 §2.1.1: one probe instead of three, and the address is used at once,
  // because it was configured by an operator who wants the server up now; a conflict is still
  // noticed, at any time, by §2.4.
  void start(Instant now);

  /// `packet` starts at the ARP packet, behind the link header that the caller has judged.
  void on_packet(Instant now, Interface& interface, packet::Packet packet) noexcept;

  /// Sends what is due: announcements, requests, probes.
  void advance(Instant now) noexcept;
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;

  /// Sends the requests that the neighbor table wants sent. For those who have just parked a frame.
  void send_solicitations() noexcept;

  /// The oldest conflict since the last call, for a log line. Every one is counted in the
  /// statistics.
  [[nodiscard]] std::optional<Conflict> take_conflict() noexcept;

 private:
  /// One of our addresses on one interface.
  struct Claim {
    std::uint32_t interface_index = 0;
    IpAddress address;
    bool is_contested = false;  // Somebody claimed it: no more announcements of our own accord.
    std::optional<Instant> defended_at{};
  };

  void on_valid_packet(Instant now, Interface& interface, packet::Packet packet,
                       const wire::ArpPacket& received) noexcept;
  void on_conflict(Instant now, Interface& interface, const wire::ArpPacket& received) noexcept;
  void answer(Interface& interface, packet::Packet packet, const wire::ArpPacket& request) noexcept;
  void send_request(Interface& interface, const MacAddress& destination, const IpAddress& sender,
                    const IpAddress& target) noexcept;
  void send(Interface& interface, packet::Packet packet, const MacAddress& destination,
            const wire::ArpPacket& values) noexcept;
  void announce(Instant now) noexcept;

  std::span<Interface> interfaces_;
  NeighborTable& neighbors_;
  packet::PacketPool& headers_;
  CoreStats& stats_;
  base::Random& random_;
  std::vector<Claim> claims_;  // Filled by `start`.
  std::uint8_t announcements_left_ = 0;
  Instant announce_at_{};
  std::optional<Conflict> conflict_;
};

}  // namespace millrace::net
