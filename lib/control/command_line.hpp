// Declaring options and reading a command line: CLI11's exceptions end here and become a text and
// an exit status; the layout of the help page. Which options there are is said elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

namespace millrace::control {

inline constexpr int kExitSurroundings = 1;  ///< The machine did not allow it.
inline constexpr int kExitUsage = 2;  ///< The command line or the configuration file is wrong.

/// The program ends here: with status 0 and a text for standard output, or with one line for
/// standard error.
struct Stop {
  int status = 0;
  std::string text;
};

/// What an exception about a declaration means, for whoever wrote the program.
[[nodiscard]] std::string objection_of(const CLI::Error& error);

/// Calls `declare`, which adds to a CLI11 application. Empty: it was accepted.
template <class Declare>
[[nodiscard]] std::optional<std::string> objection_to(Declare declare) {
  try {
    declare();
    return std::nullopt;
  } catch (const CLI::Error& error) {
    return objection_of(error);
  }
}

/// Our layout of the help page: defaults behind the explanations.
void set_help_layout(CLI::App& app);

/// Reads the command line into what `app` declares. Empty: go on.
[[nodiscard]] std::optional<Stop> read_command_line(CLI::App& app, int argc,
                                                    const char* const* argv);

/// "NAME: problem" and an end of line; line breaks inside become spaces, so that it is one line.
[[nodiscard]] std::string error_line(std::string_view program, std::string_view problem);

}  // namespace millrace::control
