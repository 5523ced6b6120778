// One run of a mode without stack: turns until it is over, with lines of statistics on the way.
#pragma once

#include "control/instance.hpp"
#include "control/stop_signals.hpp"
#include "loopback/report.hpp"

namespace loopback {

/// On the calling thread, which is the core's. The error is a sentence: the test could not begin.
[[nodiscard]] millrace::Result<Report, std::string> run_frames(
    const Options& options, millrace::control::Instance& instance,
    millrace::control::StopSignals& signals);

/// What to call each port.
[[nodiscard]] std::vector<std::string> port_names(const Options& options);

}  // namespace loopback
