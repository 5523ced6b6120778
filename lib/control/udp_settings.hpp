// What `--udp NAME=VALUE` and `--reassembly NAME=VALUE` can set: the fields of UdpConfig and
// ReassemblyConfig by name. Whether a value makes sense is for Config::validate to say.
#pragma once

#include <string>
#include <string_view>

#include <millrace/config.hpp>

#include "control/option_values.hpp"

namespace millrace::control {

/// Sets the field that "NAME=VALUE" names. True, or what was wrong and what would be right.
[[nodiscard]] Parsed<bool> apply_udp_setting(UdpConfig& config, std::string_view text);
[[nodiscard]] Parsed<bool> apply_reassembly_setting(ReassemblyConfig& config,
                                                    std::string_view text);

/// "receive_queue_bytes=4194304, ...": every setting with its value.
[[nodiscard]] std::string udp_settings_text(const UdpConfig& config);
[[nodiscard]] std::string reassembly_settings_text(const ReassemblyConfig& config);

}  // namespace millrace::control
