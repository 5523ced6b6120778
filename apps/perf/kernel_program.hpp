// Stands in for `millrace::Program` where the test runs on Linux's sockets: the same options of the
// program's own, the same exit statuses, a transport of the kernel's instead of a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "perf/kernel_transport.hpp"

namespace perf {

/// Declare options, then `run`, as with `millrace::Program`.
class KernelProgram {
 public:
  using Start = std::move_only_function<millrace::Result<void, std::string>(KernelTransport&)>;

  KernelProgram(std::string name, const std::string& summary);

  KernelProgram& flag(const std::string& names, bool& target, const std::string& help);
  KernelProgram& option(const std::string& names, std::string& target, const std::string& help);
  KernelProgram& option(const std::string& names, std::optional<std::uint64_t>& target,
                        const std::string& help);
  KernelProgram& option(const std::string& names, millrace::Duration& target,
                        const std::string& help);
  KernelProgram& option(const std::string& names, millrace::Port& target, const std::string& help);
  KernelProgram& check(std::move_only_function<millrace::Result<void, std::string>()> validator);
  KernelProgram& on_stop(KernelTransport::OnStop handler);

  /// Returns the exit status: that of `Transport::stop`; 1 when surroundings did not allow a start;
  /// 2 for wrong usage.
  int run(int argc, char** argv, Start start);

 private:
  [[nodiscard]] int complain(int status, const std::string& problem) const;

  std::string name_;
  CLI::App app_;
  std::vector<std::move_only_function<millrace::Result<void, std::string>()>> checks_;
  KernelTransport::OnStop on_stop_;
  std::string problem_;  // The last value that could not be read.
};

}  // namespace perf
