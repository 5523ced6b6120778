// Every limit and default, with its unit. All of it is taken at start-up; nothing here grows later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/congestion.hpp>
#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// What is wrong with a configuration, in words for the person who wrote it.
struct ConfigError {
  std::string field;  ///< The field's name as in `Config`, or the option's as on the command line.
  std::string problem;  ///< What is wrong and what would be right.
};

/// Explicit congestion notification, RFC 3168.
enum class EcnMode : std::uint8_t {
  Off,      ///< Neither asked for nor granted.
  Passive,  ///< Granted to peers that ask.
  On,       ///< Asked for by opens, granted to peers that ask.
};

/// When segments are sized by what arrives rather than by what routers say (RFC 4821).
enum class MtuProbing : std::uint8_t {
  Off,        ///< Never.
  BlackHole,  ///< Once large segments seem to vanish.
  Always,     ///< From the first segment on: small at first, larger as probes arrive.
};

/// When a listener answers a SYN with a cookie and remembers nothing of it (RFC 4987 §3.6).
enum class SynCookies : std::uint8_t {
  Off,     ///< Never: what finds the SYN queue full is dropped.
  Auto,    ///< While the listener's SYN queue is full.
  Always,  ///< For every SYN: for tests, and where a flood is expected.
};

/// How the TCP of each core behaves. Defaults follow the RFC named beside each value.
struct TcpConfig {
  std::uint32_t send_buffer_bytes =
      4 * 1024 * 1024;  ///< Most per connection, charged by buffer size. 4 KiB to 1 GiB.
  std::uint32_t send_buffer_initial_bytes =
      512 * 1024;  ///< What it starts with; it grows to two congestion windows. From
                   ///< `send_buffer_bytes` on the size is fixed. 4 KiB to 1 GiB.
  std::uint32_t receive_buffer_bytes =
      6 * 1024 * 1024;  ///< Most per connection, charged by buffer size. 16 KiB to 1 GiB.
  std::uint32_t receive_buffer_initial_bytes =
      128 * 1024;  ///< What it starts with; it grows with what the application reads in a round
                   ///< trip. From `receive_buffer_bytes` on the size is fixed. 16 KiB to 1 GiB.
  std::uint32_t initial_window_segments = 10;  ///< RFC 6928. 1 to 64.
  bool slow_start_after_idle =
      true;  ///< After an idle time of more than a retransmission timeout the window is no larger
             ///< than at first (RFC 5681 §4.1). Off: it stays, as tcp_slow_start_after_idle=0.
  std::uint32_t reassembly_segments_max =
      1'024;  ///< Out-of-order segments kept per connection: what can be in flight behind a loss,
              ///< 12 ms at 1 Gb/s. Paths with more want more; what a hostile peer can make a core
              ///< look at for a segment grows with it. 0 to 65535.
  std::uint32_t syn_backlog = 1024;           ///< Half-open connections per listener. 1 to 1 M.
  std::uint32_t syn_ack_retries = 5;          ///< Retransmissions of a SYN,ACK. 0 to 30.
  SynCookies syn_cookies = SynCookies::Auto;  ///< What a full SYN queue does (RFC 4987 §3.6).
  std::uint32_t challenge_acks_per_second =
      1'000;  ///< Challenge ACKs of a core (RFC 5961 §7); what each second allows is drawn at
              ///< random between half of it and one and a half. 1 to 1 M.
  std::uint32_t fast_open_destinations =
      256;  ///< Servers whose Fast Open cookies are kept, per core (RFC 7413 §4.1.3). 0: Fast Open
            ///< is never used towards others. To 1 M.
  std::uint16_t local_port_first = 32'768;  ///< Source ports of opens that name none (RFC 6056
                                            ///< §3.2). 1 to 65535.
  std::uint16_t local_port_last = 60'999;   ///< The last of them. `local_port_first` to 65535.
  std::uint32_t quick_acks_max =
      16;  ///< Acknowledgments without delay when data begins to flow, and after what was out of
           ///< order (RFC 5681 §4.2). 0 to 255; with 0 each is delayed as any.
  bool delayed_fin_acks =
      false;  ///< A FIN of the peer's is acknowledged as data is, with delay, so that an answer or
              ///< our own FIN carries the ACK, as in Linux. Off: at once (RFC 9293 §3.10.7.4).
  CongestionKind congestion_control =
      CongestionKind::Cubic;  ///< Who moves the congestion window; TcpTuning has it for one
                              ///< connection (RFC 5681, RFC 9438, RFC 8257, draft-ietf-ccwg-bbr).
  std::uint32_t bbr_connections = 1'024;  ///< Of a core, that can have the model of BBR at a time;
                                          ///< beyond it they get CUBIC. 0 to 64 M.
  bool pacing = false;  ///< Data leaves evenly over a round trip, as with Linux's fq, whoever moves
                        ///< the window. BBR always does so.
  std::uint32_t pacing_slow_start_percent =
      200;  ///< Of the window that leave in a round trip while it doubles, as Linux's
            ///< tcp_pacing_ss_ratio. 100 to 1000.
  std::uint32_t pacing_percent = 120;  ///< And later, as tcp_pacing_ca_ratio. 100 to 1000.
  Duration pacing_slack = std::chrono::microseconds{
      250};  ///< So much of its rate may leave in one go, but two segments always, and 64 KiB at
             ///< most (draft-ietf-ccwg-bbr §5.6.3). Up to 10 ms.
  std::uint32_t slow_start_ack_segments =
      2;  ///< Segments by which one ACK opens the window in slow start (RFC 3465 §2.3); CUBIC takes
          ///< at least 8 (RFC 9406 §4.3). 0 to 64; 0: by all that it acknowledges, as in Linux.
  std::uint32_t push_burst_segments =
      0;  ///< PSH also at the end of groups of this many full segments that leave together, more
          ///< where the round trip is short, as with Linux's segmentation offload
          ///< (tcp_min_tso_segs). 0 to 64; 0: only where Millrace has a reason.
  bool empty_window_probes =
      false;  ///< A closed window is probed with a segment without data that lies before it, as
              ///< Linux does. Off: with an octet of new data (RFC 9293 §3.8.6.1).
  bool resets_at_sack_edge =
      false;  ///< A reset ends the connection also right behind the last octet that has arrived out
              ///< of order, as in Linux. Off: RFC 5961 §3.2, only at the next octet expected.
  bool timestamps = true;  ///< Timestamps, and protection against old segments by them (RFC 7323).
  bool timestamps_required =
      true;  ///< Once agreed on, what lacks them is let go (RFC 7323 §3.2). False takes it, as
             ///< Linux does, for peers behind middleboxes that strip options.
  bool selective_acks = true;  ///< Selective acknowledgments, both ways (RFC 2018, RFC 2883).
  bool rack = true;  ///< With selective acknowledgments losses are found by time (RFC 8985), as
                     ///< with Linux's tcp_recovery. Off: by their number (RFC 6675).
  bool tail_loss_probe = true;  ///< When ACKs stay away, one segment asks for them before a timeout
                                ///< (RFC 8985 §7), as with Linux's tcp_early_retrans.
  bool frto = true;  ///< A timeout that was too early is found out and undone (RFC 5682), as with
                     ///< Linux's tcp_frto.
  bool prr = true;   ///< The window shrinks in proportion to what arrives during a fast recovery
                     ///< (RFC 9937). Off: at its beginning (RFC 6675 §5).
  std::uint32_t duplicate_threshold =
      3;  ///< Duplicate ACKs, or segments reported behind a hole, that make a loss while no
          ///< reordering was seen (RFC 5681 §3.2), as Linux's tcp_reordering. 1 to 127.
  Duration peer_ack_delay_max =
      std::chrono::milliseconds{200};  ///< How long a peer may delay the ACK of a lone segment (RFC
                                       ///< 8985 §7.2). Less than 500 ms.
  Duration rto_initial = std::chrono::seconds{1};  ///< RFC 6298 §2.1.
  Duration rto_min =
      std::chrono::milliseconds{200};  ///< Below RFC 6298's 1 s, as every stack in use.
  Duration rto_variation_min =
      std::chrono::milliseconds{30};  ///< What RFC 6298 §2.3 adds to the round trip for its
                                      ///< variation is no less, as if clocks were that coarse: on
                                      ///< long and steady paths timeouts came too early. Linux has
                                      ///< 200 ms here and none for the sum. Up to `rto_max`.
  Duration rto_max = std::chrono::seconds{60};  ///< RFC 6298 §2.5 allows no less than 60 s.
  Duration user_timeout =
      std::chrono::seconds{100};  ///< R2: give up after so long without progress (RFC 9293 §3.8.3).
  Duration user_timeout_min = std::chrono::seconds{
      100};  ///< What a peer may shorten `user_timeout` to (RFC 5482 §3.2). Up to the next one.
  Duration user_timeout_max =
      std::chrono::hours{1};  ///< What a peer may lengthen it to (RFC 5482 §3.2).
  std::uint32_t r1_retransmissions =
      3;  ///< R1: retransmissions of one segment before the next hop is asked for anew and the
          ///< application hears of it (RFC 9293 §3.8.3, SHLD-10). 3 to 255.
  std::uint8_t hop_limit = 64;  ///< Of segments, unless a socket says otherwise. 1 to 255.
  Duration connect_timeout =
      std::chrono::seconds{180};  ///< R2 for a SYN (RFC 9293 §3.8.3, MUST-23).
  Duration delayed_ack =
      std::chrono::milliseconds{40};  ///< RFC 9293 §3.8.6.3 allows less than 500 ms.
  Duration override_timeout = std::chrono::milliseconds{200};  ///< RFC 9293 §3.8.6.2.1: 0.1 to 1 s.
  Duration msl = std::chrono::seconds{30};  ///< Maximum segment lifetime; TIME-WAIT lasts two.
  bool reuse_time_wait = true;  ///< Opens of ours may take a four-tuple over that has been in
                                ///< TIME-WAIT for a second (RFC 6191).
  std::optional<std::array<std::uint8_t, 16>>
      fast_open_key{};  ///< Signs the Fast Open cookies that we hand out, as Linux's
                        ///< tcp_fastopen_key, so that several hosts honour each other's; it never
                        ///< changes. Empty: drawn at random, and anew in time.
  bool fast_open_by_default =
      false;  ///< A listener that does not say how many connections it accepts with the data of
              ///< their SYN accepts as many as may wait, as Linux does with the bit 0x400 of
              ///< tcp_fastopen. Off: none (`ListenOptions::fast_open`).
  bool fast_open_without_cookies =
      false;  ///< A listener that allows Fast Open takes the data of any SYN, as Linux does with
              ///< the bit 0x200 of tcp_fastopen: only where no source address is forged.
  Duration fast_open_key_lifetime =
      std::chrono::hours{24};  ///< The key of our Fast Open cookies lasts so long, and what it has
                               ///< signed twice as long (RFC 7413 §4.1.2).
  Duration fast_open_pause =
      std::chrono::hours{1};  ///< After a SYN with data was swallowed its destination is spoken to
                              ///< without Fast Open for so long, doubling (RFC 7413 §4.1.3.1).
  Duration fin_wait_2_timeout =
      std::chrono::seconds{60};      ///< For closed sockets whose peer never sends FIN.
  EcnMode ecn = EcnMode::Passive;    ///< RFC 3168 §6.1.1.
  std::uint32_t path_mtu_min = 552;  ///< Bytes of an IP datagram below which no router's word, and
                                     ///< no search, brings a path (RFC 1191 §3). 88 to 1500.
  Duration path_mtu_lifetime = std::chrono::minutes{
      10};  ///< How long a router's word holds (RFC 1191 §6.3). At least 5 min.
  MtuProbing mtu_probing = MtuProbing::BlackHole;  ///< RFC 4821.
  std::uint32_t mtu_probing_base = 1'024;  ///< Payload in bytes to search up from, and to fall back
                                           ///< to (RFC 4821 §7.2). 48 to 9000.
  std::uint32_t black_hole_timeouts =
      3;  ///< Timeouts of one large segment that make a black hole (RFC 4821 §7.7). 1 to 30.
  Duration mtu_probing_interval =
      std::chrono::minutes{10};  ///< From one search to the next (RFC 4821 §7.3). At least 1 min.
};

