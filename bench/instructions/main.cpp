// Runs one trace, for callgrind to count `counted_turn`, and prints how many units were counted.
//
//     millrace-instructions TRACE TURNS
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "instructions/traces.hpp"

int main(int argc, char** argv) {
  const auto all = millrace::bench::traces();
  const auto trace = std::ranges::find(all, std::string_view{argc == 3 ? argv[1] : ""},
                                       &millrace::bench::Trace::name);
  const unsigned long turns = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if (trace == all.end() || turns == 0 || turns > 100'000) {
    std::fputs("usage: millrace-instructions TRACE TURNS\ntraces:", stderr);
    for (const auto& each : all) {
      std::fprintf(stderr, " %s", std::string{each.name}.c_str());
    }
    std::fputs("\n", stderr);
    return 2;
  }
  const auto units = trace->run(static_cast<std::uint32_t>(turns));
  std::printf("%llu %s\n", static_cast<unsigned long long>(units),
              std::string{trace->unit}.c_str());
  return EXIT_SUCCESS;
}
