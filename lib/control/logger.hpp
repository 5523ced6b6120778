// The log of a program: lines on standard error that begin with its name.
#pragma once

#include <string>

#include <spdlog/logger.h>

#include "control/option_values.hpp"

namespace millrace::control {

/// Takes lines from any thread.
[[nodiscard]] spdlog::logger make_logger(const std::string& program, LogLevel level);

}  // namespace millrace::control
