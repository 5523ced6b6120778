// The checksums of usual frames, from words as they lie; see checksum.cpp for why that may be.
#include "wire/usual_frame.hpp"

#include <utility>

#include "wire/word_sum.hpp"

namespace millrace::wire {

namespace {

// RFC 1071 §1: what is summed with its checksum comes to all ones.
bool is_complete(std::uint64_t sum) noexcept { return fold_words(sum) == 0xffffU; }

}  // namespace

bool UsualFrame::has_valid_ip_checksum() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t at = kEthernetHeaderSize; at < kSegmentAt; at += sizeof(std::uint32_t)) {
    sum += load<std::uint32_t>(at);
  }
  return is_complete(sum);
}

bool UsualFrame::has_valid_tcp_checksum() const noexcept {
  using Field = base::BigEndian<std::uint16_t>;
  const auto length = static_cast<std::uint16_t>(total_length() - kIpv4HeaderSize);
  // RFC 9293 §3.1: addresses, a zero octet, the protocol, the length of the segment.
  const std::array rest{Field{std::to_underlying(IpProtocol::Tcp)}, Field{length}};
  const TupleKey ends = key();
  const std::uint64_t pseudo =
      std::uint64_t{ends.remote} + ends.local + std::bit_cast<std::uint32_t>(rest);
  return is_complete(pseudo + sum_words({bytes_ + kSegmentAt, length}));
}

}  // namespace millrace::wire
