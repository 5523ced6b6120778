// CLI11 with the checks that Millrace's programs make.
#include "perf/kernel_program.hpp"

#include <charconv>
#include <cstdio>
#include <utility>

namespace perf {
namespace {

constexpr int kSurroundings = 1;
constexpr int kUsage = 2;
constexpr double kSecondsMax = 1e6;

template <class Number>
bool read_number(const std::string& text, Number& into) noexcept {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, into);
  return !text.empty() && error == std::errc{} && stop == end;
}

}  // namespace

KernelProgram::KernelProgram(std::string name, const std::string& summary)
    : name_{std::move(name)}, app_{summary, name_} {}

KernelProgram& KernelProgram::flag(const std::string& names, bool& target,
                                   const std::string& help) {
  app_.add_flag(names, target, help);
  return *this;
}

KernelProgram& KernelProgram::option(const std::string& names, std::string& target,
                                     const std::string& help) {
  app_.add_option(names, target, help)->capture_default_str()->type_name("TEXT");
  return *this;
}

KernelProgram& KernelProgram::option(const std::string& names, std::optional<std::uint64_t>& target,
                                     const std::string& help) {
  app_.add_option_function<std::string>(
          names,
          [this, &target, names](const std::string& text) {
            std::uint64_t value = 0;
            if (!read_number(text, value)) {
              problem_ = names + " " + text + ": a whole number is needed";
            }
            target = value;
          },
          help)
      ->type_name("N");
  return *this;
}

KernelProgram& KernelProgram::option(const std::string& names, millrace::Duration& target,
                                     const std::string& help) {
  app_.add_option_function<std::string>(
          names,
          [this, &target, names](const std::string& text) {
            double value = 0;
            if (!read_number(text, value) || !(value >= 0) || value > kSecondsMax) {
              problem_ = names + " " + text + ": 0 to 1000000 seconds are needed";
            }
            target = std::chrono::duration_cast<millrace::Duration>(
                std::chrono::duration<double>{value});
          },
          help)
      ->type_name("SECONDS");
  return *this;
}

KernelProgram& KernelProgram::option(const std::string& names, millrace::Port& target,
                                     const std::string& help) {
  app_.add_option_function<std::string>(
          names,
          [this, &target, names](const std::string& text) {
            std::uint16_t value = 0;
            if (!read_number(text, value) || value == 0) {
              problem_ = names + " " + text + ": a port from 1 to 65535 is needed";
            }
            target = millrace::Port{value};
          },
          help)
      ->type_name("PORT");
  return *this;
}

KernelProgram& KernelProgram::check(
    std::move_only_function<millrace::Result<void, std::string>()> validator) {
  checks_.push_back(std::move(validator));
  return *this;
}

KernelProgram& KernelProgram::on_stop(KernelTransport::OnStop handler) {
  on_stop_ = std::move(handler);
  return *this;
}

int KernelProgram::run(int argc, char** argv, Start start) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own statuses are above 100.
    return app_.exit(error) == 0 ? 0 : kUsage;
  }
  if (!problem_.empty()) {
    return complain(kUsage, problem_);
  }
  for (auto& validator : checks_) {
    if (const auto valid = validator(); !valid) {
      return complain(kUsage, valid.error());
    }
  }
  KernelTransport transport;
  if (const auto opened = transport.open(); !opened) {
    return complain(kSurroundings, opened.error());
  }
  if (const auto started = start(transport); !started) {
    return complain(kSurroundings, started.error());
  }
  return transport.run(std::move(on_stop_));
}

int KernelProgram::complain(int status, const std::string& problem) const {
  std::fprintf(stderr, "%s: %s\n", name_.c_str(), problem.c_str());
  return status;
}

}  // namespace perf
