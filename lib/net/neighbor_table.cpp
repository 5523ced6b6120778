// The states of neighbors, their timers, and the frames that wait for them.
#include "net/neighbor_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "base/contract.hpp"
#include "net/transmit_queue.hpp"
#include "wire/ethernet.hpp"

namespace millrace::net {

namespace {

/// Entries that one `advance` expires at most.
constexpr std::uint32_t kExpiriesPerAdvance = 64;

std::array<std::byte, base::KeyedHash::kKeyBytes> draw_key(base::Random& random) noexcept {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return key;
}

void set_destination(packet::Packet& frame, const MacAddress& mac) noexcept {
  auto header = wire::parse_ethernet(frame.data());
  base::expects(header.has_value());
  header->destination = mac;
  wire::emit_ethernet(frame.data(), *header);
}

}  // namespace

NeighborTable::NeighborTable(std::uint32_t capacity, base::Random& random, Instant now,
                             CoreStats& stats, const NeighborTimes& times)
    : times_{times},
      stats_{stats},
      hash_{draw_key(random)},
      slots_{capacity},
      bucket_mask_{std::bit_ceil(capacity) - 1},
      buckets_{std::make_unique<Neighbor*[]>(std::size_t{bucket_mask_} + 1)},
      timers_{now} {
  base::expects(times.refresh_after <= times.reachable);
}

std::optional<MacAddress> NeighborTable::resolve(Instant now, const NeighborKey& key) noexcept {
  Neighbor*& recent = recent_[recent_place(key)];
  if (recent == nullptr || recent->key != key) {
    Neighbor* const neighbor = find(key);
    if (neighbor == nullptr || neighbor->state == NeighborState::Incomplete) {
      return std::nullopt;
    }
    recent = neighbor;
  }
  touch(now, *recent);
  return recent->mac;
}

Result<void, DropReason> NeighborTable::park(Instant now, const NeighborKey& key,
                                             packet::Packet frame) noexcept {
  Neighbor* neighbor = find(key);
  if (neighbor == nullptr) {
    neighbor = insert_incomplete(now, key);
  }
  if (neighbor == nullptr) {
    return fail(DropReason::NeighborTableFull);
  }
  base::expects(neighbor->state == NeighborState::Incomplete);
  neighbor->used_at = now;
  const bool is_full = parked_ + failed_.size() >= kParkedMax;
  if (is_full && neighbor->waiting.empty()) {
    return fail(DropReason::NeighborQueueFull);
  }
  if (is_full || neighbor->waiting.size() == kParkedPerNeighborMax) {
    // RFC 1122 §2.3.2.2: keep at least the latest packet.
    static_cast<void>(neighbor->waiting.pop_front());
    --parked_;
    stats_.count(DropReason::NeighborQueueFull);
  }
  frame.note().interface_index = key.interface_index;
  neighbor->waiting.push_back(std::move(frame));
  ++parked_;
  return {};
}

bool NeighborTable::learn(Instant now, Interface& interface, const IpAddress& address,
                          const MacAddress& mac, Creation creation) noexcept {
  const NeighborKey key{.interface_index = interface.index, .address = address};
  Neighbor* neighbor = find(key);
  if (neighbor == nullptr && creation == Creation::Allowed) {
    neighbor = insert_learned(key);
  }
  if (neighbor == nullptr) {
    return false;
  }
  neighbor->mac = mac;
  become_reachable(now, *neighbor);
  release_waiting(interface, *neighbor);
  return true;
}

void NeighborTable::confirm(Instant now, const NeighborKey& key) noexcept {
  Neighbor* const neighbor = find(key);
  if (neighbor == nullptr || neighbor->state == NeighborState::Incomplete) {
    return;
  }
  if (neighbor->state == NeighborState::Probing) {
    become_reachable(now, *neighbor);
  } else {
    // The timer is left where it is and finds out when it fires: this is called far more often than
    // that.
    neighbor->confirmed_at = now;
  }
}

void NeighborTable::doubt(Instant now, const NeighborKey& key) noexcept {
  Neighbor* const neighbor = find(key);
  if (neighbor != nullptr && neighbor->state == NeighborState::Reachable) {
    start_probing(now, *neighbor);
  }
}

void NeighborTable::advance(Instant now) noexcept {
  timers_.advance(now, kExpiriesPerAdvance,
                  [&](base::TimerNode& timer) { on_timer(now, slots_.at(timer.owner)); });
}

std::optional<Solicitation> NeighborTable::next_solicitation() noexcept {
  const Neighbor* const neighbor = asking_.pop_front();
  if (neighbor == nullptr) {
    return std::nullopt;
  }
  // RFC 1122 §2.3.2.1 (2): an entry that is merely old is checked by unicast, which disturbs nobody
  // else.
  const bool is_known = neighbor->state != NeighborState::Incomplete;
  return Solicitation{.target = neighbor->key,
                      .destination = is_known ? neighbor->mac : MacAddress::broadcast()};
}

std::optional<NeighborState> NeighborTable::state_of(const NeighborKey& key) const noexcept {
  const Neighbor* const neighbor = find(key);
  return neighbor == nullptr ? std::nullopt : std::optional{neighbor->state};
}

std::size_t NeighborTable::recent_place(const NeighborKey& key) noexcept {
  // Neighbors differ in the end of their addresses.
  constexpr std::size_t kEnd = sizeof(std::uint32_t);
  constexpr std::uint32_t kSpread = 0x9e37'79b1;  // 2^32 divided by the golden ratio.
  constexpr unsigned kShift = 32 - std::countr_zero(kRecentMax);
  std::uint32_t end = 0;
  std::memcpy(&end, key.address.bytes().data() + IpAddress::kSize - kEnd, kEnd);
  return (end + key.interface_index) * kSpread >> kShift;
}

NeighborTable::Neighbor*& NeighborTable::bucket_of(const NeighborKey& key) const noexcept {
  std::array<std::byte, sizeof(key.interface_index) + IpAddress::kSize> bytes;
  std::memcpy(bytes.data(), &key.interface_index, sizeof(key.interface_index));
  std::memcpy(bytes.data() + sizeof(key.interface_index), key.address.bytes().data(),
              IpAddress::kSize);
  return buckets_[hash_(bytes) & bucket_mask_];
}

NeighborTable::Neighbor* NeighborTable::find(const NeighborKey& key) const noexcept {
  Neighbor* neighbor = bucket_of(key);
  while (neighbor != nullptr && neighbor->key != key) {
    neighbor = neighbor->next_in_bucket;
  }
  return neighbor;
}

NeighborTable::Neighbor* NeighborTable::insert(const NeighborKey& key) noexcept {
  Neighbor* const neighbor = slots_.emplace(key);
  base::ensures(neighbor != nullptr);
  neighbor->timer.owner = slots_.index_of(*neighbor);
  Neighbor*& bucket = bucket_of(key);
  neighbor->next_in_bucket = std::exchange(bucket, neighbor);
  ++incomplete_;
  return neighbor;
}

NeighborTable::Neighbor* NeighborTable::insert_incomplete(Instant now,
                                                          const NeighborKey& key) noexcept {
  if (incomplete_ >= (slots_.capacity() + 1) / 2) {
    return nullptr;
  }
  if (slots_.size() == slots_.capacity()) {
    Neighbor* const victim = unused_.empty() ? used_.front() : unused_.front();
    if (victim == nullptr) {
      return nullptr;
    }
    remove(*victim);
  }
  Neighbor* const neighbor = insert(key);
  neighbor->was_used = true;
  ask(*neighbor);
  timers_.arm(neighbor->timer, now + times_.request_interval);
  return neighbor;
}

NeighborTable::Neighbor* NeighborTable::insert_learned(const NeighborKey& key) noexcept {
  if (slots_.size() == slots_.capacity()) {
    // What others say about themselves never displaces what is in use here.
    if (unused_.empty()) {
      return nullptr;
    }
    remove(*unused_.front());
  }
  return insert(key);
}

void NeighborTable::remove(Neighbor& neighbor) noexcept {
  timers_.cancel(neighbor.timer);
  if (neighbor.age_link.is_linked()) {
    AgeList::unlink(neighbor);
  }
  if (neighbor.asking_link.is_linked()) {
    AskingList::unlink(neighbor);
  }
  if (neighbor.state == NeighborState::Incomplete) {
    --incomplete_;
  }
  base::expects(neighbor.waiting.empty());
  Neighbor*& recent = recent_[recent_place(neighbor.key)];
  recent = recent == &neighbor ? nullptr : recent;
  Neighbor** link = &bucket_of(neighbor.key);
  while (*link != &neighbor) {
    link = &(*link)->next_in_bucket;
  }
  *link = neighbor.next_in_bucket;
  slots_.erase(slots_.index_of(neighbor));
}

void NeighborTable::touch(Instant now, Neighbor& neighbor) noexcept {
  if (neighbor.was_used && neighbor.used_at == now) {
    return;  // One turn sends many frames to the same neighbor.
  }
  neighbor.was_used = true;
  neighbor.used_at = now;
  AgeList::unlink(neighbor);
  used_.push_back(neighbor);
  if (neighbor.state == NeighborState::Reachable &&
      now >= neighbor.confirmed_at + times_.refresh_after) {
    timers_.arm(neighbor.timer, now);  // It was idle when its refresh was due, and is not any more.
  }
}

void NeighborTable::become_reachable(Instant now, Neighbor& neighbor) noexcept {
  if (neighbor.state == NeighborState::Incomplete) {
    --incomplete_;
    (neighbor.was_used ? used_ : unused_).push_back(neighbor);
  }
  if (neighbor.asking_link.is_linked()) {
    AskingList::unlink(neighbor);
  }
  neighbor.state = NeighborState::Reachable;
  neighbor.confirmed_at = now;
  timers_.arm(neighbor.timer, now + times_.refresh_after);
}

void NeighborTable::ask(Neighbor& neighbor) noexcept {
  ++neighbor.solicitations;
  if (!neighbor.asking_link.is_linked()) {
    asking_.push_back(neighbor);
  }
}

void NeighborTable::start_probing(Instant now, Neighbor& neighbor) noexcept {
  neighbor.state = NeighborState::Probing;
  neighbor.solicitations = 0;
  ask(neighbor);
  timers_.arm(neighbor.timer, now + times_.probe_interval);
}

void NeighborTable::release_waiting(Interface& interface, Neighbor& neighbor) noexcept {
  while (packet::Packet frame = neighbor.waiting.pop_front()) {
    --parked_;
    set_destination(frame, neighbor.mac);
    if (const auto queued = enqueue_frame(interface, std::move(frame)); !queued) {
      stats_.count(queued.error());
    }
  }
}

void NeighborTable::on_timer(Instant now, Neighbor& neighbor) noexcept {
  switch (neighbor.state) {
    case NeighborState::Incomplete: on_incomplete_timer(now, neighbor); return;
    case NeighborState::Reachable: on_reachable_timer(now, neighbor); return;
    case NeighborState::Probing: on_probing_timer(now, neighbor); return;
  }
}

void NeighborTable::on_incomplete_timer(Instant now, Neighbor& neighbor) noexcept {
  if (neighbor.solicitations < kRequestsMax) {
    ask(neighbor);
    timers_.arm(neighbor.timer, now + times_.request_interval);
    return;
  }
  while (packet::Packet frame = neighbor.waiting.pop_front()) {
    --parked_;
    stats_.count(DropReason::NeighborUnresolved);
    failed_.push_back(std::move(frame));
  }
  remove(neighbor);
}

void NeighborTable::on_reachable_timer(Instant now, Neighbor& neighbor) noexcept {
  const Instant refresh_at = neighbor.confirmed_at + times_.refresh_after;
  const Instant expires_at = neighbor.confirmed_at + times_.reachable;
  if (now < refresh_at) {
    timers_.arm(neighbor.timer, refresh_at);  // Confirmed since the timer was armed.
  } else if (neighbor.was_used && neighbor.used_at > neighbor.confirmed_at) {
    start_probing(now, neighbor);
  } else if (now < expires_at) {
    timers_.arm(neighbor.timer, expires_at);
  } else {
    remove(neighbor);
  }
}

void NeighborTable::on_probing_timer(Instant now, Neighbor& neighbor) noexcept {
  if (neighbor.solicitations < kProbesMax) {
    ask(neighbor);
    timers_.arm(neighbor.timer, now + times_.probe_interval);
  } else {
    remove(neighbor);
  }
}

void NeighborTable::check_invariants() noexcept {
  std::uint32_t incomplete = 0;
  std::uint32_t parked = 0;
  slots_.for_each([&](Neighbor& neighbor) {
    const bool is_incomplete = neighbor.state == NeighborState::Incomplete;
    base::ensures(find(neighbor.key) == &neighbor);
    base::ensures(!is_incomplete || recent_[recent_place(neighbor.key)] != &neighbor);
    base::ensures(neighbor.timer.is_armed());
    base::ensures(neighbor.age_link.is_linked() != is_incomplete);
    base::ensures(is_incomplete || neighbor.waiting.empty());
    base::ensures(neighbor.waiting.size() <= kParkedPerNeighborMax);
    incomplete += is_incomplete ? 1 : 0;
    parked += neighbor.waiting.size();
  });
  for (const Neighbor* const recent : recent_) {
    base::ensures(recent == nullptr || find(recent->key) == recent);
  }
  base::ensures(incomplete == incomplete_);
  base::ensures(parked == parked_);
  base::ensures(parked_ + failed_.size() <= kParkedMax);
  base::ensures(timers_.armed() == slots_.size());
}

}  // namespace millrace::net
