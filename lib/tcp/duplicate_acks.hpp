// DuplicateAcks: what duplicate ACKs of a peer without selective acknowledgments say: each that one
// more segment has arrived somewhere behind a hole (RFC 5681 §3.2, RFC 6582). When that makes a
// loss is decided elsewhere.
#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

class DuplicateAcks {
 public:
  /// Of `in_flight` segments one at least is the hole. Returns how many octets have arrived by it:
  /// one segment's, until all of those are accounted for (a peer may send as many as it likes).
  std::uint32_t on_duplicate(std::uint32_t in_flight, std::uint32_t mss) noexcept {
    ++count_;
    if (segments_ + 1 >= in_flight) {
      return 0;
    }
    ++segments_;
    bytes_ += mss;
    return mss;
  }
  /// An ACK of new data, so many octets: how many of them had not been counted yet.
  std::uint32_t on_ack(std::uint32_t acked, std::uint32_t mss) noexcept {
    // The hole itself is news, what lies behind it was counted.
    const std::uint32_t behind = acked > mss ? acked - mss : 0;
    const std::uint32_t counted = std::min(behind, bytes_);
    bytes_ -= counted;
    segments_ = mss == 0 ? 0 : std::min(segments_, (bytes_ + mss - 1) / mss);
    count_ = 0;
    return acked - counted;
  }
  void forget() noexcept { *this = DuplicateAcks{}; }

  /// In a row.
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// Octets that have arrived behind the hole, as far as can be known.
  [[nodiscard]] std::uint32_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t segments() const noexcept { return segments_; }

 private:
  std::uint32_t count_ = 0;
  std::uint32_t segments_ = 0;
  std::uint32_t bytes_ = 0;
};

}  // namespace millrace::tcp
