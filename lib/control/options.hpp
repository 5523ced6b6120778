// SharedOptions: the options that all programs share, declared on a CLI11 application, and what
// they come to as a Config. Reading the words is command_line.hpp's; nothing here looks at the
// machine.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include <millrace/config.hpp>
#include <millrace/error.hpp>

#include "control/device_arguments.hpp"
#include "control/option_values.hpp"

namespace millrace::control {

/// Everything that a command line settles.
struct Settings {
  Config config;
  LogLevel log_level = LogLevel::Info;
  bool print_counters = false;
};

/// The device that a program uses when nothing is said.
[[nodiscard]] DeviceConfig default_device();

/// Must stay where it is, and outlive `app`'s parse: the application holds references to it.
class SharedOptions {
 public:
  /// Declares the options; `defaults` is what they start from and what the help text shows.
  SharedOptions(CLI::App& app, const Config& defaults);
  SharedOptions(const SharedOptions&) = delete;
  SharedOptions& operator=(const SharedOptions&) = delete;

  /// After the parse: all of it, checked as a whole. Error: what was wrong; what would be right.
  /// `cores_max`: how many cores the program can use.
  [[nodiscard]] Result<Settings, std::string> settle(std::size_t cores_max = 1) const;
  /// After the parse: the text to print instead of running, if the command line asks for it.
  [[nodiscard]] std::optional<std::string> help_asked_for() const;

 private:
  void declare_device_options(CLI::App& app);
  void declare_core_options(CLI::App& app);
  void declare_limits(CLI::App& app);
  void declare_tcp_options(CLI::App& app);
  void declare_udp_options(CLI::App& app);
  void declare_name_options(CLI::App& app);
  void declare_other_options(CLI::App& app);

  Settings settings_;
  DeviceArguments device_arguments_;  // From the command line, and from lists in a file.
  DeviceArguments table_arguments_;   // From tables in a file.
  std::optional<std::string> table_problem_;
  std::vector<RouteConfig> routes_;
  std::vector<std::string> eal_arguments_;
  bool no_host_setup_ = false;
  bool wants_tcp_help_ = false;
};

}  // namespace millrace::control
