// The frames of a test: a UDP datagram or an ICMP echo with a stamp (which flow, which number in
// it) and a pattern that follows from the stamp, so that one frame tells by itself whether it is
// whole. Counting is the verifier's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <millrace/address.hpp>

#include "packet/packet.hpp"
#include "perf/pattern.hpp"

namespace loopback {

/// What a stamp travels in.
enum class Carrier : std::uint8_t { Udp, Echo };

/// One end of a path.
struct Station {
  millrace::MacAddress mac;
  millrace::IpAddress ip;

  friend bool operator==(const Station&, const Station&) noexcept = default;
};
/// Who sends a frame, and to whom.
struct Path {
  Station source;
  Station destination;

  friend bool operator==(const Path&, const Path&) noexcept = default;
};

/// Bytes of Ethernet, IPv4 and UDP or ICMP header.
inline constexpr std::size_t kHeaderBytes = 42;
/// Bytes, Ethernet header included, frame check sequence not: what every link takes.
inline constexpr std::uint16_t kFrameBytesMin = 60;
inline constexpr std::uint16_t kFlowsMax = 4'096;
/// Of UDP: flows differ in their source port, so that a NIC spreads them.
inline constexpr std::uint16_t kUdpPort = 5'211;
inline constexpr std::uint16_t kFirstSourcePort = 20'000;

/// What a frame says of itself.
struct Stamp {
  std::uint64_t sequence = 0;  ///< In its flow, from 0; of an end, how many there were.
  std::uint16_t flow = 0;
  std::uint16_t ends_of = 0;  ///< 0: data. Else the flow ends, and there were so many flows.

  friend bool operator==(const Stamp&, const Stamp&) noexcept = default;
};

/// Makes frames of a few sizes. Their headers are made once.
class FrameMaker {
 public:
  /// Sizes in bytes, of `kFrameBytesMin` or more.
  FrameMaker(const Path& path, Carrier carrier, std::uint64_t seed,
             const std::vector<std::uint16_t>& sizes);

  /// Writes the frame of the size at that index to the front of `frame`, and returns its bytes.
  std::uint16_t write(std::span<std::byte> frame, const Stamp& stamp,
                      std::size_t size_index) const noexcept;
  /// Appends it to an empty packet, which has room for it.
  void make(millrace::packet::Packet& packet, const Stamp& stamp,
            std::size_t size_index) const noexcept {
    write(packet.append(models_[size_index].bytes), stamp, size_index);
  }
  /// From here on frames go to this address.
  void set_destination(const millrace::MacAddress& mac) noexcept;

 private:
  struct Model {
    std::uint16_t bytes = 0;
    std::array<std::byte, kHeaderBytes> header{};
  };

  Path path_;
  Carrier carrier_;
  std::uint64_t seed_;
  std::vector<Model> models_;
};

/// What somebody makes of a frame that has arrived.
struct Seen {
  enum class What : std::uint8_t {
    Foreign,  ///< Nothing in it looks like ours.
    Good,
    Damaged,  ///< Ours, by its mark or its ports, and not as it was sent.
  };
  What what = What::Foreign;
  Stamp stamp{};  ///< Of good ones alone.
};

/// Reads frames as they should arrive.
class FrameReader {
 public:
  /// Without a path those of anybody are read. Flows from `flows` on are none of ours.
  FrameReader(Carrier carrier, std::uint64_t seed, perf::Verify verify, std::uint16_t flows,
              const std::optional<Path>& path) noexcept
      : carrier_{carrier}, seed_{seed}, verify_{verify}, flows_{flows}, path_{path} {}

  [[nodiscard]] Seen read(std::span<const std::byte> frame) const noexcept;
  /// Frames should come from there now.
  void set_source(const millrace::MacAddress& mac) noexcept {
    if (path_) {
      path_->source.mac = mac;
    }
  }

 private:
  [[nodiscard]] bool looks_like_ours(std::span<const std::byte> frame) const noexcept;
  [[nodiscard]] bool is_whole(std::span<const std::byte> frame, const Stamp& stamp) const noexcept;
  [[nodiscard]] bool has_right_transport(std::span<const std::byte> segment, const Path& path,
                                         const Stamp& stamp) const noexcept;

  Carrier carrier_;
  std::uint64_t seed_;
  perf::Verify verify_;
  std::uint16_t flows_;
  std::optional<Path> path_;
};

}  // namespace loopback
