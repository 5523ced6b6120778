// Makes a number of connections, so many at a time that a large crowd overruns no backlog.
#pragma once

#include <cstdint>
#include <string>

#include "perf/targets.hpp"
#include "perf/transport.hpp"

namespace perf {

/// Connections are numbered by their tags from zero on. Their user reports to it.
class Opener {
 public:
  /// How many may be on their way at once.
  static constexpr std::uint32_t kAtOnce = 128;

  Opener(Transport& transport, Targets& targets, std::uint32_t wanted) noexcept
      : transport_{transport}, targets_{targets}, wanted_{wanted} {}

  /// Goes on as far as it may; call it at the start and after each report.
  void go_on(ChannelUser& user) {
    while (breakdown_.empty() && begun_ < wanted_ && begun_ - opened_ < kAtOnce) {
      const Target target = targets_.next();
      const auto channel = transport_.connect(target.peer, target.local, user, begun_);
      if (!channel) {
        report_failure(channel.error());
        return;
      }
      ++begun_;
    }
  }
  void report_open() noexcept { ++opened_; }
  void report_failure(millrace::Error why) {
    if (breakdown_.empty()) {
      breakdown_ = "connection " + std::to_string(opened_ + 1) + " of " + std::to_string(wanted_) +
                   " to " + targets_.first().to_string() + ": " + std::string{to_string(why)};
    }
  }
  [[nodiscard]] std::uint32_t opened() const noexcept { return opened_; }
  [[nodiscard]] std::uint32_t wanted() const noexcept { return wanted_; }
  [[nodiscard]] bool is_complete() const noexcept { return opened_ == wanted_; }
  [[nodiscard]] const std::string& breakdown() const noexcept { return breakdown_; }

 private:
  Transport& transport_;
  Targets& targets_;
  std::uint32_t wanted_;
  std::uint32_t begun_ = 0;
  std::uint32_t opened_ = 0;
  std::string breakdown_;
};

}  // namespace perf
