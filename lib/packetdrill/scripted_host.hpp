// ScriptedHost: a stack whose link, time and calls are a script's: what stands behind the table of
// functions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <millrace/config.hpp>
#include <millrace/error.hpp>

#include "packet/packet_pool.hpp"
#include "packetdrill/wire_device.hpp"
#include "posix/passive.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/worker.hpp"
#include "socket/core_worker.hpp"
#include "stack/stack.hpp"

namespace millrace::packetdrill {

struct ScriptFlags {
  Config config;
  std::string sysctls = "/proc/sys/net/ipv4";  ///< Where scripts set what they want of the kernel.
  Duration receive_limit =
      std::chrono::minutes{5};  ///< Of virtual time, for a packet that does not come.
};

/// Reads the shared options of Millrace's programs, as far as they are about addresses and TCP, and
/// --receive-limit SECONDS and --sysctls FOLDER, or none. Error: a line for people.
[[nodiscard]] Result<ScriptFlags, std::string> parse_script_flags(std::string_view text);

/// Where virtual time begins, in seconds since the epoch.
inline constexpr long long kStartOfTime = 1'700'000'000;

class ScriptedHost {
 public:
  /// The EAL runs.
  [[nodiscard]] static Result<std::unique_ptr<ScriptedHost>, std::string> make(ScriptFlags flags);
  ScriptedHost(const ScriptedHost&) = delete;
  ScriptedHost& operator=(const ScriptedHost&) = delete;
  ~ScriptedHost();

  [[nodiscard]] posix::Passive& passive() noexcept { return *passive_; }
  [[nodiscard]] WireDevice& wire() noexcept { return wire_; }
  [[nodiscard]] Duration receive_limit() const noexcept { return flags_.receive_limit; }
  /// Microseconds since the epoch.
  [[nodiscard]] long long microseconds(Instant time) const noexcept;

 private:
  ScriptedHost(ScriptFlags flags, packet::CorePools pools, packet::PacketPool large);
  [[nodiscard]] stack::InterfaceSetup interface_setup() const;

  ScriptFlags flags_;
  posix::StandingClock clock_;
  Instant start_ = clock_.now();
  packet::CorePools pools_;
  packet::PacketPool large_;
  WireDevice wire_;
  stack::Stack stack_;
  runtime::BackgroundPool background_{0};
  socket::CoreWorker worker_;
  runtime::Worker loop_;
  std::unique_ptr<posix::Passive> passive_;
};

}  // namespace millrace::packetdrill
