#include "control/core_messages.hpp"

#include <unistd.h>

#include <string>
#include <variant>

#include <fmt/format.h>

#include "control/interface_advice.hpp"
#include "control/report.hpp"

namespace millrace::control {

namespace {

std::string to_text(const net::Conflict& conflict) {
  return fmt::format("{} is claimed by {}, too; one of the two hosts needs another address",
                     conflict.address.to_string(), conflict.claimed_by.to_string());
}

}  // namespace

void show(const CoreMessage& message, const Instance& instance, spdlog::logger& log) {
  if (const auto* snapshot = std::get_if<Snapshot>(&message)) {
    const std::string line = counters_json(snapshot->worker, snapshot->stats, snapshot->usage);
    static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) < 0);
  } else if (const auto* stall = std::get_if<StallReport>(&message)) {
    log.warn(to_text(*stall));
  } else if (const auto* loss = std::get_if<DeviceLoss>(&message)) {
    log.warn("the interface of {} is gone; start the program again to have it back",
             instance.device_spec(loss->device).text);
  } else if (const auto* unfinished = std::get_if<stack::UnfinishedFrames>(&message)) {
    const device::DeviceSpec& spec = instance.spec_below(unfinished->interface_index);
    log.warn("{}", offload_advice(spec, unfinished->reason));
  } else {
    log.warn(to_text(std::get<net::Conflict>(message)));
  }
}

}  // namespace millrace::control
