#include "control/logger.hpp"

#include <memory>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>

namespace millrace::control {

namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::Trace: return spdlog::level::trace;
    case LogLevel::Debug: return spdlog::level::debug;
    case LogLevel::Info: return spdlog::level::info;
    case LogLevel::Warn: return spdlog::level::warn;
    case LogLevel::Error: return spdlog::level::err;
    case LogLevel::Off: return spdlog::level::off;
  }
  std::unreachable();
}

}  // namespace

spdlog::logger make_logger(const std::string& program, LogLevel level) {
  spdlog::logger log{program, std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  log.set_level(spdlog_level(level));
  log.set_pattern("%n: %l: %v");
  return log;
}

}  // namespace millrace::control
