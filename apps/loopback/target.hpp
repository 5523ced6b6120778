// Target: what stands at the far end of the cable and sends frames back, as testpmd does: as they
// are, with their addresses swapped, or answered as ARP and echo requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loopback/port.hpp"
#include "loopback/test_frame.hpp"
#include "packet/burst.hpp"

namespace loopback {

class Target {
 public:
  enum class Work : std::uint8_t { Forward, SwapMacs, AnswerEchoes };

  /// What it sends goes out of `out`, which must outlive it. `self` answers echoes.
  Target(Work work, Port& out, const Station& self) noexcept
      : work_{work}, out_{out}, self_{self} {}

  /// Whether a whole burst may be given to it: while its own waits for the port it takes none.
  [[nodiscard]] bool has_room() const noexcept { return waiting_.empty(); }
  /// False, and the frame is the caller's still: it is none to be sent back.
  [[nodiscard]] bool take(millrace::packet::Packet& frame) noexcept;
  /// Sends what waits.
  void flush() noexcept;

 private:
  [[nodiscard]] bool answer(std::span<std::byte> frame) const noexcept;
  [[nodiscard]] bool answer_arp(std::span<std::byte> frame) const noexcept;
  [[nodiscard]] bool answer_echo(std::span<std::byte> frame) const noexcept;

  Work work_;
  Port& out_;
  Station self_;
  millrace::packet::Burst waiting_;
};

}  // namespace loopback
