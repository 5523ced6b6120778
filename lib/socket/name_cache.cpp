#include "socket/name_cache.hpp"

#include <utility>

namespace millrace::socket {

const NameCache::Known* NameCache::find(Instant now, std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.expiry->first <= now ? nullptr
                                                                       : &found->second.answer;
}

const Instant* NameCache::expiry_of(Instant now, std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.expiry->first <= now
             ? nullptr
             : &found->second.expiry->first;
}

void NameCache::learn(Instant now, std::string name, Known answer, Instant expires) {
  if (capacity_ == 0 || expires <= now) {
    return;
  }
  if (answer && answer->addresses.size() > kAddressesMax) {
    answer->addresses.resize(kAddressesMax);
    answer->addresses.shrink_to_fit();
  }
  if (const auto known = entries_.find(name); known != entries_.end()) {
    expiries_.erase(known->second.expiry);
    entries_.erase(known);
  } else if (entries_.size() >= capacity_) {
    entries_.erase(expiries_.begin()->second);
    expiries_.erase(expiries_.begin());
  }
  const auto entry =
      entries_.emplace(std::move(name), Entry{.answer = std::move(answer), .expiry = {}}).first;
  entry->second.expiry = expiries_.emplace(expires, entry);
}

}  // namespace millrace::socket
