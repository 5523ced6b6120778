#include "posix/kernel_tcp_info.hpp"

#include <linux/inet_diag.h>
#include <linux/tcp.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <utility>

#include <millrace/tcp.hpp>

namespace millrace::posix {

namespace {

// Behind what older headers of the system have.
constexpr std::size_t kReceiveWindowAt = offsetof(tcp_info, tcpi_snd_wnd) + sizeof(std::uint32_t);
static_assert(kReceiveWindowAt == 232);
constexpr std::uint32_t kSsthreshUnset = 1U << 30U;
constexpr std::uint64_t kNoPacing = UINT64_MAX;
constexpr std::uint16_t kMssDefault = 536;  // RFC 9293 §3.7.1.
constexpr std::uint32_t kInitialWindowSegments = 10;

/// As netinet/tcp.h numbers them.
std::uint8_t number_of(TcpState state) noexcept {
  switch (state) {
    case TcpState::Established: return 1;
    case TcpState::SynSent: return 2;
    case TcpState::SynReceived: return 3;
    case TcpState::FinWait1: return 4;
    case TcpState::FinWait2: return 5;
    case TcpState::TimeWait: return 6;
    case TcpState::Closed: return 7;
    case TcpState::CloseWait: return 8;
    case TcpState::LastAck: return 9;
    case TcpState::Listen: return 10;
    case TcpState::Closing: return 11;
  }
  return 7;
}

std::uint8_t options_of(const TcpInfo& info) noexcept {
  return static_cast<std::uint8_t>((info.has_timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
                                   (info.has_selective_acks ? TCPI_OPT_SACK : 0) |
                                   (info.has_window_scale ? TCPI_OPT_WSCALE : 0) |
                                   (info.has_ecn ? TCPI_OPT_ECN : 0) |
                                   (info.has_syn_data ? TCPI_OPT_SYN_DATA : 0));
}

template <class Unit>
std::uint32_t count_of(Duration time) noexcept {
  const auto count = std::chrono::duration_cast<Unit>(time).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, UINT32_MAX));
}

std::uint32_t microseconds(Duration time) noexcept {
  return count_of<std::chrono::microseconds>(time);
}

std::uint32_t milliseconds(Duration time) noexcept {
  return count_of<std::chrono::milliseconds>(time);
}

std::uint8_t small(std::uint32_t number) noexcept {
  return static_cast<std::uint8_t>(std::min<std::uint32_t>(number, UINT8_MAX));
}

void fill_timers(const TcpInfo& info, tcp_info& into) noexcept {
  into.tcpi_retransmits = small(info.retransmits);
  into.tcpi_probes = small(info.probes);
  into.tcpi_backoff = small(info.backoff);
  into.tcpi_rto = microseconds(info.rto);
  into.tcpi_ato = microseconds(info.ack_delay);
  into.tcpi_last_data_sent = milliseconds(info.since_data_sent);
  into.tcpi_last_data_recv = milliseconds(info.since_data_received);
  into.tcpi_last_ack_recv = milliseconds(info.since_ack_received);
  into.tcpi_rtt = microseconds(info.rtt);
  into.tcpi_rttvar = microseconds(info.rtt_variation);
  into.tcpi_min_rtt =
      info.min_rtt == Duration::zero() ? UINT32_MAX : microseconds(info.min_rtt);  // As Linux.
  into.tcpi_rcv_rtt = microseconds(info.receive_rtt);
  into.tcpi_busy_time = microseconds(info.busy);
  into.tcpi_rwnd_limited = microseconds(info.receive_window_limited);
  into.tcpi_sndbuf_limited = microseconds(info.send_buffer_limited);
}

void fill_flight(const TcpInfo& info, tcp_info& into) noexcept {
  const std::uint32_t mss = std::max<std::uint32_t>(info.send_mss, 1);
  into.tcpi_snd_mss = info.send_mss;
  into.tcpi_rcv_mss = info.receive_mss;
  into.tcpi_advmss = info.advertised_mss;
  into.tcpi_pmtu = info.path_mtu;
  into.tcpi_unacked = info.unacked;
  into.tcpi_sacked = info.sacked;
  into.tcpi_lost = info.lost;
  into.tcpi_retrans = info.retransmitted;
  into.tcpi_snd_cwnd = (info.cwnd + mss - 1) / mss;
  into.tcpi_snd_ssthresh = info.ssthresh >= kSsthreshUnset ? INT_MAX : info.ssthresh / mss;
  into.tcpi_reordering = info.reordering;
  into.tcpi_notsent_bytes = info.unsent_bytes;
  into.tcpi_rcv_ssthresh = info.receive_window_limit;
  into.tcpi_rcv_space = info.receive_space;
  into.tcpi_snd_wnd = info.send_window;
  // What is not paced, or without limit, Linux says so.
  into.tcpi_pacing_rate = info.pacing_rate == 0 ? kNoPacing : info.pacing_rate;
  into.tcpi_max_pacing_rate = info.max_pacing_rate == 0 ? kNoPacing : info.max_pacing_rate;
}

void fill_counters(const TcpInfo& info, tcp_info& into) noexcept {
  into.tcpi_total_retrans = info.total_retransmitted;
  into.tcpi_bytes_acked = info.bytes_acked;
  into.tcpi_bytes_received = info.bytes_received;
  into.tcpi_bytes_sent = info.bytes_sent;
  into.tcpi_bytes_retrans = info.bytes_retransmitted;
  into.tcpi_segs_out = info.segments_out;
  into.tcpi_segs_in = info.segments_in;
  into.tcpi_data_segs_out = info.data_segments_out;
  into.tcpi_data_segs_in = info.data_segments_in;
  into.tcpi_delivered = info.delivered;
  into.tcpi_dsack_dups = info.duplicate_reports;
  into.tcpi_reord_seen = info.reordering_seen;
  into.tcpi_rcv_ooopack = info.out_of_order_in;
}

}  // namespace

