// NeighborTable: which MAC address a next hop has, how long that is believed, and the frames that
// wait to know. It decides when to ask and whom; putting the question into a packet is left to
// `Arp`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "base/intrusive_list.hpp"
#include "base/keyed_hash.hpp"
#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "base/timer_wheel.hpp"
#include "net/interface.hpp"
#include "packet/packet.hpp"
#include "packet/packet_queue.hpp"

namespace millrace::net {

/// How long things take. The defaults tell an application of an absent neighbor within 3 s.
struct NeighborTimes {
  // Deviates from RFC 1122 §2.3.2.1: 0.9 s instead of 1 s between requests, because three of them
  // must fail within 3 s.
  Duration request_interval = std::chrono::milliseconds{900};
  Duration probe_interval = std::chrono::seconds{1};  ///< Between unicast probes.
  Duration refresh_after =
      std::chrono::seconds{45};  ///< Probes start at this age, if the entry was used since.
  Duration reachable =
      std::chrono::seconds{60};  ///< Age at which an entry that nobody uses is removed.
};

enum class NeighborState : std::uint8_t {
  Incomplete,  ///< Asked by broadcast; frames wait.
  Reachable,   ///< Known.
  Probing,     ///< Known and in use, being refreshed by unicast.
};

/// What a neighbor is found by.
struct NeighborKey {
  std::uint32_t interface_index = 0;
  IpAddress address;

  friend constexpr bool operator==(const NeighborKey&, const NeighborKey&) noexcept = default;
};

/// A question to be sent: who has `target.address`?
struct Solicitation {
  NeighborKey target;
  MacAddress destination;  ///< Broadcast, or the address last known.
};

/// Whether news about an address that is not in the table may make an entry.
enum class Creation : std::uint8_t { Forbidden, Allowed };

/// One core's neighbors. Bounded in entries, in frames that wait, and in what others can make it
/// forget: entries that only others asked for are given up first and never displace one that was
/// used, and at most half of the entries may be Incomplete, so that traffic to absent hosts leaves
/// room for present ones.
///
///     park()          answer               45 s, used           answer, confirm()
///     ------> Incomplete ------> Reachable ------------> Probing -----------------> Reachable
///                 | 2.7 s            | 60 s, unused          | 3 s without answer
///                 v                  v                       v
///          frames to failed()      removed                 removed
///
/// Drops: what a function returns as DropReason is left to the caller to count; frames that are
/// dropped or given up in another's favor are counted here.
class NeighborTable {
 public:
  /// A burst of a hundred questions to a server, or of connections to a gateway, gets through the
  /// first time; Linux holds about as many (`unres_qlen_bytes`).
  static constexpr std::uint32_t kParkedPerNeighborMax = 128;
  static constexpr std::uint32_t kParkedMax =
      512;  ///< Frames of `failed()` that nobody took count too.
  static constexpr std::uint8_t kRequestsMax = 3;
  static constexpr std::uint8_t kProbesMax = 3;

  /// `capacity` in entries, at least 1. Draws the key of its hash from `random`.
  NeighborTable(std::uint32_t capacity, base::Random& random, Instant now, CoreStats& stats,
                const NeighborTimes& times = {});
  NeighborTable(const NeighborTable&) = delete;
  NeighborTable& operator=(const NeighborTable&) = delete;
  ~NeighborTable() = default;

  /// The MAC address to send to, if it is known. Counts as a use of the entry.
  [[nodiscard]] std::optional<MacAddress> resolve(Instant now, const NeighborKey& key) noexcept;

  /// Keeps a whole frame, whose Ethernet destination is still zero, until the neighbor is known:
  /// `resolve` has just said that it is not. Makes the entry and its first solicitation if there is
  /// none. Fails with NeighborTableFull, or with NeighborQueueFull when `kParkedMax` frames wait
  /// elsewhere.
  [[nodiscard]] Result<void, DropReason> park(Instant now, const NeighborKey& key,
                                              packet::Packet frame) noexcept;

  /// A packet on `interface` said that `address` has `mac`. Frames that wait for it go to the
  /// transmit queue. Returns whether there is an entry for the address now.
  bool learn(Instant now, Interface& interface, const IpAddress& address, const MacAddress& mac,
             Creation creation) noexcept;

  /// Something proved that the neighbor still takes our frames: TCP's forward progress, say. Cheap;
  /// for unknown ones without effect.
  void confirm(Instant now, const NeighborKey& key) noexcept;

