// PlainRun: the usual case of `Connection::next_segment`: an established connection sends new data,
// or an ACK, and nothing else is due. What is the same for all segments of a visit is worked out
// once. The connection's own view of it, made for the length of one visit; what it decides is what
// `next_segment` would, and whatever is unusual is left to that.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "tcp/burst_push.hpp"
#include "tcp/connection.hpp"

namespace millrace::tcp {

/// Records of segments in flight that one connection may take: half of what is left, so that a few
/// cannot starve the others.
[[nodiscard]] inline std::uint32_t record_share(const SentSegmentPool& pool) noexcept {
  constexpr std::uint32_t kAlways = 16;
  return std::max(kAlways, pool.left() / 2);
}

/// While there is one, nothing else is done to the connection. `settle` comes before anything else
/// is asked of it, unless `next` has just said that nothing is left, or that something is unusual.
class PlainRun {
 public:
  enum class Next : std::uint8_t {
    Segment,  ///< It is noted as sent: see `segment()`.
    Nothing,  ///< Nothing is to leave: `next_segment` would have nothing either.
    Unusual,  ///< `next_segment` decides.
  };
  /// A segment of a run, or several that were joined; the payload begins at `seq`.
  struct Segment {
    SeqNum seq{0};
    std::uint16_t payload_bytes = 0;
    TcpFlags flags{};
  };
  /// What all segments of the run have in common.
  struct Setting {
    SeqNum ack{0};
    std::uint16_t window = 0;  ///< As on the wire.
    wire::Ecn ecn = wire::Ecn::NotCapable;
    std::optional<wire::TcpTimestamps> timestamps;
  };

  PlainRun(Connection& connection, const Resources& resources, Instant now) noexcept
      : c_{connection}, resources_{resources}, now_{now} {}
  PlainRun(const PlainRun&) = delete;
  PlainRun& operator=(const PlainRun&) = delete;
  ~PlainRun() = default;

  /// Whether it is the usual case; asking changes nothing but where a search for lost segments
  /// begins. If not, nothing else may be called.
  [[nodiscard]] bool is_plain() const noexcept;
  /// Takes the next segment.
  [[nodiscard]] Next next() noexcept;
  /// How many full segments follow for certain the one taken last, which then is full, too.
  [[nodiscard]] std::uint32_t sure_segments() const noexcept { return sure_segments_; }
  /// Takes `count` of them at once: with the one taken last they are one, for a device to cut. It
  /// pushes if one of them does.
  void join(std::uint32_t count) noexcept;
  /// Works out what the segments taken mean together.
  void settle() noexcept;

  /// The one taken last.
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  /// Once one was taken.
  [[nodiscard]] const Setting& setting() const noexcept { return setting_; }
  /// The one taken last, as `next_segment` would have planned it.
  [[nodiscard]] SegmentPlan plan() const noexcept;

 private:
  [[nodiscard]] bool is_sender_plain(const ActiveBlock& active) const noexcept;
  [[nodiscard]] Next next_of(ActiveBlock& active) noexcept;
  [[nodiscard]] Next next_ack() noexcept;
  /// How many full segments follow for certain.
  void look_ahead(const ActiveBlock& active) noexcept;
  /// One of them.
  void take_sure(ActiveBlock& active) noexcept;
  void note_record(ActiveBlock& active, SeqNum seq, std::uint32_t bytes) noexcept;
  void take_data(ActiveBlock& active, std::uint32_t bytes, std::uint32_t unsent) noexcept;
  void begin() noexcept;
  void begin_data(ActiveBlock& active, std::uint32_t bytes) noexcept;
  [[nodiscard]] std::uint8_t push_flags(ActiveBlock& active, std::uint32_t bytes,
                                        std::uint32_t unsent) noexcept;
  void note_congestion(std::uint32_t in_network, SeqNum snd_nxt, std::uint32_t bytes) noexcept;

  Connection& c_;
  const Resources& resources_;
  Instant now_;
  Segment segment_;
  Setting setting_;
  static constexpr std::uint32_t kSureMax = 32;
  bool has_begun_ = false;
  std::uint32_t sure_segments_ = 0;  // Full ones that need not be asked for.
  std::uint32_t first_bytes_ = 0;    // Of the first segment with data; zero: none was taken.
  std::uint32_t unsettled_ = 0;      // Octets of data taken since the last `settle`.
  std::uint32_t untold_ = 0;         // Of these, what the controller has not heard of.
  std::uint64_t rate_ = 0;           // Octets a second; zero: not paced.
  std::optional<BurstPush::Limits> groups_;
};

}  // namespace millrace::tcp
