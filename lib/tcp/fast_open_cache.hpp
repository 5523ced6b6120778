// FastOpenCache: the cookies that servers gave us, and where Fast Open had better not be tried (RFC
// 7413 §4.1.3). Bounded: a new destination takes the place of one that was not asked for lately.
#pragma once

#include <cstdint>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/time.hpp>

#include "base/keyed_hash.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

/// What is known of a destination.
struct FastOpenPeer {
  wire::FastOpenCookie cookie;   ///< Empty: none yet, ask for one.
  std::uint16_t mss = 0;         ///< What it said it takes; 0: unknown.
  bool is_experimental = false;  ///< It was asked, or answers, with the experimental kind.
};

class FastOpenCache {
 public:
  /// Room for `capacity` destinations; after a failure a destination is left alone for `pause`,
  /// which doubles with each that follows, and all are, when `kFailuresInARow` followed each other.
  FastOpenCache(std::uint32_t capacity, Duration pause, base::KeyedHash hash);

  /// How to open to `peer`; null: without Fast Open.
  [[nodiscard]] const FastOpenPeer* find(const IpAddress& peer, Instant now) noexcept;
  /// Its SYN,ACK brought a cookie.
  void learn(const IpAddress& peer, const FastOpenPeer& said, Instant now) noexcept;
  /// Its SYN,ACK brought none though one was asked for. As Linux: it is asked once more, the next
  /// time, with the experimental kind, and from then on with the usual one.
  void on_no_cookie(const IpAddress& peer, Instant now) noexcept;
  /// It took the data of our SYN.
  void on_success(const IpAddress& peer) noexcept;
  /// A SYN with data, or with the option, was lost where one without came through.
  void on_failure(const IpAddress& peer, Instant now) noexcept;
  /// It was answered with a reset: by a port that is closed, or by somebody on the way who takes no
  /// data in a SYN. Only that destination is left alone.
  void on_refusal(const IpAddress& peer, Instant now) noexcept;

 private:
  static constexpr std::uint32_t kWays = 4;
  static constexpr std::uint32_t kFailuresInARow = 3;
  static constexpr std::uint32_t kDoublingsMax = 6;

  struct Entry {
    IpAddress peer{};
    FastOpenPeer known{};
    Instant used_at = Instant::min();  // Never.
    Instant paused_until = Instant::min();
    std::uint32_t failures = 0;
    bool has_tried_both = false;  // Kinds of the option, or is about to.
  };

  [[nodiscard]] Entry* look_up(const IpAddress& peer) noexcept;
  [[nodiscard]] Entry& obtain(const IpAddress& peer, Instant now) noexcept;
  [[nodiscard]] std::size_t set_of(const IpAddress& peer) const noexcept;
  [[nodiscard]] Duration pause_after(std::uint32_t failures) const noexcept;

  Duration pause_;
  base::KeyedHash hash_;
  std::vector<Entry> entries_;  // Sets of kWays.
  FastOpenPeer unknown_;
  std::uint32_t failures_in_a_row_ = 0;
  Instant paused_until_ = Instant::min();
};

}  // namespace millrace::tcp
