#include "control/interface_spec.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include <fmt/format.h>

namespace millrace::control {

namespace {

constexpr CountLimits kVlanLimits{.min = 1, .max = 4'094};  // IEEE 802.1Q §9.6

/// A part of a text: where it starts and how long it is.
struct Part {
  std::size_t start;
  std::size_t size;
};

/// Where ",vlan=N" stands.
std::optional<Part> find_argument(std::string_view text) {
  const std::size_t start = text.find(",vlan=");
  if (start == std::string_view::npos) {
    return std::nullopt;
  }
  return Part{start, std::min(text.find(',', start + 1), text.size()) - start};
}

/// Where ".N" stands behind the name of a TAP or the address of a NIC, whose own last part is a
/// function behind a dot.
std::optional<Part> find_suffix(std::string_view text) {
  const std::string_view head = text.substr(0, text.find(','));
  const bool is_pci = head.starts_with("pci:");
  if (!is_pci && !head.starts_with("tap:")) {
    return std::nullopt;
  }
  const std::size_t dot = head.rfind('.');
  const std::size_t first_dot = head.find('.');
  if (dot == std::string_view::npos || (is_pci && dot == first_dot)) {
    return std::nullopt;
  }
  const std::string_view digits = head.substr(dot + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return Part{dot, digits.size() + 1};
}

}  // namespace

Parsed<InterfaceSpec> InterfaceSpec::parse(std::string_view text) {
  const std::optional<Part> argument = find_argument(text);
  const std::optional<Part> suffix = find_suffix(text);
  if (!argument && !suffix) {
    return InterfaceSpec{.device = std::string{text}};
  }
  if (argument && suffix) {
    return fail(fmt::format("'{}' names a VLAN twice; give it once", text));
  }
  const Part part = argument ? *argument : *suffix;
  const std::string_view whole = text.substr(part.start, part.size);
  const std::string_view digits = whole.substr(whole.find_first_of(".=") + 1);
  const Parsed<std::uint64_t> number = parse_count(digits, kVlanLimits);
  if (!number) {
    return fail(fmt::format("'{}' names no VLAN by '{}'; give a number from {} to {}", text, digits,
                            kVlanLimits.min, kVlanLimits.max));
  }
  InterfaceSpec spec{.device = std::string{text}, .vlan = static_cast<std::uint16_t>(*number)};
  spec.device.erase(part.start, part.size);
  return spec;
}

}  // namespace millrace::control
