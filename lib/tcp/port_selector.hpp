// PortSelector: which source port an open gets that asks for none (RFC 6056). It knows ports and
// addresses; which of them are free, and whether the answers would reach this core, its caller
// says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/endpoint.hpp>

#include "base/keyed_hash.hpp"
#include "base/random.hpp"

namespace millrace::tcp {

/// Both ends belong to it.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  [[nodiscard]] std::uint32_t size() const noexcept { return std::uint32_t{last} - first + 1U; }
};

/// RFC 6056 §3.3.4, double-hash selection: where the search begins is a secret of each pair of
/// local address and destination, and moves on with each port that was given. So nobody who sees
/// the ports used towards himself learns those used towards others, and one destination's ports
/// come back as late as can be. The steps are random (§3.3.5), lest they tell how many opens there
/// were.
class PortSelector {
 public:
  /// `random` must outlive it.
  PortSelector(PortRange range, base::KeyedHash hash, base::Random& random) noexcept;

  /// The first port from a secret place on that `is_usable(Port)` likes; empty when there is none.
  template <class IsUsable>
  [[nodiscard]] std::optional<Port> choose(const IpAddress& local, const Endpoint& remote,
                                           IsUsable&& is_usable) noexcept {
    const Start start = start_for(local, remote);
    std::uint32_t at = start.offset;
    for (std::uint32_t tried = 0; tried < range_.size(); ++tried) {
      const Port port{static_cast<std::uint16_t>(range_.first + at)};
      if (is_usable(port)) {
        move_on(start.place, tried);
        return port;
      }
      at = at + 1 == range_.size() ? 0 : at + 1;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kPlaces = 256;
  static constexpr std::uint32_t kStepMax = 8;

  struct Start {
    std::uint32_t offset;  // From the range's first port.
    std::uint32_t place;   // Of the counter that led there.
  };

  [[nodiscard]] Start start_for(const IpAddress& local, const Endpoint& remote) const noexcept;
  void move_on(std::uint32_t place, std::uint32_t tried) noexcept;

  PortRange range_;
  base::KeyedHash hash_;
  base::Random& random_;
  std::array<std::uint32_t, kPlaces> counters_{};
};

}  // namespace millrace::tcp
