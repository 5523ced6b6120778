// One run of mode tcp: two stacks, each on a port of its own, between them millrace-perf's client
// and server. One thread turns both, or each has a processor.
#pragma once

#include "control/instance.hpp"
#include "control/stop_signals.hpp"
#include "control/stop_switch.hpp"
#include "loopback/report.hpp"

namespace loopback {

/// On the calling thread, which is the first core's. The error is a sentence: the test could not
/// begin.
[[nodiscard]] millrace::Result<Report, std::string> run_tcp(const Options& options,
                                                            millrace::control::Instance& instance,
                                                            millrace::control::StopSignals& signals,
                                                            millrace::control::StopSwitch& stop);

}  // namespace loopback
