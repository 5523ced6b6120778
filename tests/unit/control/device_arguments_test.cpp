// Which address, gateway and MTU belongs to which device.
#include "control/device_arguments.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using Field = DeviceArguments::Field;

struct Said {
  Field field;
  std::vector<std::string> values;
};

std::vector<DeviceConfig> one_default() {
  DeviceConfig device;
  device.spec = "tap:millrace0";
  device.addresses.push_back(*IpPrefix::parse("198.18.0.2/24"));
  return {device};
}

/// "SPEC ADDRESS... via GATEWAY mtu MTU", devices apart by " | "; the complaint if there is one.
std::string assembled(const std::vector<Said>& said) {
  DeviceArguments arguments;
  for (const auto& [field, values] : said) {
    arguments.add(field, values);
  }
  const Result<std::vector<DeviceConfig>, std::string> devices = arguments.assemble(one_default());
  if (!devices) {
    return devices.error();
  }
  std::string text;
  for (const DeviceConfig& device : *devices) {
    text += text.empty() ? device.spec : " | " + device.spec;
    for (const IpPrefix& prefix : device.addresses) {
      text += " " + prefix.to_string();
    }
    text += device.gateway ? " via " + device.gateway->to_string() : "";
    text += device.mtu != 1500 ? fmt::format(" mtu {}", device.mtu) : "";
  }
  return text;
}

struct Case {
  std::string name;
  std::vector<Said> said;
  std::string expected;
};

class DeviceArgumentsTable : public testing::TestWithParam<Case> {};

TEST_P(DeviceArgumentsTable, Assembles) {
  EXPECT_EQ(assembled(GetParam().said), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceArgumentsTable,
    testing::Values(
        Case{"Nothing", {}, "tap:millrace0 198.18.0.2/24"},
        Case{"AddressAlone", {{Field::Address, {"10.0.0.2/8"}}}, "tap:millrace0 10.0.0.2/8"},
        Case{"DeviceAlone", {{Field::Spec, {"tap:a"}}}, "tap:a 198.18.0.2/24"},
        Case{"AddressBeforeItsOnlyDevice",
             {{Field::Address, {"10.0.0.2/8"}}, {Field::Spec, {"tap:a"}}},
             "tap:a 10.0.0.2/8"},
        Case{"TwoAddresses",
             {{Field::Spec, {"tap:a"}},
              {Field::Address, {"10.0.0.2/8"}},
              {Field::Address, {"10.0.0.3/8"}}},
             "tap:a 10.0.0.2/8 10.0.0.3/8"},
        Case{"TwoDevicesInOrder",
             {{Field::Spec, {"tap:a"}},
              {Field::Address, {"10.0.0.2/24"}},
              {Field::Gateway, {"10.0.0.1"}},
              {Field::Spec, {"tap:b"}},
              {Field::Mtu, {"9000"}},
              {Field::Address, {"10.0.1.2/24"}}},
             "tap:a 10.0.0.2/24 via 10.0.0.1 | tap:b 10.0.1.2/24 mtu 9000"},
        Case{"ListsOfAFile",
             {{Field::Address, {"10.0.0.2/24", "10.0.1.2/24"}},
              {Field::Spec, {"tap:a", "tap:b"}},
              {Field::Mtu, {"600", "700"}}},
             "tap:a 10.0.0.2/24 mtu 600 | tap:b 10.0.1.2/24 mtu 700"},
        Case{"ListForTheOnlyDevice",
             {{Field::Address, {"10.0.0.2/24", "10.0.0.3/24"}}},
             "tap:millrace0 10.0.0.2/24 10.0.0.3/24"},
        Case{"ListOfAnotherLength",
             {{Field::Spec, {"tap:a", "tap:b", "tap:c"}},
              {Field::Address, {"10.0.0.2/24", "10.0.1.2/24"}}},
             "--address: 2 values for 3 devices; give one for each"},
        Case{
            "SecondDeviceWithoutAddress",
            {{Field::Spec, {"tap:a"}}, {Field::Address, {"10.0.0.2/24"}}, {Field::Spec, {"tap:b"}}},
            "--address: tap:b has none; give one behind its --device, with its prefix length"},
        Case{
            "DeviceTwice",
            {{Field::Spec, {"tap:a"}}, {Field::Spec, {"tap:a"}}, {Field::Address, {"10.0.0.2/24"}}},
            "--device: tap:a was given twice; name each device once"},
        Case{"GatewayTwice",
             {{Field::Gateway, {"198.18.0.1"}}, {Field::Gateway, {"198.18.0.3"}}},
             "--gateway: given twice for tap:millrace0; give it once, behind the --device it "
             "belongs to"},
        Case{"MtuTwice",
             {{Field::Mtu, {"600"}}, {Field::Mtu, {"600"}}},
             "--mtu: given twice for tap:millrace0; give it once, behind the --device it belongs "
             "to"}),
    [](const testing::TestParamInfo<Case>& param_info) { return param_info.param.name; });

TEST(DeviceArguments, EachDefaultLendsToTheDeviceInItsPlace) {
  std::vector<DeviceConfig> defaults = one_default();
  defaults.push_back(defaults.front());
  defaults.back().addresses = {*IpPrefix::parse("198.18.0.3/24")};
  DeviceArguments arguments;
  arguments.add(Field::Spec, {"tap:a"});
  arguments.add(Field::Spec, {"tap:b"});
  const auto devices = arguments.assemble(defaults);
  ASSERT_TRUE(devices) << devices.error();
  EXPECT_EQ(devices->front().addresses.front().to_string(), "198.18.0.2/24");
  EXPECT_EQ(devices->back().addresses.front().to_string(), "198.18.0.3/24");
  EXPECT_EQ(devices->back().spec, "tap:b");
}

}  // namespace
}  // namespace millrace::control
