// Two passes: the devices first, then what is said about each.
#include "control/device_arguments.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/contract.hpp"
#include "control/option_values.hpp"

namespace millrace::control {

namespace {

using Field = DeviceArguments::Field;

/// A device and what has been said about it so far.
struct Draft {
  DeviceConfig device;
  bool has_address = false;
  bool has_gateway = false;
  bool has_mtu = false;
};

std::string_view name_of(Field field) {
  switch (field) {
    case Field::Spec: return "--device";
    case Field::Address: return "--address";
    case Field::Gateway: return "--gateway";
    case Field::Mtu: return "--mtu";
  }
  std::unreachable();
}

Result<void, std::string> said_twice(Field field, const Draft& draft) {
  return fail(fmt::format("{}: given twice for {}; give it once, behind the --device it belongs to",
                          name_of(field), draft.device.spec));
}

void add_address(Draft& draft, const std::string& text) {
  if (!std::exchange(draft.has_address, true)) {
    draft.device.addresses.clear();
  }
  draft.device.addresses.push_back(*parse_prefix(text));
}

Result<void, std::string> apply(Draft& draft, Field field, const std::string& text) {
  switch (field) {
    case Field::Spec: break;
    case Field::Address: add_address(draft, text); break;
    case Field::Gateway:
      if (std::exchange(draft.has_gateway, true)) {
        return said_twice(field, draft);
      }
      draft.device.gateway = *parse_address(text);
      break;
    case Field::Mtu:
      if (std::exchange(draft.has_mtu, true)) {
        return said_twice(field, draft);
      }
      draft.device.mtu = static_cast<std::uint16_t>(*parse_count(text, {}));
      break;
  }
  return {};
}

/// One value belongs to the current device, a list to all devices in order or to the only one.
Result<void, std::string> spread(std::vector<Draft>& drafts, std::size_t current, Field field,
                                 const std::vector<std::string>& values) {
  const bool is_list = values.size() > 1;
  if (is_list && drafts.size() > 1 && values.size() != drafts.size()) {
    return fail(fmt::format("{}: {} values for {} devices; give one for each", name_of(field),
                            values.size(), drafts.size()));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t target = is_list && drafts.size() > 1 ? i : current;
    if (Result<void, std::string> applied = apply(drafts[target], field, values[i]); !applied) {
      return applied;
    }
  }
  return {};
}

Result<void, std::string> check_all(const std::vector<Draft>& drafts) {
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    const DeviceConfig& device = drafts[i].device;
    if (device.addresses.empty()) {
      return fail(fmt::format(
          "--address: {} has none; give one behind its --device, with its prefix length",
          device.spec));
    }
    const auto is_same = [&device](const Draft& other) { return other.device.spec == device.spec; };
    if (std::ranges::count_if(drafts, is_same) > 1) {
      return fail(fmt::format("--device: {} was given twice; name each device once", device.spec));
    }
  }
  return {};
}

}  // namespace

void DeviceArguments::add(Field field, std::vector<std::string> values) {
  arguments_.push_back({field, std::move(values)});
}

Result<std::vector<DeviceConfig>, std::string> DeviceArguments::assemble(
    const std::vector<DeviceConfig>& defaults) const {
  base::expects(!defaults.empty());
  std::vector<Draft> drafts;
  for (const Argument& argument : arguments_) {
    for (const std::string& spec :
         argument.field == Field::Spec ? argument.values : std::vector<std::string>{}) {
      drafts.push_back(
          {drafts.size() < defaults.size() ? defaults[drafts.size()] : DeviceConfig{}});
      drafts.back().device.spec = spec;
    }
  }
  if (drafts.empty()) {
    std::ranges::transform(defaults, std::back_inserter(drafts),
                           [](const DeviceConfig& device) { return Draft{device}; });
  }
  std::size_t named = 0;
  for (const auto& [field, values] : arguments_) {
    if (field == Field::Spec) {
      named += values.size();
    } else if (auto done = spread(drafts, named == 0 ? 0 : named - 1, field, values); !done) {
      return fail(std::move(done).error());
    }
  }
  if (auto sound = check_all(drafts); !sound) {
    return fail(std::move(sound).error());
  }
  std::vector<DeviceConfig> devices;
  std::ranges::transform(drafts, std::back_inserter(devices), &Draft::device);
  return devices;
}

}  // namespace millrace::control
