// LinkQueue: the frames that wait for a link, in order, within limits in frames and bytes. ACKs may
// be thinned out on the way in. When a frame leaves is the link's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "sim/frame.hpp"
#include "sim/link_parameters.hpp"

namespace millrace::sim {

class LinkQueue {
 public:
  /// Whether there is room for so many bytes more. `ahead` frames are in transmission.
  [[nodiscard]] bool has_room(const LinkParameters& parameters, std::size_t bytes,
                              std::size_t ahead) const noexcept;
  /// Takes the frame. Returns how many older ACKs it has made needless, which are gone.
  std::uint32_t push(const LinkParameters& parameters, Frame frame);
  [[nodiscard]] Frame pop();

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t frames() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct Waiting {
    Frame frame;
    std::uint64_t ack_of = 0;  // Which direction's pure ACK it is; zero: none, or nobody asked.
    std::uint32_t ack = 0;
  };

  [[nodiscard]] static Waiting describe(Frame frame);
  [[nodiscard]] std::uint32_t thin(const Waiting& newest);

  std::deque<Waiting> waiting_;
  std::uint64_t bytes_ = 0;
};

}  // namespace millrace::sim
