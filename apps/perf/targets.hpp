// Where connections lead and where they start: several ports and several of our own addresses give
// as many pairs of ends as a test needs.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <millrace/endpoint.hpp>

namespace perf {

/// The ends of one connection, as far as they are chosen here.
struct Target {
  millrace::Endpoint peer;
  std::optional<millrace::IpAddress> local;
};

/// All of a test's.
class Targets {
 public:
  Targets() = default;
  /// `ports` at least one, beginning with that of `first`.
  Targets(millrace::Endpoint first, std::uint16_t ports, std::vector<millrace::IpAddress> locals)
      : first_{first}, ports_{ports}, locals_{std::move(locals)} {}

  /// In turn over the ports, then over the addresses.
  [[nodiscard]] Target next() noexcept {
    const auto number = static_cast<std::uint16_t>(first_.port.number() + port_);
    Target target{{first_.address, millrace::Port{number}}, std::nullopt};
    if (!locals_.empty()) {
      target.local = locals_[local_];
    }
    if (++port_ == ports_) {
      port_ = 0;
      local_ = local_ + 1 < locals_.size() ? local_ + 1 : 0;
    }
    return target;
  }
  [[nodiscard]] const millrace::Endpoint& first() const noexcept { return first_; }

 private:
  millrace::Endpoint first_;
  std::uint16_t ports_ = 1;
  std::vector<millrace::IpAddress> locals_;
  std::uint16_t port_ = 0;
  std::size_t local_ = 0;
};

}  // namespace perf
