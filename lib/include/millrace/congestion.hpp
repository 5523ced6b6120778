// The congestion controllers that there are, by the names that Linux has for them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

/// Who decides how much of a connection's data may be in the network.
enum class CongestionKind : std::uint8_t {
  Reno,   ///< RFC 5681: half at each loss, one segment more in each round trip.
  Cubic,  ///< RFC 9438: 0.7 at each loss, back along a cubic function of time; slow start ends as
          ///< RFC 9406 says.
  Dctcp,  ///< RFC 8257, for data centers whose routers mark early: by as much as is marked. Asks
          ///< for explicit congestion notification whatever `TcpConfig::ecn` says.
  Bbr,    ///< Version 3 (draft-ietf-ccwg-bbr): by a model of the path; always paced. At most
          ///< `TcpConfig::bbr_connections` of a core, the others get Cubic.
};

/// What TCP_CONGESTION and `--tcp congestion_control=` call them, in the order of
/// `CongestionKind`.
inline constexpr std::array<std::string_view, 4> kCongestionNames = {"reno", "cubic", "dctcp",
                                                                     "bbr"};

/// The name of one.
[[nodiscard]] constexpr std::string_view to_string(CongestionKind kind) noexcept {
  return kCongestionNames[static_cast<std::size_t>(kind)];
}

/// The one of that name; empty when there is none.
[[nodiscard]] constexpr std::optional<CongestionKind> congestion_kind(
    std::string_view name) noexcept {
  for (std::size_t i = 0; i < kCongestionNames.size(); ++i) {
    if (kCongestionNames[i] == name) {
      return static_cast<CongestionKind>(i);
    }
  }
  return std::nullopt;
}

}  // namespace millrace
