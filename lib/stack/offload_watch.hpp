// OffloadWatch: remembers that frames came in which an offload had left unfinished, so that
// somebody can be told what to switch off: once for each interface, and again only after a long
// while.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <millrace/stats.hpp>
#include <millrace/time.hpp>

namespace millrace::stack {

/// Frames that were meant for a NIC to finish reached us as they were.
struct UnfinishedFrames {
  std::uint32_t interface_index = 0;
  DropReason reason = DropReason::TcpPartialChecksum;  ///< Or of UDP, or Ipv4Truncated.

  friend constexpr bool operator==(const UnfinishedFrames&,
                                   const UnfinishedFrames&) noexcept = default;
};

/// Belongs to one core. Allocates at construction only.
class OffloadWatch {
 public:
  /// How long after a word on an interface the next one may follow.
  static constexpr Duration kQuiet = std::chrono::minutes{10};

  explicit OffloadWatch(std::size_t interfaces) : noted_at_(interfaces) {}

  /// A packet of that interface was dropped for `reason`, whichever it was.
  void note(Instant now, std::uint32_t interface_index, DropReason reason) noexcept {
    if (reason != DropReason::TcpPartialChecksum && reason != DropReason::UdpPartialChecksum &&
        reason != DropReason::Ipv4Truncated) {
      return;
    }
    std::optional<Instant>& noted_at = noted_at_[interface_index];
    if (news_ || (noted_at && now - *noted_at < kQuiet)) {
      return;
    }
    noted_at = now;
    news_ = UnfinishedFrames{.interface_index = interface_index, .reason = reason};
  }

  /// What is to be told since the last call, if anything.
  [[nodiscard]] std::optional<UnfinishedFrames> take() noexcept {
    return std::exchange(news_, std::nullopt);
  }

 private:
  std::vector<std::optional<Instant>> noted_at_;  // By interface.
  std::optional<UnfinishedFrames> news_;
};

}  // namespace millrace::stack
