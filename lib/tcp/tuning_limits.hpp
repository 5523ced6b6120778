// The ranges of a TcpTuning's values: Linux's, where it has any.
#pragma once

#include <chrono>
#include <cstdint>

#include <millrace/tcp_tuning.hpp>

namespace millrace::tcp {

inline constexpr std::uint32_t kSendBufferMin = 4'096;
inline constexpr std::uint32_t kReceiveBufferMin = 2'304;
inline constexpr std::uint32_t kWindowClampMin = 1'152;
inline constexpr std::uint16_t kMaxSegmentMin = 88;
inline constexpr std::uint16_t kMaxSegmentMax = 32'767;
inline constexpr std::uint8_t kSynRetriesMax = 127;
inline constexpr Duration kFinWait2Max = std::chrono::seconds{120};
inline constexpr Duration kDeferAcceptMax = std::chrono::hours{1};

/// Whether every value can be meant; zero and empty always can.
[[nodiscard]] constexpr bool is_valid(const TcpTuning& tuning) noexcept {
  const auto is_from = [](std::uint32_t value, std::uint32_t least) {
    return value == 0 || value >= least;
  };
  const bool has_sound_time = !tuning.fin_wait_2 || (*tuning.fin_wait_2 >= Duration::zero() &&
                                                     *tuning.fin_wait_2 <= kFinWait2Max);
  return is_from(tuning.send_buffer_bytes, kSendBufferMin) &&
         is_from(tuning.receive_buffer_bytes, kReceiveBufferMin) &&
         is_from(tuning.window_clamp_bytes, kWindowClampMin) &&
         is_from(tuning.max_segment_bytes, kMaxSegmentMin) &&
         tuning.max_segment_bytes <= kMaxSegmentMax && tuning.syn_retries <= kSynRetriesMax &&
         has_sound_time;
}

}  // namespace millrace::tcp
