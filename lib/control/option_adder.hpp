// add_checked_option, add_checked_list: CLI11 options whose text is read by a function of ours, so
// that every complaint has the same two halves (what was wrong; what would be right) whether the
// text came from the command line or from a file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/App.hpp>

#include "control/option_values.hpp"

namespace millrace::control {

/// What CLI11 calls with each text: empty when `parse` understands it, else the complaint.
template <class Parse>
auto complaint_of(Parse parse) {
  return [parse](const std::string& text) {
    const auto value = parse(text);
    return value ? std::string{} : value.error();
  };
}

/// An option given once. `parse` makes a `Parsed<T>` of the text, `assign` takes the T.
template <class Parse, class Assign>
CLI::Option* add_checked_option(CLI::App& app, const std::string& names, Parse parse, Assign assign,
                                const std::string& help) {
  const auto take = [parse, assign](const std::string& text) {
    if (auto value = parse(text)) {
      assign(*std::move(value));
    }
  };
  return app.add_option_function<std::string>(names, take, help)->check(complaint_of(parse));
}

/// An option that may be repeated: `take` hears each occurrence in its place among all options of
/// the command line, a list from a configuration file at once. What it hears, `parse` understands.
template <class Parse, class Take>
CLI::Option* add_checked_list(CLI::App& app, const std::string& names, Parse parse, Take take,
                              const std::string& help) {
  return app.add_option_function<std::vector<std::string>>(names, take, help)
      ->check(complaint_of(parse))
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->trigger_on_parse();
}

}  // namespace millrace::control
