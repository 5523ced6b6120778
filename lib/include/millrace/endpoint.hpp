// Where a connection starts and ends: Port, Endpoint, FourTuple.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <millrace/address.hpp>
#include <millrace/error.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// A TCP or UDP port number in host order. Zero means "choose one" where a call allows it. A plain
/// value: use it on any thread.
///
///     constexpr millrace::Port kHttp{80};
class Port {
 public:
  /// Zero.
  constexpr Port() noexcept = default;
  /// The port of that number, host order.
  constexpr explicit Port(std::uint16_t number) noexcept : number_{number} {}

  /// The number in host order.
  [[nodiscard]] constexpr std::uint16_t number() const noexcept { return number_; }
  /// Whether it is zero.
  [[nodiscard]] constexpr bool is_unspecified() const noexcept { return number_ == 0; }

  friend constexpr auto operator<=>(const Port&, const Port&) noexcept = default;

 private:
  std::uint16_t number_ = 0;
};

/// An address and a port: one end of a connection. A plain value: use it on any thread.
///
///     const millrace::Endpoint server{millrace::IpAddress::v4(198, 18, 0, 1), millrace::Port{80}};
struct Endpoint {
  IpAddress address;  ///< Unspecified where a call allows it: any of ours.
  Port port;          ///< Zero where a call allows it: any.

  /// Reads "198.18.0.2:80" or "[2001:db8::1]:80". Error: InvalidArgument.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view text);
  /// "198.18.0.2:80".
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const Endpoint&, const Endpoint&) noexcept = default;
};

/// What names a connection: our end and the peer's. A plain value: use it on any thread.
struct FourTuple {
  Endpoint local;   ///< Ours.
  Endpoint remote;  ///< The peer's.

  friend constexpr bool operator==(const FourTuple&, const FourTuple&) noexcept = default;
};

}  // namespace millrace

#pragma GCC visibility pop
