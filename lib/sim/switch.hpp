// Switch: an Ethernet segment of several hosts. It learns which port a source address is behind and
// sends to unknown and group addresses on all others.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <millrace/address.hpp>

#include "sim/link.hpp"

namespace millrace::sim {

class Switch {
 public:
  Switch() = default;
  Switch(const Switch&) = delete;
  Switch& operator=(const Switch&) = delete;
  ~Switch() = default;

  /// Adds a port whose frames leave by `out`. Returns its number.
  std::size_t add_port(std::unique_ptr<Link> out);
  /// A frame came in by `port`.
  void forward(Instant now, std::size_t port, Frame frame);
  [[nodiscard]] Link& out(std::size_t port) noexcept { return *ports_[port]; }

 private:
  [[nodiscard]] std::size_t find(const MacAddress& address) const noexcept;

  std::vector<std::unique_ptr<Link>> ports_;
  std::vector<std::pair<MacAddress, std::size_t>> learned_;
};

}  // namespace millrace::sim
