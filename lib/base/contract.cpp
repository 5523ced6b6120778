// The cold half of the contracts: report and abort.
// It neither logs nor unwinds, because the state it would touch is what has just been found broken.
#include "base/contract.hpp"

#include <cstdio>
#include <cstdlib>

namespace millrace::base {

void fail_contract(const std::source_location& location) noexcept {
  std::fprintf(stderr, "contract violated: %s:%u %s\n", location.file_name(),
               static_cast<unsigned>(location.line()), location.function_name());
  std::abort();
}

}  // namespace millrace::base
