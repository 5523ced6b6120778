// One keyed hash gives both of the RFC's functions: its lower half the offset, its upper half the
// place in the table of counters.
#include "tcp/port_selector.hpp"

#include <cstring>

#include "base/contract.hpp"

namespace millrace::tcp {

PortSelector::PortSelector(PortRange range, base::KeyedHash hash, base::Random& random) noexcept
    : range_{range}, hash_{hash}, random_{random} {
  base::expects(range.first > 0 && range.first <= range.last);
  for (std::uint32_t& counter : counters_) {
    counter = random.next_u32();
  }
}

PortSelector::Start PortSelector::start_for(const IpAddress& local,
                                            const Endpoint& remote) const noexcept {
  std::array<std::byte, 2 * IpAddress::kSize + sizeof(std::uint16_t)> bytes;
  const std::uint16_t port = remote.port.number();
  std::memcpy(bytes.data(), local.bytes().data(), IpAddress::kSize);
  std::memcpy(bytes.data() + IpAddress::kSize, remote.address.bytes().data(), IpAddress::kSize);
  std::memcpy(bytes.data() + 2 * IpAddress::kSize, &port, sizeof port);
  const std::uint64_t digest = hash_(bytes);
  const auto place = static_cast<std::uint32_t>(digest >> 32U) % kPlaces;
  return {.offset = (static_cast<std::uint32_t>(digest) + counters_[place]) % range_.size(),
          .place = place};
}

void PortSelector::move_on(std::uint32_t place, std::uint32_t tried) noexcept {
  counters_[place] += tried + 1 + random_.below(kStepMax);
}

}  // namespace millrace::tcp