  /// Something suggests that the neighbor no longer takes our frames: TCP has sent a segment again
  /// and again, say (RFC 9293 §3.8.3, RFC 1122 §2.3.2.1). It is asked at once, and forgotten if it
  /// does not answer. For unknown ones, and those that are being asked, without effect.
  void doubt(Instant now, const NeighborKey& key) noexcept;

  /// Expires what is due. Bounded; `next_deadline()` stays at `now` or before when there is more.
  void advance(Instant now) noexcept;
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept {
    return timers_.next_deadline();
  }

  /// The next question to send, if one is due. Call until empty after `advance` and `park`.
  [[nodiscard]] std::optional<Solicitation> next_solicitation() noexcept;

  /// Frames whose neighbor never answered, counted as NeighborUnresolved already. They start at the
  /// Ethernet header, their destination MAC is zero and their note has the interface's index. For
  /// the stack to tell their senders.
  [[nodiscard]] packet::PacketQueue& failed() noexcept { return failed_; }

  [[nodiscard]] std::optional<NeighborState> state_of(const NeighborKey& key) const noexcept;
  [[nodiscard]] std::uint32_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return slots_.capacity(); }
  [[nodiscard]] std::uint32_t parked() const noexcept { return parked_; }

  /// Walks over the whole table. For debug builds and tests.
  void check_invariants() noexcept;

 private:
  struct Neighbor {
    explicit Neighbor(const NeighborKey& of) noexcept : key{of} {}

    NeighborKey key;
    MacAddress mac;
    NeighborState state = NeighborState::Incomplete;
    std::uint8_t solicitations = 0;  // Sent or due since the state was entered.
    bool was_used = false;           // Ever looked up by a sender; else only learned.
    Instant confirmed_at{};
    Instant used_at{};
    Neighbor* next_in_bucket = nullptr;
    base::TimerNode timer;
    base::ListLink age_link;     // In used_ or unused_ unless Incomplete.
    base::ListLink asking_link;  // In asking_ while a solicitation is due.
    packet::PacketQueue waiting;
  };
  using AgeList = base::IntrusiveList<Neighbor, &Neighbor::age_link>;
  using AskingList = base::IntrusiveList<Neighbor, &Neighbor::asking_link>;
  static constexpr std::size_t kRecentMax = 64;

  // Which of the recent ones a key may be. Not secret: next hops are on the link, and whoever makes
  // two of them share a place makes us look into the table.
  [[nodiscard]] static std::size_t recent_place(const NeighborKey& key) noexcept;
  [[nodiscard]] Neighbor*& bucket_of(const NeighborKey& key) const noexcept;
  [[nodiscard]] Neighbor* find(const NeighborKey& key) const noexcept;
  [[nodiscard]] Neighbor* insert(const NeighborKey& key) noexcept;
  [[nodiscard]] Neighbor* insert_incomplete(Instant now, const NeighborKey& key) noexcept;
  [[nodiscard]] Neighbor* insert_learned(const NeighborKey& key) noexcept;
  void remove(Neighbor& neighbor) noexcept;

  void touch(Instant now, Neighbor& neighbor) noexcept;
  void become_reachable(Instant now, Neighbor& neighbor) noexcept;
  void ask(Neighbor& neighbor) noexcept;
  void start_probing(Instant now, Neighbor& neighbor) noexcept;
  void release_waiting(Interface& interface, Neighbor& neighbor) noexcept;

  void on_timer(Instant now, Neighbor& neighbor) noexcept;
  void on_incomplete_timer(Instant now, Neighbor& neighbor) noexcept;
  void on_reachable_timer(Instant now, Neighbor& neighbor) noexcept;
  void on_probing_timer(Instant now, Neighbor& neighbor) noexcept;

  NeighborTimes times_;
  CoreStats& stats_;
  base::KeyedHash hash_;
  base::SlotTable<Neighbor> slots_;
  std::uint32_t bucket_mask_;
  std::unique_ptr<Neighbor*[]> buckets_;
  std::array<Neighbor*, kRecentMax> recent_{};  // Known, and sent to lately; by `recent_place`.
  base::TimerWheel timers_;
  AgeList used_;    // Least recently used first.
  AgeList unused_;  // Oldest first.
  AskingList asking_;
  packet::PacketQueue failed_;
  std::uint32_t parked_ = 0;
  std::uint32_t incomplete_ = 0;
};

}  // namespace millrace::net
