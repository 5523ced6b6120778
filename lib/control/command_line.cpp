// What CLI11 says in its own words is said here in ours, with what would be right behind the
// semicolon.
#include "control/command_line.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace millrace::control {

namespace {

constexpr std::size_t kHelpColumn = 34;

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool takes_value = option->get_type_size() != 0 && !option->get_type_name().empty();
    return takes_value ? fmt::format(" {}", option->get_type_name()) : std::string{};
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    if (option->get_required()) {
      return option->get_description() + " (required)";
    }
    const std::string& text = option->get_default_str();
    return text.empty() ? option->get_description()
                        : fmt::format("{} [{}]", option->get_description(), text);
  }
};

Stop usage_error(const CLI::App& app, const std::string& problem) {
  return {kExitUsage, error_line(app.get_name(), problem)};
}

std::string unknown_arguments(const CLI::App& app) {
  const std::vector<std::string> unknown = app.remaining();
  const std::string first =
      unknown.empty() ? std::string{"an argument"} : fmt::format("'{}'", unknown.front());
  return fmt::format("{} is not known; --help lists all options", first);
}

/// CLI11 names the entry at the end of its message; "++" stands for the head of a section.
std::string unknown_entry(const CLI::ConfigError& error) {
  const std::string message = error.what();
  if (message.find("not allowed in a configuration file") != std::string::npos) {
    return fmt::format("--config: '{}' belongs on the command line; leave it out of the file",
                       message.substr(0, message.find(' ')));
  }
  const std::size_t space = message.rfind(' ');
  std::string entry = space == std::string::npos ? message : message.substr(space + 1);
  if (entry.ends_with(".++")) {
    entry = fmt::format("[{}]", entry.substr(0, entry.size() - 3));
  }
  return fmt::format(
      "--config: '{}' is no entry that is known; use the long names that --help lists", entry);
}

/// Every value but a flag's is checked by us, so it is a flag that was given one.
std::string not_yes_or_no(const CLI::ConversionError& error) {
  const std::string message = error.what();
  const std::size_t name = message.find("--");
  const std::size_t end = message.find_first_of(" =", name);
  return fmt::format("{}: true or false is needed, or nothing",
                     name == std::string::npos ? message : message.substr(name, end - name));
}

std::string unreadable_file(const std::string& file) {
  return fmt::format("--config: cannot read {}; give a file that exists and may be read", file);
}

}  // namespace

std::string objection_of(const CLI::Error& error) {
  std::string message = error.what();
  if (error.get_name() == "OptionAlreadyAdded") {
    // "...: NAME is already added".
    message.resize(std::min(message.size(), message.rfind(" is already added")));
    return fmt::format("the name '{}' is taken already; choose another for the program's own",
                       message.substr(message.rfind(' ') + 1));
  }
  if (error.get_name() == "OptionNotFound") {
    return "no option of that name was declared before";
  }
  return message;
}

void set_help_layout(CLI::App& app) {
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(kHelpColumn);
  app.formatter(formatter);
}

std::optional<Stop> read_command_line(CLI::App& app, int argc, const char* const* argv) {
  app.allow_config_extras(CLI::config_extras_mode::error);
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    return Stop{0, app.help()};
  } catch (const CLI::CallForVersion& version) {
    return Stop{0, std::string{version.what()} + "\n"};
  } catch (const CLI::ExtrasError&) {
    return usage_error(app, unknown_arguments(app));
  } catch (const CLI::ConfigError& error) {
    return usage_error(app, unknown_entry(error));
  } catch (const CLI::FileError&) {
    const std::string file = app.get_config_ptr()->as<std::string>();
    if (file.empty() || file.starts_with('-')) {
      return usage_error(app, "--config: the name of a TOML file is needed");
    }
    return Stop{kExitSurroundings, error_line(app.get_name(), unreadable_file(file))};
  } catch (const CLI::ValidationError& error) {
    return usage_error(app, error.what());
  } catch (const CLI::ConversionError& error) {
    return usage_error(app, not_yes_or_no(error));
  } catch (const CLI::ArgumentMismatch& error) {
    return usage_error(app, fmt::format("{}; --help shows what each option takes", error.what()));
  } catch (const CLI::Error& error) {
    return usage_error(app, fmt::format("{}; --help lists all options", error.what()));
  }
}

std::string error_line(std::string_view program, std::string_view problem) {
  std::string line = fmt::format("{}: {}", program, problem);
  while (line.ends_with('\n')) {
    line.pop_back();
  }
  std::ranges::replace(line, '\n', ' ');
  return line + "\n";
}

}  // namespace millrace::control
