// DeviceTables: what a configuration file says about several devices, a [[device]] table for each.
// Everything else in the file is CLI11's.
#pragma once

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include <CLI/Config.hpp>

#include "control/device_arguments.hpp"

namespace millrace::control {

/// Reads a TOML file for CLI11 and keeps its device tables back.
///
///     [[device]]
///     name = "tap:b.100"
///     address = ["198.18.1.2/24", "198.18.1.3/24"]
///     gateway = "198.18.1.1"
///     mtu = 1400
class DeviceTables final : public CLI::ConfigTOML {
 public:
  /// What the tables say goes to `arguments`, and a mistake in them to `problem` (what was wrong;
  /// what would be right). Both must outlive this.
  DeviceTables(DeviceArguments& arguments, std::optional<std::string>& problem)
      : arguments_{arguments}, problem_{problem} {}

  [[nodiscard]] std::vector<CLI::ConfigItem> from_config(std::istream& file) const override;

 private:
  void take(const std::vector<CLI::ConfigItem>& table) const;
  void complain(std::string problem) const;

  DeviceArguments& arguments_;
  std::optional<std::string>& problem_;
};

}  // namespace millrace::control
