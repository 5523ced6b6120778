#include "sim/tap_host.hpp"

#include <utility>

#include "wire/ethernet.hpp"
#include "wire/vlan.hpp"

namespace millrace::sim {

void TapHost::arrive(const Frame& frame) {
  if (failure_) {
    return;
  }
  if (is_too_long(frame.size())) {
    ++counts_.too_long;
    return;
  }
  const auto written = tap_.write(frame);
  if (!written) {
    fail_with(written.error());
  } else {
    ++(*written ? counts_.received : counts_.refused);
  }
}

bool TapHost::take_in() {
  for (unsigned count = 0; count < kFramesMax && !failure_; ++count) {
    const auto bytes = tap_.read(buffer_);
    if (!bytes) {
      fail_with(bytes.error());
      return false;
    }
    if (*bytes == 0) {
      return false;
    }
    ++counts_.sent;
    if (is_too_long(*bytes)) {
      ++counts_.too_long;
    } else if (cable_) {
      Frame frame = frames_.take();
      frame.append(std::span{buffer_}.first(*bytes));
      cable_(std::move(frame));
    }
  }
  return !failure_;
}

bool TapHost::is_too_long(std::size_t bytes) const noexcept {
  return bytes > std::size_t{setup_.mtu} + wire::kEthernetHeaderSize + wire::kVlanTagSize;
}

void TapHost::fail_with(const std::string& reason) { failure_ = setup_.name + ": " + reason; }

}  // namespace millrace::sim
