// Congestion: how much of a connection's data may be in the network. It holds the window and the
// controller that moves it, and does what all controllers share; docs/congestion.md says what a
// controller must have and what it may have. What is lost, and when a recovery begins and ends, is
// decided elsewhere.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include <millrace/congestion.hpp>
#include <millrace/tcp_info.hpp>

#include "tcp/ack_sample.hpp"
#include "tcp/congestion_window.hpp"
#include "tcp/controllers.hpp"

namespace millrace::tcp {

/// RFC 6928 §2: so many segments, but no more bytes than as many of Ethernet's size, and always
/// two.
[[nodiscard]] constexpr std::uint32_t initial_window_bytes(std::uint32_t segments,
                                                           std::uint32_t mss) noexcept {
  constexpr std::uint32_t kUsualMss = 1'460;
  return std::min(segments * mss, std::max(2 * mss, segments * kUsualMss));
}

/// What a controller must have. What else it may have: `kMovesOwnWindow`, `kWantsRates`,
/// `kNeedsExactEcn`, `on_recovery_end`, `on_undo`, `on_idle_restart`, `on_sent`, `hears_of_sent`,
/// `pacing_rate`, `describe`; and `borrow` and `give_back`, where it needs a model from the pool.
template <typename T>
concept CongestionController = requires(T controller, CongestionWindow& window,
                                        const AckSample& sample, const PathView& path) {
  { T::kName } -> std::convertible_to<std::string_view>;
  { controller.on_ack(window, sample, path) }
  noexcept;
  { controller.on_reduction(window, path, Reduction::Loss) }
  noexcept;
};

/// Part of every control block, since window and threshold outlive idle times. `List` is a
/// std::variant of controllers in the order of `CongestionKind`.
template <typename List>
class BasicCongestion {
 public:
  /// RFC 5681 §3.1: `ssthresh` starts arbitrarily high. False: `pool`, where a controller of that
  /// kind has its model, is exhausted or absent, and CUBIC took its place. What came from it before
  /// goes back.
  bool start(CongestionKind kind, std::uint32_t initial_window, BbrPool* pool = nullptr) noexcept;
  /// Another controller from here on, with the window and the threshold that are there. False as
  /// with `start`.
  bool change(CongestionKind kind, BbrPool* pool) noexcept;
  /// At the connection's end: gives back what came from `pool`.
  void release(BbrPool& pool) noexcept;

  /// Every ACK that delivers something or tells of a loss.
  void on_ack(const AckSample& sample, const PathView& path) noexcept;
  /// The same for a controller that does not look at `AckSample::rate`, which nobody need work out
  /// then. False, and nothing done: it does.
  [[nodiscard]] bool on_ack_without_rate(const AckSample& sample, const PathView& path) noexcept;
  /// A recovery begins: the threshold falls. The window itself is PRR's until the recovery's end.
  void on_loss(const PathView& path) noexcept;
  /// An ACK echoes a mark, the first of this window of data: threshold and window fall.
  void on_congestion_echo(const PathView& path) noexcept;
  /// RFC 5681 §3.1: back to one segment. `is_first`: this data had not timed out before.
  void on_timeout(const PathView& path, bool is_first) noexcept;
  /// All that was under way when the recovery began has arrived: the window is what was left of it.
  void on_recovery_end(const PathView& path) noexcept;
  /// The last reduction was for nothing: as it had not been.
  void on_undo(const PathView& path) noexcept;
  /// RFC 5681 §4.1: more than one RTO has passed without sending.
  void on_idle_restart(std::uint32_t initial_window) noexcept;
  /// Whether `on_sent` means anything to the controller, with so much in the network before.
  [[nodiscard]] bool hears_of_sent(std::uint32_t in_network) const noexcept;
  /// New data is about to leave. `path` is as it was before.
  void on_sent(const PathView& path, std::uint32_t bytes) noexcept;
  /// In a recovery, where `moves_own_window` is false.
  void set_window(std::uint32_t bytes) noexcept { window_.set(bytes); }

  /// The controller itself, where it is a `T`.
  template <typename T>
  [[nodiscard]] const T* get() const noexcept {
    return std::get_if<T>(&controller_);
  }
  /// Nobody else is to set the window.
  [[nodiscard]] bool moves_own_window() const noexcept;
  [[nodiscard]] std::uint32_t window() const noexcept { return window_.bytes(); }
  [[nodiscard]] std::uint32_t ssthresh() const noexcept { return window_.ssthresh(); }
  [[nodiscard]] bool is_in_slow_start() const noexcept { return window_.is_in_slow_start(); }
  /// Octets a second; 0: the controller does not care.
  [[nodiscard]] std::uint64_t pacing_rate() const noexcept;
  [[nodiscard]] CongestionKind kind() const noexcept {
    return static_cast<CongestionKind>(controller_.index());
  }
  [[nodiscard]] std::string_view name() const noexcept;
  /// Kind and knowledge of the controller.
  void describe(TcpInfo& info) const noexcept;
  /// Marks are to be asked for, and echoed as `Ecn` does when exact (RFC 8257 §3.2).
  [[nodiscard]] bool needs_exact_ecn() const noexcept { return needs_exact_ecn(kind()); }
  [[nodiscard]] static bool needs_exact_ecn(CongestionKind kind) noexcept;

 private:
  CongestionWindow window_;
  template <std::size_t I>
  [[nodiscard]] bool place(std::uint32_t initial_window, BbrPool* pool) noexcept;
  [[nodiscard]] bool place(CongestionKind kind, std::uint32_t initial_window,
                           BbrPool* pool) noexcept;
  [[nodiscard]] bool take_place(CongestionKind kind, BbrPool* pool) noexcept;

  List controller_;
};

using Congestion = BasicCongestion<Controllers>;
extern template class BasicCongestion<Controllers>;
static_assert(sizeof(Congestion) <= 48, "part of the control block of an idle connection");

}  // namespace millrace::tcp
