// TapHost: a host of a simulated network whose stack is the kernel's, behind a TAP. What the kernel
// sends goes into the host's cable, what arrives is handed to the kernel; neither waits for the
// other. The world has to be driven by `RealTime`, for the kernel's clock is the real one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <millrace/error.hpp>

#include "sim/frame.hpp"
#include "sim/link.hpp"
#include "sim/tap.hpp"

namespace millrace::sim {

struct TapCounts {
  std::uint64_t sent = 0;      ///< By the kernel.
  std::uint64_t received = 0;  ///< By the kernel.
  std::uint64_t refused = 0;   ///< The kernel had no room for them, or they are no frames.
  std::uint64_t too_long = 0;  ///< Beyond the MTU, in either direction; lost.
};

class TapHost {
 public:
  /// `frames` must outlive it.
  TapHost(Tap tap, TapSetup setup, FrameStore& frames)
      : tap_{std::move(tap)}, setup_{std::move(setup)}, frames_{frames} {}
  TapHost(const TapHost&) = delete;
  TapHost& operator=(const TapHost&) = delete;
  ~TapHost() = default;

  /// Where the kernel's frames go; without one they go nowhere.
  void plug_into(Link::Sink cable) { cable_ = std::move(cable); }
  /// A frame comes in.
  void arrive(const Frame& frame);
  /// Lets some of what the kernel has sent into the cable; says whether there may be more.
  bool take_in();

  [[nodiscard]] int descriptor() const noexcept { return tap_.descriptor(); }
  [[nodiscard]] const TapSetup& setup() const noexcept { return setup_; }
  [[nodiscard]] const TapCounts& counts() const noexcept { return counts_; }
  /// Why nothing comes or goes any more.
  [[nodiscard]] const std::optional<std::string>& failure() const noexcept { return failure_; }

 private:
  // At a time: the rest of the world goes on in between.
  static constexpr unsigned kFramesMax = 256;

  [[nodiscard]] bool is_too_long(std::size_t bytes) const noexcept;
  void fail_with(const std::string& reason);

  Tap tap_;
  TapSetup setup_;
  FrameStore& frames_;
  Link::Sink cable_;
  TapCounts counts_;
  std::optional<std::string> failure_;
  std::array<std::byte, Tap::kFrameMax> buffer_{};
};

}  // namespace millrace::sim
