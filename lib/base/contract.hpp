// Contracts: what must hold when a function is entered (expects) and left (ensures). A violation is
// a bug of ours, never bad input from the wire, and ends the process with one line on standard
// error. Confining a fault to one connection instead (a counted reset) is left to the layer that
// owns connections.
#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

namespace millrace::base {

/// Whether `debug_expects` checks anything in this build.
inline constexpr bool kDebugContracts =
#ifdef NDEBUG
    false;
#else
    true;
#endif

/// Prints "contract violated: file:line function" and aborts.
[[noreturn, gnu::cold]] void fail_contract(const std::source_location& location) noexcept;

/// A condition the caller must have met.
constexpr void expects(bool condition, const std::source_location& location =
                                           std::source_location::current()) noexcept {
  if (!condition) {
    fail_contract(location);
  }
}

/// A condition this function must have met.
constexpr void ensures(bool condition, const std::source_location& location =
                                           std::source_location::current()) noexcept {
  if (!condition) {
    fail_contract(location);
  }
}

/// A condition too costly for release builds: `condition()` is called only where `kDebugContracts`
/// holds.
template <class F>
requires std::is_invocable_r_v<bool, F&>
constexpr void debug_expects(F&& condition, const std::source_location& location =
                                                std::source_location::current()) noexcept {
  if constexpr (kDebugContracts) {
    if (!std::forward<F>(condition)()) {
      fail_contract(location);
    }
  }
}

}  // namespace millrace::base
