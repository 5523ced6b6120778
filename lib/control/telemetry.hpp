// Telemetry: what DPDK's telemetry socket tells of this process beside DPDK's own counters: its
// cores and their sockets, page by page. millrace-ss reads it, and so may anybody's script.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/page_line.hpp"
#include "control/wake_event.hpp"

namespace millrace::control {

/// While one lives the commands answer; there may be one at a time in a process.
///
///     /millrace/cores                       {"cores": 1}
///     /millrace/sockets,CORE,CURSOR,INFO    {"next": CURSOR, "s0": {...}, "s1": {...}}
///
/// The first CURSOR is 0; a `next` of 0 says that there is no more. INFO is 0 or 1. What goes wrong
/// is told as {"error": TEXT}.
class Telemetry {
 public:
  struct Core {
    PageLine& line;
    WakeEvent& wake;
  };

  explicit Telemetry(std::vector<Core> cores);
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;
  /// Waits for a question that is being answered.
  ~Telemetry();

  [[nodiscard]] std::size_t core_count() const noexcept { return cores_.size(); }
  /// A page of a core's sockets. Error: one line.
  [[nodiscard]] Result<stack::SocketPage, std::string> page(std::size_t core,
                                                            stack::SocketCursor from,
                                                            bool with_info);

 private:
  std::vector<Core> cores_;
};

/// What follows a command's name: "CORE,CURSOR,INFO".
struct PageQuestion {
  std::size_t core = 0;
  std::uint64_t cursor = 0;
  bool with_info = false;

  /// Empty if `text` is no such list.
  [[nodiscard]] static std::optional<PageQuestion> parse(std::string_view text) noexcept;
};

}  // namespace millrace::control
