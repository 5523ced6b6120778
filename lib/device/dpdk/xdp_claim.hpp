// XdpClaim: one program at a time has an interface by AF_XDP. DPDK's driver, when it finds the
// interface taken, takes away the XDP program of whoever has it, and with that all its frames; so
// the second one must know before it asks the driver.
#pragma once

#include <string>
#include <utility>

#include <millrace/error.hpp>

#include "device/dpdk/device_spec.hpp"
#include "device/dpdk/own_descriptor.hpp"

namespace millrace::device {

/// Held until its destruction, or until the process ends in whatever way. It keeps Millrace's
/// programs apart, in one network namespace; others do not know of it.
class XdpClaim {
 public:
  /// `spec` is an AF_XDP device whose interface is there. Error: one line about who has it.
  [[nodiscard]] static Result<XdpClaim, std::string> take(const DeviceSpec& spec);

 private:
  explicit XdpClaim(OwnDescriptor socket) noexcept : socket_{std::move(socket)} {}

  OwnDescriptor socket_;
};

}  // namespace millrace::device
