// flat: the bytes of a packet in one piece, however many it is made of.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "packet/packet.hpp"

namespace millrace::test {

[[nodiscard]] inline std::vector<std::byte> flat(const packet::Packet& packet) {
  std::vector<std::byte> bytes;
  packet.for_each_segment([&bytes](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  });
  return bytes;
}

}  // namespace millrace::test
