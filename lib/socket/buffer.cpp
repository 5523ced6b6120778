// The public Buffer: packet memory lent to an application. Where buffers come from is the pools'
// and sockets'.
#include <millrace/buffer.hpp>

#include <algorithm>

#include "base/contract.hpp"
#include "packet/packet.hpp"

namespace millrace {

namespace {

/// Lends the packet behind a Buffer to `use`.
template <class F>
auto with_packet(rte_mbuf* mbuf, F&& use) {
  packet::Packet packet{mbuf};
  const auto result = use(packet);
  static_cast<void>(packet.release());
  return result;
}

}  // namespace

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    const packet::Packet previous{std::exchange(mbuf_, std::exchange(other.mbuf_, nullptr))};
  }
  return *this;
}

Buffer::~Buffer() { const packet::Packet last{mbuf_}; }

std::span<std::byte> Buffer::data() const noexcept {
  if (mbuf_ == nullptr) {
    return {};
  }
  return with_packet(mbuf_, [](const packet::Packet& packet) { return packet.data(); });
}

std::span<std::byte> Buffer::spare() const noexcept {
  if (mbuf_ == nullptr || has_more_pieces()) {
    return {};
  }
  return with_packet(mbuf_, [](const packet::Packet& packet) { return packet.spare(); });
}

bool Buffer::has_more_pieces() const noexcept {
  return mbuf_ != nullptr &&
         with_packet(mbuf_, [](const packet::Packet& packet) { return !packet.is_contiguous(); });
}

std::size_t Buffer::total_size() const noexcept {
  return mbuf_ == nullptr
             ? 0
             : with_packet(mbuf_, [](const packet::Packet& packet) { return packet.size(); });
}

Buffer Buffer::take_rest() noexcept {
  if (mbuf_ == nullptr) {
    return {};
  }
  return Buffer{
      with_packet(mbuf_, [](packet::Packet& packet) { return packet.take_rest().release(); })};
}

std::size_t Buffer::copy_to(std::span<std::byte> into) const noexcept {
  if (mbuf_ == nullptr) {
    return 0;
  }
  return with_packet(mbuf_, [into](const packet::Packet& packet) {
    std::size_t copied = 0;
    packet.for_each_segment([&](std::span<const std::byte> bytes) {
      const auto part = bytes.first(std::min(bytes.size(), into.size() - copied));
      std::ranges::copy(part, into.begin() + static_cast<std::ptrdiff_t>(copied));
      copied += part.size();
    });
    return copied;
  });
}

void Buffer::extend(std::size_t bytes) noexcept {
  base::expects(bytes <= spare().size());
  with_packet(mbuf_, [bytes](packet::Packet& packet) {
    return packet.append(static_cast<std::uint16_t>(bytes));
  });
}

void Buffer::remove_prefix(std::size_t bytes) noexcept {
  base::expects(bytes <= size());
  with_packet(mbuf_, [bytes](packet::Packet& packet) {
    packet.remove_prefix(static_cast<std::uint32_t>(bytes));
    return true;
  });
}

}  // namespace millrace
