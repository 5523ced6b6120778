// WireObserver: looks at every segment that leaves or reaches a host and holds it against what the
// host may do by then: send within the peer's window and its own congestion window, acknowledge and
// report only what has arrived, never take back what it has offered, slow down when nobody answers.
// It knows no more of a host than what is on the wire, but for the congestion window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

#include "apps/sim/intervals.hpp"
#include "apps/sim/repeat_watch.hpp"
#include "sim/frame_view.hpp"
#include "sim/world.hpp"
#include "wire/tcp_options.hpp"

namespace swarm {

using millrace::Instant;

class WireObserver {
 public:
  /// Listens to the world from now on, and must live as long.
  explicit WireObserver(millrace::sim::World& world);
  WireObserver(const WireObserver&) = delete;
  WireObserver& operator=(const WireObserver&) = delete;
  ~WireObserver() = default;

  /// Whose socket a connection is; the host by its position among those added.
  void watch(std::size_t host, millrace::TcpSocket socket);

  /// The first rule that was broken, with its time and connection; empty when none was.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] std::uint64_t segments() const noexcept { return segments_; }

 private:
  /// What the last SYN of the peer's said, for the connection that may follow.
  struct PeerSyn {
    millrace::wire::SeqNum seq;
    std::uint64_t length = 1;
    std::optional<std::uint8_t> scale;
    std::uint64_t window = 0;
  };

  /// One end of a connection. Offsets count from the SYN of the side whose numbers they are.
  struct Side {
    std::optional<millrace::wire::SeqNum> iss;
    std::optional<millrace::wire::SeqNum> irs;
    std::optional<PeerSyn> peer_syn;
    std::optional<std::uint8_t> own_scale;
    std::optional<std::uint8_t> peer_scale;
    std::uint64_t sent_end = 0;
    std::uint64_t permitted_end = 0;  // By the most generous ACK that has arrived.
    std::uint64_t acked_end = 0;      // By our last ACK.
    std::uint64_t offered_end = 0;    // The furthest right edge that we have offered.
    Intervals arrived;
    bool has_fin_arrived = false;
    RepeatWatch repeats;
    millrace::TcpSocket socket;
    Instant looked_at{};
    std::uint32_t mss_max = 0;
    std::uint32_t cwnd_before = 0;
    std::uint32_t in_flight_before = 0;
  };

  struct Seen {
    std::size_t host;
    const millrace::sim::SegmentView& segment;
    millrace::wire::TcpOptions options;
    bool may_have_lost = false;  ///< The host has let frames go before they were seen.
  };

  void on_sent(const millrace::sim::Host& host, const millrace::sim::Frame& frame);
  void on_syn_sent(Side& side, const Seen& seen);
  void check_data(Side& side, const Seen& seen);
  void check_congestion_window(Side& side, const Seen& seen);
  void check_acknowledgment(Side& side, const Seen& seen);
  void check_selective_acks(const Side& side, const Seen& seen);
  void on_arrival(const millrace::sim::Host& host, const millrace::sim::Frame& frame);
  void on_syn_arrived(Side& side, const Seen& seen);
  void note_arrival(Side& side, const Seen& seen);
  void note_permission(Side& side, const Seen& seen, std::uint64_t window);
  void complain(const Seen& seen, const std::string& what);
  [[nodiscard]] Side& side_of(std::size_t host, const millrace::FourTuple& tuple);

  millrace::sim::World& world_;
  std::unordered_map<std::uint64_t, Side> sides_;
  std::uint64_t segments_ = 0;
  std::string problem_;
};

}  // namespace swarm
