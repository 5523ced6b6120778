// Where a connection starts and ends: Port, Endpoint, FourTuple.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

namespace millrace {

/// A TCP or UDP port number in host order. Zero means "choose one" where a call allows it.
class Port {
 public:
  constexpr Port() noexcept = default;
  constexpr explicit Port(std::uint16_t number) noexcept : number_{number} {}

  [[nodiscard]] constexpr std::uint16_t number() const noexcept { return number_; }
  [[nodiscard]] constexpr bool is_unspecified() const noexcept { return number_ == 0; }

  friend constexpr auto operator<=>(const Port&, const Port&) noexcept = default;

 private:
  std::uint16_t number_ = 0;
};

/// An address and a port.
struct Endpoint {
  IpAddress address;
  Port port;

  /// Reads "198.18.0.2:80" or "[2001:db8::1]:80". Error: InvalidArgument.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text);
  /// "198.18.0.2:80".
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const Endpoint&, const Endpoint&) noexcept = default;
};

/// What names a connection: our end and the peer's.
struct FourTuple {
  Endpoint local;
  Endpoint remote;

  friend constexpr bool operator==(const FourTuple&, const FourTuple&) noexcept = default;
};

}  // namespace millrace
