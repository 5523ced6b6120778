// A socket's record as named numbers and texts, for the telemetry socket. The names are those of
// Linux's ss and struct tcp_info; times are in microseconds unless their name says otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <millrace/time.hpp>

#include "stack/socket_list.hpp"

namespace millrace::control {

/// The state's name in the words of ss.
[[nodiscard]] const char* ss_state_name(TcpState state) noexcept;
/// Likewise the timer's; empty: there is none.
[[nodiscard]] const char* ss_timer_name(tcp::TimerKind kind) noexcept;

namespace detail {

[[nodiscard]] inline std::uint64_t microseconds(Duration time) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

template <class Number>
void for_each_info_field(const TcpInfo& info, Number&& number) {
  const auto flag = [&](const char* name, bool is_set) { number(name, is_set ? 1 : 0); };
  number("ca_state", std::to_underlying(info.recovery));
  flag("ts", info.has_timestamps);
  flag("sack", info.has_selective_acks);
  flag("ecn", info.has_ecn);
  flag("wscale", info.has_window_scale);
  flag("fastopen", info.has_syn_data);
  number("snd_wscale", info.send_window_scale);
  number("rcv_wscale", info.receive_window_scale);
  number("rto", microseconds(info.rto));
  number("ato", microseconds(info.ack_delay));
  number("backoff", info.backoff);
  number("retransmits", info.retransmits);
  number("probes", info.probes);
  number("rtt", microseconds(info.rtt));
  number("rttvar", microseconds(info.rtt_variation));
  number("minrtt", microseconds(info.min_rtt));
  number("rcv_rtt", microseconds(info.receive_rtt));
  number("mss", info.send_mss);
  number("pmtu", info.path_mtu);
  number("rcvmss", info.receive_mss);
  number("advmss", info.advertised_mss);
  number("cwnd", info.cwnd);
  number("ssthresh", info.ssthresh);
  number("pacing_rate", info.pacing_rate);
  number("reordering", info.reordering);
  number("unacked", info.unacked);
  number("sacked", info.sacked);
  number("lost", info.lost);
  number("retrans", info.retransmitted);
  number("total_retrans", info.total_retransmitted);
  number("notsent", info.unsent_bytes);
  number("bytes_sent", info.bytes_sent);
  number("bytes_retrans", info.bytes_retransmitted);
  number("bytes_acked", info.bytes_acked);
  number("bytes_received", info.bytes_received);
  number("segs_out", info.segments_out);
  number("segs_in", info.segments_in);
  number("data_segs_out", info.data_segments_out);
  number("data_segs_in", info.data_segments_in);
  number("delivered", info.delivered);
  number("dsack_dups", info.duplicate_reports);
  number("rcv_ooopack", info.out_of_order_in);
  number("lastsnd", microseconds(info.since_data_sent));
  number("lastrcv", microseconds(info.since_data_received));
  number("lastack", microseconds(info.since_ack_received));
  number("busy", microseconds(info.busy));
  number("rwnd_limited", microseconds(info.receive_window_limited));
  number("sndbuf_limited", microseconds(info.send_buffer_limited));
  number("snd_wnd", info.send_window);
  number("rcv_wnd", info.receive_window);
  number("rcv_ssthresh", info.receive_window_limit);
  number("rcv_space", info.receive_space);
  number("sndbuf", info.send_buffer);
  number("wmem", info.send_memory);
  number("rcvbuf", info.receive_buffer);
  number("rmem", info.receive_memory);
}

}  // namespace detail

/// Calls `number(name, value)` and `text(name, value)` for each field.
template <class Number, class Text>
void for_each_field(const stack::SocketRecord& record, Number&& number, Text&& text) {
  const bool is_udp = record.protocol == stack::SocketRecord::Protocol::Udp;
  text("proto", is_udp ? "udp" : "tcp");
  text("state", ss_state_name(record.state));
  number("recv_q", record.receive_queue);
  number("send_q", record.send_queue);
  text("local", record.tuple.local.address.to_string());
  number("lport", record.tuple.local.port.number());
  text("peer", record.tuple.remote.address.to_string());
  number("pport", record.tuple.remote.port.number());
  number("sk", std::uint64_t{record.handle.generation} << 32U | record.handle.index);
  number("orphan", record.is_orphan ? 1 : 0);
  if (record.timer != tcp::TimerKind::None) {
    text("timer", ss_timer_name(record.timer));
    number("timer_left", detail::microseconds(record.timer_left));
  }
  if (record.has_info) {
    text("congestion", std::string{to_string(record.info.congestion_control)});
    detail::for_each_info_field(record.info, number);
  }
}

}  // namespace millrace::control
