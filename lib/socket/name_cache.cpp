#include "socket/name_cache.hpp"

#include <algorithm>
#include <utility>

namespace millrace::socket {

const NameCache::Known* NameCache::find(Instant now, std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.expires <= now ? nullptr : &found->second.answer;
}

const Instant* NameCache::expiry_of(Instant now, std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.expires <= now ? nullptr : &found->second.expires;
}

void NameCache::learn(Instant now, std::string name, Known answer, Instant expires) {
  if (capacity_ == 0 || expires <= now) {
    return;
  }
  if (entries_.size() >= capacity_ && !entries_.contains(name)) {
    entries_.erase(std::ranges::min_element(
        entries_, {}, [](const auto& entry) { return entry.second.expires; }));
  }
  entries_.insert_or_assign(std::move(name),
                            Entry{.answer = std::move(answer), .expires = expires});
}

}  // namespace millrace::socket
