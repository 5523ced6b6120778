// Program: the options, start-up report and clean end that all programs on Millrace share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <millrace/config.hpp>
#include <millrace/error.hpp>
#include <millrace/line_reader.hpp>
#include <millrace/resolver.hpp>
#include <millrace/send_queue.hpp>
#include <millrace/worker.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// A program in the making: declare your options, then `run`. Made and used on the main thread; one
/// at a time in a process, because DPDK can be started only once. Options, checks and suggestions
/// may be declared in any order and return the program itself. Mistakes of the programmer, such as
/// an option's name used twice, or one that all programs have, are told by `run`, which then starts
/// nothing.
///
///     millrace::Result<void, std::string> start(millrace::Worker& worker) {
///       static millrace::TcpHandler handler;
///       const auto listener = worker.listen({.port = millrace::Port{7}}, handler);
///       return listener ? millrace::Result<void, std::string>{}
///                       : millrace::fail("port 7", listener.error());
///     }
///
///     int main(int argc, char** argv) {
///       return millrace::Program{"accept", "Accepts connections."}.run(argc, argv, start);
///     }
class Program {
 public:
  /// Runs on each worker, on the thread of its core, before its first turn; of several workers one
  /// after the other. It may call everything that a handler may. The worker lives until `run`
  /// returns. A failure ends the program with status 1, after one line that holds the message. The
  /// start-up report is printed when all have succeeded, before the first handler runs.
  using Start = std::move_only_function<Result<void, std::string>(Worker&)>;
  /// Runs on a worker, between two turns, when SIGINT, SIGTERM or SIGHUP first asks for the end:
  /// stop listening, close what is at rest, let the rest finish. Returns for how long the worker
  /// may go on; zero or less ends it at once.
  using OnStop = std::move_only_function<Duration(Worker&)>;

  /// `name` and `summary` head the help text; `name` starts every line of error.
  Program(std::string name, std::string summary);
  /// Takes over what was declared; `other` must not be used any more.
  Program(Program&& other) noexcept;
  /// Forgets what was declared, then takes over what `other` has.
  Program& operator=(Program&& other) noexcept;
  ~Program();

  /// Declares an option of the program's own that has no value and makes `target` true. This and
  /// all below, before `run`: `names` is what CLI11 takes: "-p,--port" or, for a positional
  /// argument, "ROOT". The target must outlive `run`, keeps its value when the option is not given,
  /// and is shown as the default in the help text. What cannot be read is a usage error.
  Program& flag(const std::string& names, bool& target, const std::string& help);
  /// Declares an option that takes any text.
  Program& option(const std::string& names, std::string& target, const std::string& help);
  /// Declares an option that takes a whole number, decimal.
  Program& option(const std::string& names, std::uint64_t& target, const std::string& help);
  /// Declares an option that takes a whole number and may be left out: `target` is empty then.
  Program& option(const std::string& names, std::optional<std::uint64_t>& target,
                  const std::string& help);
  /// Declares an option that takes seconds, with decimals if need be: 0 to 1,000,000.
  Program& option(const std::string& names, Duration& target, const std::string& help);
  /// Declares an option that takes a port: 1 to 65535.
  Program& option(const std::string& names, Port& target, const std::string& help);
  /// Declares an option that takes ADDRESS:PORT and may be left out.
  Program& option(const std::string& names, std::optional<Endpoint>& target,
                  const std::string& help);
  /// Makes an option that was declared before with these names one that must be given.
  Program& required(const std::string& names);
  /// A check across options, made before anything starts; a failure is a usage error whose line
  /// ends with the message. Several are made in the order of their declaration.
  Program& check(std::move_only_function<Result<void, std::string>()> validator);
  /// What the start-up report suggests to try, "nc {address} 7", say; `{address}` is replaced by
  /// our first address that others can reach. On a ring there is none, and nothing is suggested.
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
  ///     void end_in_order(millrace::Program& program, millrace::TcpListener& listener) {
  ///       program.on_stop([&listener](millrace::Worker&) -> millrace::Duration {
  ///         static_cast<void>(listener.close());
  ///         return std::chrono::seconds{10};
  ///       });
  ///     }
  Program& on_stop(OnStop handler);
  /// The configuration to start from; options given on the command line override it, field by
  /// field: with one device in here, `--device` changes its kind and leaves its addresses. Without
  /// a device it is tap:millrace0 with 198.18.0.2/24. Valid until `run`.
  Config& config() noexcept;

  /// Reads the command line, starts, runs until SIGINT, SIGTERM, SIGHUP or `Worker::stop`, cleans
  /// up. Each further signal hurries: it cuts short what `on_stop` was granted, then the sending of
  /// what is queued, then everything. A SIGHUP that was ignored at the start (nohup) stays so.
  /// Returns the exit status: what `Worker::stop` was given, 0 after a signal; 1 when surroundings
  /// did not allow a start; 2 for wrong usage, of this class as well.
  int run(int argc, char** argv, Start start);

 private:
  struct [[gnu::visibility("hidden")]] Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace millrace

#pragma GCC visibility pop
