// Sysctls: what a script has set among the kernel's settings of TCP before it began. Public scripts
// do so by shell commands, which run behind the shim's start; what they change is taken over here.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <millrace/config.hpp>

namespace millrace::packetdrill {

class Sysctls {
 public:
  /// Those in `folder`, /proc/sys/net/ipv4 as a rule, that Millrace knows. What cannot be read is
  /// left out.
  [[nodiscard]] static Sysctls read(const std::string& folder);

  /// Sets in `config` what stands here otherwise than in `before`, as far as Millrace has it and
  /// the configuration stays valid.
  void apply_changes(const Sysctls& before, Config& config) const;
  /// Sets one of them. False: it is not known, or the value is none for it.
  [[nodiscard]] static bool apply(std::string_view name, std::string_view value, TcpConfig& tcp);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace millrace::packetdrill