/// How the UDP of each core behaves.
struct UdpConfig {
  std::uint32_t receive_queue_bytes =
      4 * 1024 * 1024;  ///< What one socket's datagrams that nobody has read may hold, charged by
                        ///< buffer size. 4 KiB to 1 GiB.
  std::uint32_t receive_queue_datagrams = 4'096;  ///< How many they may be. 1 to 1 M.
  std::uint32_t total_bytes =
      64 * 1024 * 1024;  ///< What those of all sockets may hold, charged likewise; never more than
                         ///< a quarter of what all queues of the core may. 4 KiB to 1 GiB.
  std::uint8_t hop_limit = 64;  ///< Of datagrams, unless a socket says otherwise. 1 to 255.
  std::uint16_t local_port_first = 32'768;  ///< Ports of sockets that name none, drawn at random
                                            ///< (RFC 6056 §3.3.1). 1 to 65535.
  std::uint16_t local_port_last = 60'999;   ///< The last of them. `local_port_first` to 65535.
};

/// What may be kept of datagrams that arrive in fragments (RFC 791 §3.2, RFC 1122 §3.3.2). Whatever
/// a limit refuses, the datagram that has waited for longest goes first.
struct ReassemblyConfig {
  std::uint32_t datagrams = 256;          ///< That may be incomplete at once, per core. 1 to 65536.
  std::uint32_t per_source = 64;          ///< Of these, from one source. 1 to 65536.
  std::uint32_t fragments = 256;          ///< That one datagram may have. 2 to 8192.
  std::uint32_t bytes = 4 * 1024 * 1024;  ///< What all fragments may hold, charged by buffer size;
                                          ///< never more than a quarter of what all queues of the
                                          ///< core may. 4 KiB to 1 GiB.
  Duration timeout =
      std::chrono::seconds{60};  ///< From a datagram's first fragment to giving it up
                                 ///< (RFC 1122 §3.3.2: 60 to 120 s). 1 s to 120 s.
};

