// Program: the options, start-up report and clean end that all programs on Millrace share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <millrace/config.hpp>
#include <millrace/error.hpp>
#include <millrace/worker.hpp>

namespace millrace {

/// A program in the making: declare your options, then `run`.
///
///     int main(int argc, char** argv) {
///       return millrace::Program{"millrace-echo", "Sends back what it receives."}.run(argc, argv,
///       start_echo);
///     }
class Program {
 public:
  /// Runs on a worker before its first turn. A failure ends the program with status 1, after one
  /// line that holds the message.
  using Start = std::move_only_function<Result<void, std::string>(Worker&)>;
  /// Runs on a worker, between two turns, when SIGINT or SIGTERM first asks for the end: stop
  /// listening, close what is at rest, let the rest finish. Returns for how long the worker may go
  /// on; zero or less ends it at once.
  using OnStop = std::move_only_function<Duration(Worker&)>;

  /// `name` and `summary` head the help text.
  Program(std::string name, std::string summary);
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  /// Declare options of the program's own, before `run`. `names` is what CLI11 takes: "-p,--port"
  /// or, for a positional argument, "ROOT". The target must outlive `run`, keeps its value when the
  /// option is not given, and is shown as the default in the help text.
  Program& flag(const std::string& names, bool& target, const std::string& help);
  Program& option(const std::string& names, std::string& target, const std::string& help);
  Program& option(const std::string& names, std::uint64_t& target, const std::string& help);
  Program& option(const std::string& names, Port& target, const std::string& help);
  Program& option(const std::string& names, std::optional<Endpoint>& target,
                  const std::string& help);
  Program& required(const std::string& names);
  /// A check across options, made before anything starts; a failure is a usage error.
  Program& check(std::move_only_function<Result<void, std::string>()> validator);
  /// What the start-up report suggests to try, "nc {address} 7", say; `{address}` is replaced.
  Program& suggest(std::string command);
  /// Where the start-up report goes: standard output by default; true sends it to standard error
  /// (for programs whose standard output carries data).
  Program& report_to_stderr(bool on);
  /// What a worker does about a signal before it ends; without it, and after it, connections that
  /// are left are aborted. It is called once for each worker, on its core. The worker then takes
  /// its turns until it has neither connections nor background jobs, the time that `handler`
  /// granted is over, or a second signal or `Worker::stop` ends that early. Several workers may
  /// call it at the same time. Whatever `handler` captures must outlive `run`.
  ///
  ///     program.on_stop([&listener](millrace::Worker&) -> millrace::Duration {
  ///       (void)listener.close();
  ///       return 10s;
  ///     });
  Program& on_stop(OnStop handler);
  /// The configuration to start from; options given on the command line override it.
  Config& config() noexcept;

  /// Reads the command line, starts, runs until SIGINT, SIGTERM or `Worker::stop`, cleans up. Each
  /// further signal hurries: it cuts short what `on_stop` was granted, then the sending of what is
  /// queued, then everything.
  /// Returns the exit status: 0, or what `set_exit_status` said; 1 when surroundings did not allow
  /// a start; 2 for wrong usage.
  int run(int argc, char** argv, Start start);

  /// May be called by the program's handlers on worker zero: the status `run` returns after an
  /// orderly end.
  void set_exit_status(int status) noexcept;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace millrace
