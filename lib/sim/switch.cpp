#include "sim/switch.hpp"

#include <algorithm>

#include "wire/ethernet.hpp"

namespace millrace::sim {

std::size_t Switch::add_port(std::unique_ptr<Link> out) {
  ports_.push_back(std::move(out));
  return ports_.size() - 1;
}

void Switch::forward(Instant now, std::size_t port, Frame frame) {
  const auto header = wire::parse_ethernet(frame);
  if (!header) {
    return;
  }
  if (!header->source.is_multicast() && find(header->source) == ports_.size()) {
    learned_.emplace_back(header->source, port);
  }
  const std::size_t target =
      header->destination.is_multicast() ? ports_.size() : find(header->destination);
  if (target < ports_.size()) {
    if (target != port) {
      ports_[target]->send(now, std::move(frame));
    }
    return;
  }
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (i != port) {
      ports_[i]->send(now, frame.clone());
    }
  }
}

std::size_t Switch::find(const MacAddress& address) const noexcept {
  const auto found =
      std::ranges::find(learned_, address, &std::pair<MacAddress, std::size_t>::first);
  return found == learned_.end() ? ports_.size() : found->second;
}

}  // namespace millrace::sim
