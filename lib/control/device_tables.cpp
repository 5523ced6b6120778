// CLI11 gives a file's entries in order, each with the table it stands in; the names "++" and "--"
// mark where a table begins and ends.
#include "control/device_tables.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "control/interface_spec.hpp"
#include "control/option_values.hpp"
#include "device/dpdk/device_spec.hpp"

namespace millrace::control {

namespace {

using Field = DeviceArguments::Field;

struct Key {
  std::string_view name;
  Field field;
};

// The name comes first: what follows it in the arguments belongs to it.
constexpr std::array kKeys{Key{"name", Field::Spec}, Key{"address", Field::Address},
                           Key{"gateway", Field::Gateway}, Key{"mtu", Field::Mtu}};

template <class T>
std::string complaint_about(const Parsed<T>& parsed) {
  return parsed ? std::string{} : parsed.error();
}

/// Why `text` is no value of `field`; empty if it is one.
std::string complaint_about(Field field, const std::string& text) {
  switch (field) {
    case Field::Spec: {
      const Parsed<InterfaceSpec> spec = InterfaceSpec::parse(text);
      return spec ? complaint_about(device::DeviceSpec::parse(spec->device))
                  : complaint_about(spec);
    }
    case Field::Address: return complaint_about(parse_prefix(text));
    case Field::Gateway: return complaint_about(parse_address(text));
    case Field::Mtu: return complaint_about(parse_count(text, kMtuLimits));
  }
  std::unreachable();
}

bool is_in_device_table(const CLI::ConfigItem& item) {
  return item.parents.size() == 1 && item.parents.front() == "device";
}

}  // namespace

std::vector<CLI::ConfigItem> DeviceTables::from_config(std::istream& file) const {
  std::vector<CLI::ConfigItem> others;
  std::vector<CLI::ConfigItem> table;
  for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(file)) {
    if (!is_in_device_table(item)) {
      others.push_back(std::move(item));
    } else if (item.name == "--") {
      take(table);
      table.clear();
    } else if (item.name != "++") {
      table.push_back(std::move(item));
    }
  }
  return others;
}

void DeviceTables::take(const std::vector<CLI::ConfigItem>& table) const {
  for (const CLI::ConfigItem& item : table) {
    if (std::ranges::find(kKeys, item.name, &Key::name) == kKeys.end()) {
      complain(
          fmt::format("--config: 'device.{}' is no entry that is known; a [[device]] table has "
                      "name, address, gateway and mtu",
                      item.name));
    }
  }
  for (const Key& key : kKeys) {
    const auto item = std::ranges::find(table, key.name, &CLI::ConfigItem::name);
    if (item == table.end() && key.field == Field::Spec) {
      complain("--config: a [[device]] table has no name; give one, such as name = \"tap:a\"");
      return;
    }
    for (const std::string& value :
         item == table.end() ? std::vector<std::string>{} : item->inputs) {
      if (const std::string complaint = complaint_about(key.field, value); !complaint.empty()) {
        complain(fmt::format("--config: device.{}: {}", key.name, complaint));
        return;
      }
      arguments_.add(key.field, {value});
    }
  }
}

void DeviceTables::complain(std::string problem) const {
  if (!problem_) {
    problem_ = std::move(problem);
  }
}

}  // namespace millrace::control
