// Verifier: takes the frames that arrive and knows what of all that was sent is whole, missing,
// repeated or damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "loopback/flow_track.hpp"
#include "loopback/test_frame.hpp"

namespace loopback {

/// In frames.
struct Verification {
  std::uint64_t sent = 0;      ///< As far as it is known here: zero where another end sends.
  std::uint64_t received = 0;  ///< Whole, each once.
  std::uint64_t lost = 0;      ///< Never came; damaged ones are not counted again.
  std::uint64_t repeated = 0;
  std::uint64_t late = 0;  ///< Of those received: others of their flow had passed them.
  std::uint64_t damaged = 0;
  std::uint64_t foreign = 0;  ///< Of others, as the kernel's on a veth.
};

class Verifier {
 public:
  Verifier(const FrameReader& reader, std::uint16_t flows) : reader_{reader}, flows_(flows) {}

  /// False: it is no frame of the test.
  [[nodiscard]] bool take(std::span<const std::byte> frame) noexcept;
  void note_foreign() noexcept { ++counts_.foreign; }
  /// So many frames were sent on that flow: what has not come is lost, unless it comes late.
  void expect(std::uint16_t flow, std::uint64_t sent) noexcept;

  /// Numbers that have come or are known to be missing: no longer on their way.
  [[nodiscard]] std::uint64_t accounted() const noexcept { return counts_.received + missing_; }
  /// Whether the sender has said of every flow that it has ended.
  [[nodiscard]] bool has_ended() const noexcept { return ends_of_ > 0 && ended_ >= ends_of_; }
  [[nodiscard]] Verification result() const noexcept;
  [[nodiscard]] FrameReader& reader() noexcept { return reader_; }

 private:
  struct Flow {
    FlowTrack track;
    bool has_ended = false;
  };

  void take_good(const Stamp& stamp) noexcept;
  void take_end(const Stamp& stamp) noexcept;

  FrameReader reader_;
  std::vector<Flow> flows_;
  Verification counts_;
  std::uint64_t missing_ = 0;  // Sum over the flows.
  std::uint16_t ends_of_ = 0;
  std::uint16_t ended_ = 0;
};

}  // namespace loopback
