// TCP options: MSS, window scale, SACK, timestamps (RFC 9293 §3.1, RFC 7323, RFC 2018). Which
// options are offered, and which are valid in which segment, is up to `tcp`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <optional>
#include <span>

#include "base/fixed_vector.hpp"
#include "wire/seq_num.hpp"

namespace millrace::wire {

/// What fits between the fixed header and the largest data offset.
inline constexpr std::size_t kTcpOptionsSizeMax = 40;
inline constexpr std::size_t kSackBlocksMax = 4;
inline constexpr std::uint8_t kWindowScaleMax = 14;

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

struct TcpOptions {
  std::optional<std::uint16_t> mss;          ///< Bytes. May be absurdly small.
  std::optional<std::uint8_t> window_scale;  ///< Parsed: at most `kWindowScaleMax`.
  bool sack_permitted = false;
  std::optional<TcpTimestamps> timestamps;
  base::FixedVector<SackBlock, kSackBlocksMax> sack;
  std::optional<FastOpenCookie> fast_open;  ///< In a SYN only.

  friend bool operator==(const TcpOptions&, const TcpOptions&) noexcept = default;

  /// Reads the octets between fixed header and payload. Unknown options, and known ones of a length
  /// they never have, are skipped; of repeated ones the last counts. Fails with TcpBadOptions when
  /// a length is below 2 or past the end.
  [[nodiscard]] static Result<TcpOptions, DropReason> parse(
      std::span<const std::byte> bytes) noexcept;
};

/// Bytes `emit_tcp_options` writes: a multiple of 4, at most `kTcpOptionsSizeMax`.
[[nodiscard]] std::size_t tcp_options_size(const TcpOptions& options, bool is_syn) noexcept;

/// Writes the options in Linux's order and padding and returns how many bytes that took. A SYN
/// carries MSS, SACK permitted, timestamps, window scale and a Fast Open cookie; any other segment
/// carries timestamps and as many SACK blocks, from the first on, as fit (three beside timestamps).
/// `out` must have room for `tcp_options_size`.
std::size_t emit_tcp_options(std::span<std::byte> out, const TcpOptions& options,
                             bool is_syn) noexcept;

}  // namespace millrace::wire
