// SharedMemorySpec: what memif, vhost and virtio-user devices say about their socket, and whether
// this machine lets us use it. Moving frames is left to shared_memory_device.
#pragma once

#include <string>
#include <string_view>

#include <millrace/error.hpp>

#include "device/dpdk/device_spec.hpp"

namespace millrace::device {

/// Reads "SOCKET[,server]" for memif and "SOCKET" for the others into `spec`, whose text is set.
/// A vhost device always serves its socket, a virtio-user device never does. Error: one line about
/// wrong usage.
[[nodiscard]] Result<DeviceSpec, std::string> parse_shared_memory(DeviceSpec spec, DeviceKind kind,
                                                                  std::string_view argument,
                                                                  unsigned index);

/// Whether the socket can be served or connected to: its folder is there and permitted, nobody else
/// serves it, no other kind of file has its name. A client's socket need not be there yet. Error:
/// one line about the surroundings.
[[nodiscard]] Result<void, std::string> check_socket(const DeviceSpec& spec);

/// Removes a socket file that nobody listens on any more, as a killed process leaves it. For
/// devices that serve. Error: as `check_socket`, or why it cannot be removed.
[[nodiscard]] Result<void, std::string> make_way_for(const DeviceSpec& spec);

/// Whether the process that made a client's socket is there at this moment. It hears nothing of it.
[[nodiscard]] bool is_served(const DeviceSpec& spec);

}  // namespace millrace::device