/// One device and the addresses this host has on it.
struct DeviceConfig {
  std::string spec = "tap:millrace0";  ///< What `--device=` takes; "tap:millrace0.100" is VLAN 100
                                       ///< of that device.
  std::vector<IpPrefix> addresses{};   ///< At least one.
  std::optional<IpAddress>
      gateway{};  ///< Next hop of the default route; must lie in one of the prefixes. Opens without
                  ///< a local address use the first device's that has one.
  std::optional<MacAddress> mac{};  ///< Overrides the device's own address.
  std::uint16_t mtu = 1500;  ///< Bytes of an IP datagram. 576 to 9000; most devices stop at 1500.
};

/// A way to a network beyond a router, from --route.
struct RouteConfig {
  IpPrefix destination;  ///< Without host bits.
  IpAddress gateway;     ///< On the network of one of the devices, which is the one that is taken.
};

/// How a worker waits when there is nothing to do.
enum class IdlePolicy : std::uint8_t {
  Default,   ///< Adaptive on kernel devices, spin on the others.
  Spin,      ///< Never sleeps.
  Adaptive,  ///< Sleeps in the kernel until a packet or a timer is due, where the device can wake
             ///< it.
};

/// Everything that is fixed at start-up. A plain value; `Program::config` hands out the one to
/// change, and what is on the command line overrides it.
///
///     void shrink(millrace::Program& program) {
///       program.config().packets = 4'096;
///       program.config().tcp.receive_buffer_bytes = 64 * 1024;
///     }
struct Config {
  /// Routes in all: one for each address, each gateway and each of `routes`.
  static constexpr std::size_t kMaxRoutes = 64;
  /// Name servers in all.
  static constexpr std::size_t kMaxNameServers = 8;

