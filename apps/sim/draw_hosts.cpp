// The hosts of a plan: windows, memory, options and interfaces, each for itself.
#include <algorithm>

#include "apps/sim/draw.hpp"
#include "sim/host.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

/// More than there are connections in a plan.
constexpr std::uint32_t kListenersMax = 64;

void draw_windows(Dice& dice, const Traits& traits, millrace::TcpConfig& tcp) {
  if (traits.has(Trait::SmallWindows)) {
    tcp.receive_buffer_bytes = dice.scaled(16'384, 65'536);
    tcp.send_buffer_bytes = dice.scaled(8'192, 65'536);
    tcp.receive_buffer_initial_bytes = tcp.receive_buffer_bytes;
    tcp.send_buffer_initial_bytes = tcp.send_buffer_bytes;
    return;
  }
  const std::uint32_t most = traits.has(Trait::LargeWindows) ? 8'000'000 : 1'000'000;
  tcp.receive_buffer_bytes = dice.scaled(65'536, most);
  tcp.send_buffer_bytes = dice.scaled(65'536, most);
  tcp.receive_buffer_initial_bytes =
      std::min(tcp.receive_buffer_bytes, dice.scaled(16'384, 131'072));
  tcp.send_buffer_initial_bytes = std::min(tcp.send_buffer_bytes, dice.scaled(16'384, 524'288));
}

/// Nobody gives up here: what does not arrive in the end is somebody's mistake.
void draw_times(Dice& dice, millrace::TcpConfig& tcp) {
  tcp.user_timeout = 12h;
  tcp.user_timeout_max = 12h;
  tcp.connect_timeout = 1h;
  tcp.syn_ack_retries = 12;
  tcp.fin_wait_2_timeout = 1h;
  tcp.rto_min = dice.coin() ? 200ms : std::chrono::milliseconds{dice.between(50, 1'000)};
  tcp.delayed_ack = std::chrono::milliseconds{dice.between(1, 200)};
  tcp.initial_window_segments = dice.between(1, 20);
  tcp.quick_acks_max = dice.between(0, 20);
  tcp.slow_start_ack_segments = dice.between(0, 4);
}

void draw_options(Dice& dice, const Traits& traits, millrace::TcpConfig& tcp) {
  tcp.timestamps = !(traits.has(Trait::NoTimestamps) && dice.percent(70));
  tcp.selective_acks = !(traits.has(Trait::NoSelectiveAcks) && dice.percent(70));
  if (traits.has(Trait::Ecn)) {
    tcp.ecn = dice.percent(80) ? millrace::EcnMode::On : millrace::EcnMode::Passive;
  } else {
    tcp.ecn = millrace::EcnMode::Off;
  }
  if (traits.has(Trait::SynCookies)) {
    tcp.syn_cookies = millrace::SynCookies::Always;
  }
  tcp.mtu_probing = millrace::MtuProbing::Off;
  if (traits.has(Trait::BlackHole) || dice.percent(20)) {
    tcp.mtu_probing = dice.coin() ? millrace::MtuProbing::BlackHole : millrace::MtuProbing::Always;
  }
}

}  // namespace

void draw_hosts(Dice& dice, Plan& plan) {
  for (HostPlan& host : plan.hosts) {
    host.config = millrace::sim::small_config();
    host.config.max_listeners = kListenersMax;
    host.config.tcp = {};
    draw_windows(dice, plan.traits, host.config.tcp);
    draw_times(dice, host.config.tcp);
    draw_options(dice, plan.traits, host.config.tcp);
    if (plan.traits.has(Trait::FewReassembled)) {
      host.config.tcp.reassembly_segments_max = dice.between(0, 20);
    }
    if (plan.traits.has(Trait::FewPackets)) {
      host.config.packets = 1'023;
      host.rx_ring = 256;
    }
    host.multi_segment = !(plan.traits.has(Trait::SingleSegment) && dice.percent(70));
    if (plan.traits.has(Trait::SmallInterface) && dice.percent(70)) {
      host.mtu = static_cast<std::uint16_t>(dice.between(576, 1'499));
    }
  }
}

}  // namespace swarm
