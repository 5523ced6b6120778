// The list of congestion controllers, in the order of CongestionKind: the one place, beside that
// name's, that learns of a new one.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <variant>

#include <millrace/congestion.hpp>

#include "tcp/bbr.hpp"
#include "tcp/cubic.hpp"
#include "tcp/dctcp.hpp"
#include "tcp/reno.hpp"

namespace millrace::tcp {

using Controllers = std::variant<Reno, Cubic, Dctcp, Bbr>;

/// Whether the list says what `kCongestionNames` says.
[[nodiscard]] constexpr bool is_in_order() noexcept {
  constexpr auto is_each = []<std::size_t... I>(std::index_sequence<I...> /*indices*/) {
    return ((std::variant_alternative_t<I, Controllers>::kName == kCongestionNames[I]) && ...);
  };
  return std::variant_size_v<Controllers> == kCongestionNames.size() &&
         is_each(std::make_index_sequence<std::variant_size_v<Controllers>>{});
}
static_assert(is_in_order());

}  // namespace millrace::tcp
