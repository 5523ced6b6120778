// MemifRelay: stands between DPDK's memif driver and its peer while they introduce themselves to
// each other, and hands their messages on. The driver unmaps the shared rings as soon as its socket
// closes, in another thread and whatever a core does with them at that moment; here the core itself
// hears of the peer's end, and closes the driver's socket when it is out of the rings. Who serves
// the socket and who connects to it is ours, too, so that a client can come back.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <millrace/error.hpp>

#include "device/dpdk/device_spec.hpp"
#include "device/dpdk/memif_introduction.hpp"
#include "device/dpdk/memif_message.hpp"
#include "device/dpdk/own_descriptor.hpp"

namespace millrace::device {

/// Used by one thread at a time. No call blocks.
class MemifRelay {
 public:
  /// Serves or watches the socket of `spec`, and meets the driver at `driver_path`: a server's
  /// driver listens there, a client's connects to it. Made before the driver is. Error: one line.
  [[nodiscard]] static Result<std::unique_ptr<MemifRelay>, std::string> make(
      const DeviceSpec& spec, std::string driver_path);
  MemifRelay(const MemifRelay&) = delete;
  MemifRelay& operator=(const MemifRelay&) = delete;
  /// Removes the socket files that were made here.
  ~MemifRelay();

  /// Looks for a peer, or hands on what peer and driver have said. False when the peer, or the
  /// driver, has hung up, or the peer has said what it must not; call `hang_up` then, while nothing
  /// uses the driver's rings.
  [[nodiscard]] bool run() noexcept;
  /// Whether all that the two have to say has been handed on; the driver's link follows.
  [[nodiscard]] bool is_introduced() const noexcept { return is_introduced_; }
  [[nodiscard]] bool has_peer() const noexcept { return static_cast<bool>(peer_); }
  /// The driver hears of the end only now.
  void hang_up() noexcept;

 private:
  MemifRelay(const DeviceSpec& spec, std::string driver_path)
      : path_{spec.name}, driver_path_{std::move(driver_path)}, serves_{spec.serves_socket} {}
  void find_peer_to_serve() noexcept;
  void find_server() noexcept;
  [[nodiscard]] bool hand_on_from_peer() noexcept;
  [[nodiscard]] bool hand_on_from_driver() noexcept;

  std::string path_;
  std::string driver_path_;
  bool serves_;
  OwnDescriptor listener_;  // For the peer where we serve, else for the driver.
  OwnDescriptor peer_;
  OwnDescriptor driver_;
  MemifMessage greeting_;           // What a driver that serves says first; kept for the next peer.
  bool driver_knows_peer_ = false;  // Something of the peer was handed on.
  bool is_introduced_ = false;
  MemifIntroduction introduction_;  // Of the peer that is there.
};

}  // namespace millrace::device
