// What the tests of the kernel's interfaces share: a network namespace of the test's own, veth
// pairs in it, and a raw socket on an interface's other end.
#pragma once

#include <net/ethernet.h>

#include <cstdint>
#include <optional>
#include <string>

#include <millrace/address.hpp>

#include "device/device_bed.hpp"

namespace millrace::test {

/// What numbered_frame gives its frames.
inline constexpr std::uint16_t kTestEtherType = 0x88b5;

/// Moves the calling thread into a network namespace of its own, once per process, in which nothing
/// speaks IPv6. Returns why that cannot be, if it cannot.
[[nodiscard]] const std::optional<std::string>& namespace_obstacle();

/// Runs a command of the shell; its output. Fails the test if the command fails.
std::string run(const std::string& command);

/// Two interfaces that are each other's other end, both up, for as long as it lives.
class VethPair {
 public:
  static constexpr const char* kOurs = "mrtest0";
  static constexpr const char* kPeer = "mrtest1";

  VethPair();
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;
  ~VethPair();
};

/// A raw socket of the kernel on an interface.
class KernelEnd {
 public:
  explicit KernelEnd(std::string interface, std::uint16_t type = kTestEtherType);
  KernelEnd(const KernelEnd&) = delete;
  KernelEnd& operator=(const KernelEnd&) = delete;
  ~KernelEnd();

  [[nodiscard]] bool is_bound() const { return is_bound_; }
  [[nodiscard]] bool send(const Bytes& frame) const;
  /// Empty if none comes within a second.
  [[nodiscard]] Bytes receive() const;
  [[nodiscard]] MacAddress mac() const;
  [[nodiscard]] int mtu() const;

 private:
  std::string interface_;
  int socket_;
  bool is_bound_ = false;
};

/// Waits until `receiver` has frames, at most that long; no longer than a moment where it cannot
/// tell.
void await_frames(const device::Device& receiver, int milliseconds);

}  // namespace millrace::test
