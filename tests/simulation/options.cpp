// GoogleTest leaves options that it does not know alone, so that gtest's main serves and they are
// read here.
#include "simulation/options.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::test {

namespace {

std::optional<std::uint64_t> number_after(std::string_view name, std::string_view argument) {
  std::uint64_t number = 0;
  if (!argument.starts_with(name)) {
    return std::nullopt;
  }
  const std::string_view digits = argument.substr(name.size());
  const bool is_number =
      std::from_chars(digits.data(), digits.data() + digits.size(), number).ec == std::errc{};
  return is_number ? std::optional{number} : std::nullopt;
}

void read_argument(std::string_view argument, SimulationOptions& options) {
  if (const auto seed = number_after("--seed=", argument)) {
    options.seed = seed;
  }
  if (const auto seeds = number_after("--seeds=", argument)) {
    options.seeds = seeds;
  }
  options.trace = options.trace || argument == "--trace";
}

}  // namespace

const SimulationOptions& simulation_options() {
  static const SimulationOptions options = [] {
    SimulationOptions read;
    for (const std::string& argument : testing::internal::GetArgvs()) {
      read_argument(argument, read);
    }
    return read;
  }();
  return options;
}

}  // namespace millrace::test
