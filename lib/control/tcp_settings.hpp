// What `--tcp NAME=VALUE` can set: the fields of TcpConfig by name, how their values are written,
// and what each is for. Whether a value makes sense is for Config::validate to say.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <millrace/config.hpp>

#include "control/option_values.hpp"

namespace millrace::control {

/// One field.
struct TcpSetting {
  std::string_view name;  ///< As in TcpConfig.
  std::string_view help;
  Parsed<bool> (*apply)(TcpConfig& config, std::string_view value);  ///< True, or what was wrong.
  std::string (*show)(const TcpConfig& config);  ///< Such that `apply` understands it, but
                                                 ///< for keys, which are secrets.
};

[[nodiscard]] std::span<const TcpSetting> tcp_settings() noexcept;

/// Sets the field that "NAME=VALUE" names. True, or what was wrong and what would be right.
[[nodiscard]] Parsed<bool> apply_tcp_setting(TcpConfig& config, std::string_view text);

/// A line for each field with its value: `--tcp help`.
[[nodiscard]] std::string tcp_settings_text(const TcpConfig& config);

}  // namespace millrace::control
