// UdpFlow: datagrams of a plan from one host to another. They may get lost, come twice or out of
// order, but what arrives must be what was sent, to the byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <millrace/udp.hpp>

#include "apps/sim/plan.hpp"
#include "sim/world.hpp"

namespace swarm {

class UdpFlow {
 public:
  /// All must outlive it.
  UdpFlow(const UdpPlan& plan, millrace::sim::Host& from, millrace::sim::Host& to);

  void start(millrace::sim::World& world);
  /// Closes both sockets.
  void stop(millrace::sim::World& world);
  [[nodiscard]] bool is_done() const noexcept { return sent_ >= plan_.datagrams; }
  [[nodiscard]] std::uint32_t received() const noexcept { return receiver_.count; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  /// Every datagram begins with its number; the rest is of the stream that the number names.
  static constexpr std::size_t kNumberBytes = 4;

  struct Receiver final : millrace::UdpHandler {
    explicit Receiver(UdpFlow& owner) noexcept : flow{owner} {}
    void on_readable(millrace::UdpSocket socket) override;
    UdpFlow& flow;
    std::uint32_t count = 0;
  };
  struct Sender final : millrace::UdpHandler {};

  void send_next();
  void check(std::span<const std::byte> payload);
  [[nodiscard]] std::size_t size_of(std::uint32_t number) const noexcept;

  const UdpPlan& plan_;
  millrace::sim::Host& from_;
  millrace::sim::Host& to_;
  Receiver receiver_{*this};
  Sender sender_;
  millrace::UdpSocket out_;
  millrace::UdpSocket in_;
  std::vector<std::byte> scratch_;
  std::uint32_t sent_ = 0;
  std::string problem_;
};

}  // namespace swarm