std::array<std::byte, kKernelTcpInfoSize> kernel_tcp_info(const TcpInfo& info,
                                                          TcpState state) noexcept {
  tcp_info filled{};
  filled.tcpi_state = number_of(state);
  filled.tcpi_ca_state = std::to_underlying(info.recovery);
  filled.tcpi_options = options_of(info);
  filled.tcpi_snd_wscale = info.send_window_scale & 0xfU;
  filled.tcpi_rcv_wscale = info.receive_window_scale & 0xfU;
  fill_timers(info, filled);
  fill_flight(info, filled);
  fill_counters(info, filled);
  std::array<std::byte, kKernelTcpInfoSize> bytes{};
  std::memcpy(bytes.data(), &filled, std::min(sizeof(filled), bytes.size()));
  std::memcpy(bytes.data() + kReceiveWindowAt, &info.receive_window, sizeof(info.receive_window));
  return bytes;
}

KernelCongestionInfo kernel_congestion_info(const TcpInfo& info) noexcept {
  KernelCongestionInfo out;
  const auto hand_out = [&](const auto& filled) {
    static_assert(sizeof(filled) <= sizeof(out.bytes));
    std::memcpy(out.bytes.data(), &filled, sizeof(filled));
    out.size = sizeof(filled);
  };
  const TcpCongestionInfo& known = info.congestion;
  switch (info.congestion_control) {
    case CongestionKind::Dctcp: {
      tcp_dctcp_info dctcp{};
      dctcp.dctcp_enabled = info.has_ecn ? 1 : 0;
      dctcp.dctcp_alpha = known.alpha_per_1024;
      dctcp.dctcp_ab_ecn = known.bytes_marked;
      dctcp.dctcp_ab_tot = known.bytes_acked;
      hand_out(dctcp);
      break;
    }
    case CongestionKind::Bbr: {
      constexpr std::uint32_t kOne = 256;  // Gains are counted in parts of it.
      tcp_bbr_info bbr{};
      bbr.bbr_bw_lo = static_cast<std::uint32_t>(known.bandwidth);
      bbr.bbr_bw_hi = static_cast<std::uint32_t>(known.bandwidth >> 32U);
      bbr.bbr_min_rtt = microseconds(known.min_rtt);
      bbr.bbr_pacing_gain = known.pacing_gain_percent * kOne / 100;
      bbr.bbr_cwnd_gain = known.window_gain_percent * kOne / 100;
      hand_out(bbr);
      break;
    }
    case CongestionKind::Reno:
    case CongestionKind::Cubic: break;
  }
  return out;
}

TcpInfo initial_tcp_info() noexcept {
  TcpInfo info;
  info.send_mss = kMssDefault;
  info.rto = std::chrono::seconds{1};  // RFC 6298 §2.1.
  info.rtt_variation = std::chrono::milliseconds{250};
  info.cwnd = kInitialWindowSegments * kMssDefault;
  info.ssthresh = kSsthreshUnset;
  return info;
}

TcpInfo listener_tcp_info(std::uint32_t waiting, std::uint32_t backlog) noexcept {
  TcpInfo info;
  info.unacked = waiting;
  info.sacked = backlog;
  info.cwnd = kInitialWindowSegments;  // Of segments without a size.
  return info;
}

}  // namespace millrace::posix
