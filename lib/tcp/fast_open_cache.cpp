// Set-associative, so that looking up is a hash and four compares.
#include "tcp/fast_open_cache.hpp"

#include <algorithm>
#include <span>

#include "base/deadline.hpp"

namespace millrace::tcp {

FastOpenCache::FastOpenCache(std::uint32_t capacity, Duration pause, base::KeyedHash hash)
    : pause_{pause}, hash_{hash}, entries_((capacity + kWays - 1) / kWays * kWays) {}

std::size_t FastOpenCache::set_of(const IpAddress& peer) const noexcept {
  return hash_(std::as_bytes(std::span{peer.bytes()})) % (entries_.size() / kWays) * kWays;
}

FastOpenCache::Entry* FastOpenCache::look_up(const IpAddress& peer) noexcept {
  if (entries_.empty()) {
    return nullptr;
  }
  Entry* const first = &entries_[set_of(peer)];
  Entry* const found = std::find_if(first, first + kWays, [&](const Entry& entry) {
    return entry.used_at != Instant::min() && entry.peer == peer;
  });
  return found == first + kWays ? nullptr : found;
}

FastOpenCache::Entry& FastOpenCache::obtain(const IpAddress& peer, Instant now) noexcept {
  if (Entry* const known = look_up(peer)) {
    return *known;
  }
  Entry* const first = &entries_[set_of(peer)];
  Entry& oldest = *std::min_element(
      first, first + kWays, [](const Entry& a, const Entry& b) { return a.used_at < b.used_at; });
  oldest = Entry{.peer = peer, .used_at = now};
  return oldest;
}

const FastOpenPeer* FastOpenCache::find(const IpAddress& peer, Instant now) noexcept {
  if (entries_.empty() || now < paused_until_) {
    return nullptr;
  }
  Entry* const entry = look_up(peer);
  if (entry == nullptr) {
    return &unknown_;
  }
  entry->used_at = now;
  return now < entry->paused_until ? nullptr : &entry->known;
}

void FastOpenCache::learn(const IpAddress& peer, const FastOpenPeer& said, Instant now) noexcept {
  if (!entries_.empty()) {
    obtain(peer, now).known = said;
  }
}

void FastOpenCache::on_no_cookie(const IpAddress& peer, Instant now) noexcept {
  if (entries_.empty()) {
    return;
  }
  Entry& entry = obtain(peer, now);
  if (entry.known.cookie.empty()) {
    entry.known.is_experimental = !entry.has_tried_both;
    entry.has_tried_both = true;
  }
}

void FastOpenCache::on_success(const IpAddress& peer) noexcept {
  failures_in_a_row_ = 0;
  if (Entry* const entry = look_up(peer)) {
    entry->failures = 0;
  }
}

Duration FastOpenCache::pause_after(std::uint32_t failures) const noexcept {
  return pause_ * (1U << std::min(failures - 1, kDoublingsMax));
}

void FastOpenCache::on_refusal(const IpAddress& peer, Instant now) noexcept {
  if (!entries_.empty()) {
    Entry& entry = obtain(peer, now);
    entry.paused_until = base::later(now, pause_after(++entry.failures));
  }
}

void FastOpenCache::on_failure(const IpAddress& peer, Instant now) noexcept {
  if (entries_.empty()) {
    return;
  }
  on_refusal(peer, now);
  // RFC 7413 §4.1.3.1 and §7.1: what fails to one destination after another is swallowed near us.
  if (++failures_in_a_row_ >= kFailuresInARow) {
    paused_until_ = base::later(now, pause_after(failures_in_a_row_ - kFailuresInARow + 1));
  }
}

}  // namespace millrace::tcp
