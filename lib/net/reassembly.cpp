// Fragments in, datagrams out, and what goes first when a limit is reached.
#include "net/reassembly.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/contract.hpp"
#include "base/deadline.hpp"

namespace millrace::net {

using packet::Packet;
using packet::PacketQueue;

namespace {

// RFC 791 §3.1: what a datagram can be at most, header included.
constexpr std::uint32_t kDatagramMax = 65'535;

base::KeyedHash make_hash(base::Random& random) noexcept {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return base::KeyedHash{key};
}

/// Whether a sender could have made it (RFC 791 §3.2).
bool is_possible(const wire::Ipv4Header& header) noexcept {
  const std::uint32_t bytes = header.payload_length();
  const bool is_cut_right = !header.more_fragments || bytes % 8 == 0;
  return bytes > 0 && is_cut_right &&
         std::uint32_t{header.header_length} + header.fragment_offset + bytes <= kDatagramMax;
}

std::uint32_t offset_of(PacketQueue::Position position) noexcept {
  return PacketQueue::note_of(position).sequence;
}

std::uint32_t end_of(PacketQueue::Position position) noexcept {
  return offset_of(position) + PacketQueue::size_of(position);
}

}  // namespace

Reassembly::Reassembly(const ReassemblyConfig& config, packet::PacketBudget& budget,
                       base::Random& random, CoreStats& stats)
    : config_{config},
      budget_{budget},
      stats_{stats},
      hash_{make_hash(random)},
      bytes_max_{std::min<std::uint64_t>(config.bytes, budget.limit() / 4)},
      table_{config.datagrams},
      buckets_{std::make_unique<Bucket[]>(kBuckets)} {}

std::optional<Reassembled> Reassembly::add(Instant now, Fragment fragment) noexcept {
  const wire::Ipv4Header& header = fragment.header;
  base::expects(fragment.packet.size() == header.total_length);
  ++stats_.ipv4_fragments_in;
  if (!is_possible(header)) {
    stats_.count(DropReason::Ipv4BadFragment);
    return std::nullopt;
  }
  const Key key{.source = header.source,
                .destination = header.destination,
                .interface_index = fragment.interface_index,
                .identification = header.identification,
                .protocol = header.protocol};
  Entry* const known = find(key);
  // Before a new one is made, for which another may have to go.
  if (known == nullptr && !could_make_room(0, fragment.packet.chain_charge())) {
    stats_.count(DropReason::Ipv4ReassemblyFull);
    return std::nullopt;
  }
  Entry& entry = known != nullptr ? *known : make_entry(now, key);
  if (const auto refusal = keep(entry, fragment)) {
    stats_.count(*refusal);
    if (*refusal == DropReason::Ipv4OverlappingFragment) {
      give_up(entry);
    }
    return std::nullopt;
  }
  if (entry.total_bytes == 0 || entry.payload_bytes < entry.total_bytes) {
    return std::nullopt;
  }
  // RFC 3168 §5.3: a mark on a part is one on the whole, and parts that could not be marked do not
  // belong to it. The first fragment alone may have options, and so be too long for the rest.
  const bool is_misfit = entry.is_congested && entry.is_not_capable;
  if (is_misfit || entry.first_header.header_length + entry.total_bytes > kDatagramMax) {
    clear(entry, DropReason::Ipv4BadFragment);
    remove(entry);
    return std::nullopt;
  }
  Reassembled whole = complete(entry);
  remove(entry);
  ++stats_.ipv4_datagrams_reassembled;
  return whole;
}

Reassembly::Entry* Reassembly::find(const Key& key) noexcept {
  for (Entry& entry : buckets_[bucket_of(key.source)].entries) {
    if (entry.key == key) {
      return &entry;
    }
  }
  return nullptr;
}

Reassembly::Entry& Reassembly::make_entry(Instant now, const Key& key) noexcept {
  const std::uint32_t place = bucket_of(key.source);
  Bucket& bucket = buckets_[place];
  if (bucket.count >= config_.per_source) {
    clear(*bucket.entries.front(), DropReason::Ipv4ReassemblyFull);
    remove(*bucket.entries.front());
  }
  if (table_.size() == table_.capacity()) {
    clear(*ages_.front(), DropReason::Ipv4ReassemblyFull);
    remove(*ages_.front());
  }
  // RFC 1122 §3.3.2: a fixed time, whatever the fragments' TTL.
  Entry* const entry = table_.emplace(key, place, base::later(now, config_.timeout));
  ages_.push_back(*entry);
  bucket.entries.push_back(*entry);
  ++bucket.count;
  return *entry;
}

std::uint32_t Reassembly::bucket_of(const IpAddress& source) const noexcept {
  const auto bytes = source.bytes();
  return static_cast<std::uint32_t>(hash_(std::as_bytes(std::span{bytes}))) % kBuckets;
}

std::optional<DropReason> Reassembly::keep(Entry& entry, Fragment& fragment) noexcept {
  const wire::Ipv4Header& header = fragment.header;
  const std::uint32_t offset = header.fragment_offset;
  const std::uint32_t bytes = header.payload_length();
  if (entry.is_given_up) {
    return DropReason::Ipv4OverlappingFragment;
  }
  const Place place = find_place(entry, offset, bytes);
  if (place.refusal) {
    return place.refusal;
  }
  const std::uint32_t end = offset + bytes;
  const bool contradicts = header.more_fragments
                               ? entry.total_bytes != 0 && end >= entry.total_bytes
                               : entry.total_bytes != 0 || (!entry.fragments.empty() &&
                                                            end_of(entry.fragments.back()) > end);
  if (contradicts) {
    return DropReason::Ipv4OverlappingFragment;
  }
  const std::uint32_t charge = fragment.packet.chain_charge();
  if (entry.fragments.size() >= config_.fragments || !make_room(entry, charge)) {
    return DropReason::Ipv4ReassemblyFull;
  }
  if (!header.more_fragments) {
    entry.total_bytes = end;
  }
  if (offset == 0) {
    entry.first_header = header;
  }
  entry.is_link_unicast = entry.is_link_unicast && fragment.is_link_unicast;
  const wire::Ecn ecn = wire::ecn_of(header.traffic_class);
  entry.is_congested = entry.is_congested || ecn == wire::Ecn::Congested;
  entry.is_not_capable = entry.is_not_capable || ecn == wire::Ecn::NotCapable;
  entry.payload_bytes += bytes;
  entry.charge += charge;
  bytes_ += charge;
  fragment.packet.remove_prefix(header.header_length);
  fragment.packet.note().sequence = offset;
  entry.fragments.insert_after(place.before, std::move(fragment.packet));
  return std::nullopt;
}

Reassembly::Place Reassembly::find_place(const Entry& entry, std::uint32_t offset,
                                         std::uint32_t bytes) noexcept {
  // Most come in order, or all the way round.
  PacketQueue::Position before = nullptr;
  PacketQueue::Position after = entry.fragments.front();
  if (entry.fragments.back() != nullptr && end_of(entry.fragments.back()) <= offset) {
    return {.before = entry.fragments.back(), .refusal = std::nullopt};
  }
  while (after != nullptr && offset_of(after) < offset) {
    before = after;
    after = PacketQueue::next(after);
  }
  if (after != nullptr && offset_of(after) == offset && PacketQueue::size_of(after) == bytes) {
    return {.before = nullptr, .refusal = DropReason::Ipv4DuplicateFragment};
  }
  const bool overlaps = (before != nullptr && end_of(before) > offset) ||
                        (after != nullptr && offset + bytes > offset_of(after));
  return {.before = before,
          .refusal = overlaps ? std::optional{DropReason::Ipv4OverlappingFragment} : std::nullopt};
}

/// Where even all that the others give up is too little, nothing is given up in vain. `kept`: what
/// the datagram itself holds.
bool Reassembly::could_make_room(std::uint32_t kept, std::uint32_t charge) const noexcept {
  return kept + charge <= bytes_max_ &&
         budget_.could_charge(charge, packet::BudgetUse::Bulk, bytes_ - kept);
}

bool Reassembly::make_room(const Entry& entry, std::uint32_t charge) noexcept {
  if (!could_make_room(entry.charge, charge)) {
    return false;
  }
  while (bytes_ + charge > bytes_max_ || !budget_.try_charge(charge, packet::BudgetUse::Bulk)) {
    const auto oldest = std::ranges::find_if(ages_, [&](const Entry& candidate) {
      return &candidate != &entry && candidate.charge > 0;
    });
    if (oldest == ages_.end()) {
      return false;
    }
    Entry& victim = *oldest;
    clear(victim, DropReason::Ipv4ReassemblyFull);
    remove(victim);
  }
  return true;
}

Reassembled Reassembly::complete(Entry& entry) noexcept {
  wire::Ipv4Header header = entry.first_header;
  Packet whole = entry.fragments.pop_front();
  static_cast<void>(whole.prepend(header.header_length));
  while (Packet next = entry.fragments.pop_front()) {
    base::expects(whole.chain(next));
  }
  header.more_fragments = false;
  header.total_length = static_cast<std::uint16_t>(header.header_length + entry.total_bytes);
  if (entry.is_congested) {
    header.traffic_class |= std::to_underlying(wire::Ecn::Congested);
  }
  // What a device said was of a fragment, not of the datagram.
  whole.clear_offload();
  return {.header = header, .is_link_unicast = entry.is_link_unicast, .packet = std::move(whole)};
}

void Reassembly::clear(Entry& entry, DropReason reason) noexcept {
  for (std::uint32_t left = entry.fragments.size(); left > 0; --left) {
    stats_.count(reason);
  }
  entry.fragments.clear();
  budget_.release(entry.charge);
  bytes_ -= entry.charge;
  entry.charge = 0;
}

void Reassembly::give_up(Entry& entry) noexcept {
  clear(entry, DropReason::Ipv4OverlappingFragment);
  entry.is_given_up = true;
}

void Reassembly::advance(Instant now) noexcept {
  for (std::uint32_t left = kExpiredPerTurn; left > 0 && !ages_.empty(); --left) {
    Entry& oldest = *ages_.front();
    if (oldest.expires > now) {
      return;
    }
    expire(oldest);
  }
}

void Reassembly::expire(Entry& entry) noexcept {
  const bool has_first = !entry.fragments.empty() && offset_of(entry.fragments.front()) == 0;
  if (has_first) {
    stats_.count(DropReason::Ipv4FragmentsIncomplete);
    Packet first = entry.fragments.pop_front();
    static_cast<void>(first.prepend(entry.first_header.header_length));
    if (entry.is_link_unicast) {
      expired_.push_back(std::move(first));
    }
  }
  clear(entry, DropReason::Ipv4FragmentsIncomplete);
  remove(entry);
}

std::optional<Instant> Reassembly::next_deadline() const noexcept {
  const Entry* const oldest = ages_.front();
  return oldest == nullptr ? std::nullopt : std::optional{oldest->expires};
}

void Reassembly::remove(Entry& entry) noexcept {
  budget_.release(entry.charge);
  bytes_ -= entry.charge;
  --buckets_[entry.bucket].count;
  SourceList::unlink(entry);
  AgeList::unlink(entry);
  table_.erase(table_.index_of(entry));
}

}  // namespace millrace::net