  std::vector<DeviceConfig> devices{};  ///< At least one; several may be VLANs of one device.
  std::vector<RouteConfig> routes{};    ///< The longest prefix wins, then the device's own gateway.
  std::vector<Endpoint> name_servers{};  ///< Asked by Resolver and millrace_getaddrinfo in this
                                         ///< order; at most 8. Empty: as /etc/resolv.conf says.
  std::vector<unsigned> cores{};  ///< Processors to pin workers to, one each. Empty: one worker on
                                  ///< any that the process may use, pinned to none.
  IdlePolicy idle = IdlePolicy::Default;   ///< What a worker does when there is nothing to do.
  std::uint32_t max_connections = 16'384;  ///< Per core, half-open ones included. 1 to 64 M.
  std::uint32_t max_time_wait = 65'536;   ///< Per core; the oldest goes first beyond it. 1 to 64 M.
  std::uint32_t max_listeners = 64;       ///< Per core. 1 to 1 M.
  std::uint32_t max_udp_sockets = 1'024;  ///< Per core. 1 to 1 M.
  std::uint32_t max_orphans =
      8'192;  ///< Connections that the application has closed and that are not over, per core;
              ///< beyond it the one that has been idle for longest is reset. 1 to 64 M.
  std::uint32_t max_timers = 65'536;    ///< Timers of the application, per core. 1 to 64 M.
  std::uint32_t max_neighbors = 1'024;  ///< Per core. 1 to 1 M.
  std::uint32_t max_path_mtus =
      1'024;  ///< Destinations whose path MTU is remembered, per core. 1 to 1 M.
  std::uint32_t max_active_blocks =
      0;  ///< Connections with data queued, per core. 0: as many as connections.
  std::uint32_t packets = 32'768;        ///< Packet buffers of 2 KiB per core. 2048 to 16 M.
  std::uint32_t background_threads = 8;  ///< Helper threads per worker for `Worker::background`. 0
                                         ///< to 256; with none, jobs run on the core itself.
  TcpConfig tcp{};                       ///< How each core's TCP behaves.
  UdpConfig udp{};                       ///< How each core's UDP behaves.
  ReassemblyConfig reassembly{};         ///< What each core keeps of fragments.
  std::string eal_arguments{};           ///< Handed to DPDK's EAL as they are, after our own.
  std::string capture_file{};            ///< pcapng file that receives every frame; empty: none.
  bool host_setup = true;                ///< Give the kernel's end of each TAP its address.
  std::optional<std::uint64_t>
      seed{};  ///< Derives every secret from this number. For tests and simulations only.

  /// Checks every limit and their combinations. The error names the field and what would be right.
  [[nodiscard]] Result<void, ConfigError> validate() const;
};

}  // namespace millrace

#pragma GCC visibility pop
