// TCP options: MSS, window scale, SACK, timestamps, user timeout (RFC 9293 §3.1, RFC 7323, RFC
// 2018, RFC 5482). Which options are offered, and which are valid in which segment, is up to `tcp`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>
#include <optional>
#include <span>

#include "base/fixed_vector.hpp"
#include "wire/seq_num.hpp"

namespace millrace::wire {

/// What fits between the fixed header and the largest data offset.
inline constexpr std::size_t kTcpOptionsSizeMax = 40;
inline constexpr std::size_t kSackBlocksMax = 4;
inline constexpr std::uint8_t kWindowScaleMax = 14;
/// On the wire, kind and length octets included.
inline constexpr std::size_t kUserTimeoutSize = 4;

/// RFC 7323 §3.2.
struct TcpTimestamps {
  std::uint32_t value = 0;
  std::uint32_t echo = 0;

  friend constexpr bool operator==(const TcpTimestamps&, const TcpTimestamps&) noexcept = default;
};

/// RFC 2018 §3: octets from `left` up to, but not including, `right` have arrived. Not checked by
/// the parser.
struct SackBlock {
  SeqNum left;
  SeqNum right;

  friend constexpr bool operator==(const SackBlock&, const SackBlock&) noexcept = default;
};

/// RFC 7413 §4.1.1: 4 to 16 octets, an even number of them; none at all asks for one.
using FastOpenCookie = base::FixedVector<std::byte, 16>;
/// RFC 5482 §2: a time in seconds, or in minutes where those do not suffice.
struct UserTimeoutOption {
  static constexpr std::uint16_t kMinutes = 0x8000;
  static constexpr std::uint16_t kNumberMax = 0x7fff;

  std::uint16_t bits = 0;  ///< As on the wire; zero says nothing.

  /// Rounded up to what the field can say; empty if that is not a positive time, or beyond 32,767
  /// minutes.
  [[nodiscard]] static std::optional<UserTimeoutOption> from(Duration time) noexcept;
  [[nodiscard]] bool is_given() const noexcept { return (bits & kNumberMax) != 0; }
  [[nodiscard]] Duration time() const noexcept {
    const std::uint16_t number = bits & kNumberMax;
    return (bits & kMinutes) != 0 ? Duration{std::chrono::minutes{number}}
                                  : Duration{std::chrono::seconds{number}};
  }

  friend constexpr bool operator==(const UserTimeoutOption&,
                                   const UserTimeoutOption&) noexcept = default;
};

struct TcpOptions {
  std::optional<std::uint16_t> mss;          ///< Bytes. May be absurdly small.
  std::optional<std::uint8_t> window_scale;  ///< Parsed: at most `kWindowScaleMax`.
  bool sack_permitted = false;
  std::optional<TcpTimestamps> timestamps;
  base::FixedVector<SackBlock, kSackBlocksMax> sack;
  std::optional<FastOpenCookie> fast_open;  ///< In a SYN only.
  bool fast_open_is_experimental = false;   ///< It came, or goes, under the experimental kind that
                                            ///< RFC 7413's drafts used (RFC 6994).
  std::optional<UserTimeoutOption> user_timeout;

  friend bool operator==(const TcpOptions&, const TcpOptions&) noexcept = default;

  /// Reads the octets between fixed header and payload. Unknown options, and known ones of a length
  /// they never have, are skipped; of repeated ones the last counts. Fails with TcpBadOptions when
  /// a length is below 2 or past the end.
  [[nodiscard]] static Result<TcpOptions, DropReason> parse(
      std::span<const std::byte> bytes) noexcept;
  /// The same in place, into one that says nothing yet. False where `parse` fails.
  [[nodiscard]] bool read(std::span<const std::byte> bytes) noexcept;
};

/// Bytes `emit_tcp_options` writes: a multiple of 4, at most `kTcpOptionsSizeMax`.
[[nodiscard]] std::size_t tcp_options_size(const TcpOptions& options, bool is_syn) noexcept;

/// Writes the options in Linux's order and padding and returns how many bytes that took. A SYN
/// carries MSS, SACK permitted, timestamps, window scale and a Fast Open cookie; any other segment
/// carries timestamps and as many SACK blocks, from the first on, as fit (three beside timestamps).
/// The user timeout comes last but for the cookie. `out` must have room for `tcp_options_size`.
std::size_t emit_tcp_options(std::span<std::byte> out, const TcpOptions& options,
                             bool is_syn) noexcept;

}  // namespace millrace::wire
