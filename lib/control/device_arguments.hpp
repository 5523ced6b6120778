// DeviceArguments: which --address, --gateway and --mtu belongs to which --device, from the order
// in which they were given. The texts have been checked by then; whether the machine has such a
// device is not asked here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/error.hpp>

namespace millrace::control {

/// Collects what is said about devices, one option at a time.
///
///     --device tap:a --address 198.18.0.2/24 --device tap:b --address 198.19.0.2/24 --mtu 9000
///
/// What stands before the first device belongs to it. A configuration file may give lists instead:
/// one value for each device, or several addresses for the only one.
class DeviceArguments {
 public:
  enum class Field : std::uint8_t { Spec, Address, Gateway, Mtu };

  void add(Field field, std::vector<std::string> values);
  [[nodiscard]] bool empty() const noexcept { return arguments_.empty(); }

  /// `defaults` has at least one device; each lends what is not said here about the one in its
  /// place.
  /// Error: what was wrong; what would be right.
  [[nodiscard]] Result<std::vector<DeviceConfig>, std::string> assemble(
      const std::vector<DeviceConfig>& defaults) const;

 private:
  struct Argument {
    Field field = Field::Spec;
    std::vector<std::string> values;
  };

  std::vector<Argument> arguments_;
};

}  // namespace millrace::control
