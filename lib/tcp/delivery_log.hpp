// DeliveryLog: what one ACK says has arrived, gathered segment by segment: how much, which of them
// left last, whether their order was another one than ours. What follows from it is decided
// elsewhere.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "tcp/sent_segment.hpp"
#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// Made for one ACK.
class DeliveryLog {
 public:
  struct Setting {
    Instant now{};
    Duration min_rtt{};  ///< Zero while unknown.
    std::optional<std::uint32_t>
        echoed{};       ///< The clock of timestamps when what is acknowledged had left, if told.
    SeqNum highest{0};  ///< Behind the highest octet that was known to have arrived.
    SeqNum recover{0};  ///< Behind what was in flight when the present recovery began.
  };

  /// One segment that has arrived, as it was when it left last.
  struct Newest {
    Instant sent_at{};
    SeqNum end{0};
    Duration rtt{};
    FlightSnapshot then;
  };

  explicit DeliveryLog(const Setting& setting) noexcept
      : setting_{setting}, highest_{setting.highest} {}

  /// All of `segment` is known to have arrived, for the first time.
  void note(const SentSegment& segment) noexcept;
  /// So many octets of a segment have, and the rest of it has not.
  void note_part(std::uint32_t bytes) noexcept { bytes_ += bytes; }

  [[nodiscard]] Instant now() const noexcept { return setting_.now; }
  /// Octets that have newly arrived.
  [[nodiscard]] std::uint32_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t segments() const noexcept { return segments_; }
  /// The one that left last, of those of which it is certain which transmission has arrived
  /// (RFC 8985 §6.2, step 2).
  [[nodiscard]] const std::optional<Newest>& newest() const noexcept { return newest_; }
  /// Behind the highest octet that is known to have arrived.
  [[nodiscard]] SeqNum highest() const noexcept { return highest_; }
  /// RFC 8985 §6.2, step 3: something that was sent once has arrived behind what was sent after it;
  /// by so many octets at most. Zero: nothing has.
  [[nodiscard]] std::uint32_t reordering() const noexcept { return reordering_; }
  /// RFC 5682 §3.1: something has arrived that was in flight when the recovery began and has not
  /// left again since.
  [[nodiscard]] bool has_original() const noexcept { return has_original_; }
  /// The round trip of the newest segment that left once only.
  [[nodiscard]] std::optional<Duration> rtt_sample() const noexcept { return rtt_sample_; }

 private:
  [[nodiscard]] bool is_ambiguous(const SentSegment& segment) const noexcept;

  Setting setting_;
  std::optional<Newest> newest_;
  std::optional<Duration> rtt_sample_;
  SeqNum highest_;
  std::uint32_t bytes_ = 0;
  std::uint32_t segments_ = 0;
  std::uint32_t reordering_ = 0;
  bool has_original_ = false;
};

}  // namespace millrace::tcp
