// What a core has told the main thread, in words for people.
#pragma once

#include <spdlog/logger.h>

#include "control/core_loop.hpp"
#include "control/instance.hpp"

namespace millrace::control {

/// A line of the log; a snapshot goes to standard error as it is.
void show(const CoreMessage& message, const Instance& instance, spdlog::logger& log);

}  // namespace millrace::control
