// Reassembly: puts datagrams together from their fragments (RFC 791 §3.2, RFC 815), the packets
// chained as they came, nothing copied. What is kept is bounded in datagrams, fragments, bytes and
// time, in all and for each source, so that nobody's fragments can crowd others out for long.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <millrace/address.hpp>
#include <millrace/config.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "base/intrusive_list.hpp"
#include "base/keyed_hash.hpp"
#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "packet/packet.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_queue.hpp"
#include "wire/ipv4.hpp"

namespace millrace::net {

/// A fragment as it arrived.
struct Fragment {
  std::uint32_t interface_index = 0;
  wire::Ipv4Header header;
  bool is_link_unicast = true;
  packet::Packet packet;  ///< Starts at its IPv4 header and ends with its payload.
};

/// A datagram that is complete.
struct Reassembled {
  wire::Ipv4Header header;      ///< Of the whole: no fragment any more.
  bool is_link_unicast = true;  ///< Whether all of its fragments came so.
  packet::Packet packet;  ///< A chain that starts at the first fragment's IPv4 header, as it came.
};

/// Overlaps: a fragment that is in every byte's place one that has arrived is a duplicate and
/// ignored. Any other overlap, or an end that contradicts another, is what no sender makes and what
/// filters are deceived with, so the datagram is given up, with what of it is still to come until
/// its time is over (RFC 5722 §4 and RFC 8200 §4.5 demand the same of IPv6).
///
/// Drops: counts every packet that it drops.
class Reassembly {
 public:
  /// All that is passed must outlive it, but `random`, which keys its hash.
  Reassembly(const ReassemblyConfig& config, packet::PacketBudget& budget, base::Random& random,
             CoreStats& stats);
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;
  /// Gives back what it holds.
  ~Reassembly() { budget_.release(static_cast<std::uint32_t>(bytes_)); }

  /// The datagram, if this fragment was the last one missing.
  [[nodiscard]] std::optional<Reassembled> add(Instant now, Fragment fragment) noexcept;

  /// Gives up what has waited for too long; bounded, see `next_deadline`.
  void advance(Instant now) noexcept;
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;

  /// A datagram whose time was over after its first fragment had come: that fragment, for the
  /// sender to be told (RFC 1122 §3.3.2). Call until empty after `advance`.
  [[nodiscard]] packet::Packet take_expired() noexcept { return expired_.pop_front(); }

  /// Datagrams that are incomplete, those given up included until their time is over.
  [[nodiscard]] std::uint32_t size() const noexcept { return table_.size(); }
  /// Charged for what is kept.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::uint32_t kBuckets = 256;
  static constexpr std::uint32_t kExpiredPerTurn = 64;

  /// RFC 791 §3.2: what a datagram's fragments have in common; also the interface, so that what
  /// comes by one link never completes what comes by another.
  struct Key {
    IpAddress source;
    IpAddress destination;
    std::uint32_t interface_index = 0;
    std::uint16_t identification = 0;
    wire::IpProtocol protocol = wire::IpProtocol::Udp;

    friend bool operator==(const Key&, const Key&) noexcept = default;
  };

  /// One datagram. Fragments are in the order of their offsets, which stand in their notes; the
  /// first one's IPv4 header lies in front of its data.
  struct Entry {
    Entry(const Key& of, std::uint32_t place, Instant until) noexcept
        : key{of}, bucket{place}, expires{until} {}

    Key key;
    std::uint32_t bucket;
    Instant expires;
    wire::Ipv4Header first_header;  // Once the first fragment is here.
    packet::PacketQueue fragments;
    std::uint32_t payload_bytes = 0;  // Received so far.
    std::uint32_t total_bytes = 0;    // Zero until the last fragment has come.
    std::uint32_t charge = 0;
    bool is_link_unicast = true;
    bool is_congested = false;    // A router has marked a fragment.
    bool is_not_capable = false;  // A fragment was not to be marked.
    bool is_given_up = false;     // Fragments overlap: nothing is kept, or taken.
    base::ListLink age_link;      // Oldest first.
    base::ListLink source_link;   // Of its bucket, oldest first.
  };
  using AgeList = base::IntrusiveList<Entry, &Entry::age_link>;
  using SourceList = base::IntrusiveList<Entry, &Entry::source_link>;
  struct Bucket {
    SourceList entries;
    std::uint32_t count = 0;
  };

  /// Where a fragment belongs in its datagram.
  struct Place {
    packet::PacketQueue::Position before = nullptr;  // Null: in front.
    std::optional<DropReason> refusal;
  };

  [[nodiscard]] Entry* find(const Key& key) noexcept;
  [[nodiscard]] Entry& make_entry(Instant now, const Key& key) noexcept;
  [[nodiscard]] std::uint32_t bucket_of(const IpAddress& source) const noexcept;
  [[nodiscard]] bool could_make_room(std::uint32_t kept, std::uint32_t charge) const noexcept;
  [[nodiscard]] bool make_room(const Entry& entry, std::uint32_t charge) noexcept;
  [[nodiscard]] static Place find_place(const Entry& entry, std::uint32_t offset,
                                        std::uint32_t bytes) noexcept;
  [[nodiscard]] std::optional<DropReason> keep(Entry& entry, Fragment& fragment) noexcept;
  [[nodiscard]] Reassembled complete(Entry& entry) noexcept;
  void clear(Entry& entry, DropReason reason) noexcept;
  void give_up(Entry& entry) noexcept;
  void expire(Entry& entry) noexcept;
  void remove(Entry& entry) noexcept;

  const ReassemblyConfig& config_;
  packet::PacketBudget& budget_;
  CoreStats& stats_;
  base::KeyedHash hash_;
  std::uint64_t bytes_max_;
  base::SlotTable<Entry> table_;
  std::unique_ptr<Bucket[]> buckets_;  // By source: two that share one share its limit, too.
  AgeList ages_;
  packet::PacketQueue expired_;
  std::uint64_t bytes_ = 0;
};

}  // namespace millrace::net
