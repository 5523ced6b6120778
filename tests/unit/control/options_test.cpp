// The shared options: command line and configuration file to Settings, the help page, and one line
// for each mistake.
#include "control/options.hpp"

#include <array>
#include <chrono>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "control/command_line.hpp"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  std::optional<std::string> help;
  std::optional<Stop> stop;
  Result<Settings, std::string> settings = fail(std::string{"not settled"});
};

Outcome read(std::vector<std::string> arguments, const Config& defaults = {}) {
  CLI::App app{"Sends back what it receives.", "millrace-test"};
  std::string root = "/srv";
  bool loud = false;
  app.add_option("ROOT", root, "Folder")->capture_default_str();
  app.add_flag("--loud", loud, "Be loud");
  SharedOptions shared{app, defaults};
  set_help_layout(app);
  app.set_version_flag("--version", "1.2.3");
  std::vector<const char*> argv{"/usr/bin/millrace-test"};
  for (const std::string& argument : arguments) {
    argv.push_back(argument.c_str());
  }
  Outcome outcome;
  outcome.stop = read_command_line(app, static_cast<int>(argv.size()), argv.data());
  outcome.help = shared.help_asked_for();
  if (!outcome.stop) {
    outcome.settings = shared.settle();
  }
  return outcome;
}

Settings settled(std::vector<std::string> arguments, const Config& defaults = {}) {
  const Outcome outcome = read(std::move(arguments), defaults);
  EXPECT_FALSE(outcome.stop) << outcome.stop->text;
  EXPECT_TRUE(outcome.settings) << outcome.settings.error();
  return outcome.settings.value_or(Settings{});
}

/// A configuration file that is gone after the test.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { std::ofstream{path_} << text; }
  ~ConfigFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = testing::TempDir() + "millrace_options_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
};

TEST(Options, DefaultsAreTheTapOfTheManual) {
  const Settings settings = settled({});
  const Config& config = settings.config;
  ASSERT_EQ(config.devices.size(), 1U);
  EXPECT_EQ(config.devices[0].spec, "tap:millrace0");
  ASSERT_EQ(config.devices[0].addresses.size(), 1U);
  EXPECT_EQ(config.devices[0].addresses[0].to_string(), "198.18.0.2/24");
  EXPECT_FALSE(config.devices[0].gateway);
  EXPECT_TRUE(config.host_setup);
  EXPECT_TRUE(config.cores.empty());
  EXPECT_EQ(config.idle, IdlePolicy::Default);
  EXPECT_EQ(config.capture_file, "");
  EXPECT_EQ(config.eal_arguments, "");
  EXPECT_EQ(settings.log_level, LogLevel::Info);
  EXPECT_FALSE(settings.print_counters);
}

TEST(Options, EachOptionReachesItsField) {
  const Settings settings = settled({"--device",
                                     "vdev:net_ring0",
                                     "--address",
                                     "10.1.0.2/16",
                                     "--address=10.1.0.3/16",
                                     "--gateway",
                                     "10.1.0.1",
                                     "--mtu",
                                     "9000",
                                     "--cores",
                                     "1",
                                     "--idle",
                                     "spin",
                                     "--max-connections",
                                     "7",
                                     "--max-listeners",
                                     "9",
                                     "--packets",
                                     "4096",
                                     "--time-wait",
                                     "1",
                                     "--user-timeout",
                                     "2.5",
                                     "--log",
                                     "debug",
                                     "--capture",
                                     "all.pcapng",
                                     "--eal",
                                     "--no-huge",
                                     "--eal",
                                     "-m 64",
                                     "--no-host-setup",
                                     "--counters",
                                     "www"});
  const Config& config = settings.config;
  ASSERT_EQ(config.devices.size(), 1U);
  EXPECT_EQ(config.devices[0].spec, "vdev:net_ring0");
  ASSERT_EQ(config.devices[0].addresses.size(), 2U);
  EXPECT_EQ(config.devices[0].addresses[1].to_string(), "10.1.0.3/16");
  EXPECT_EQ(config.devices[0].gateway, IpAddress::v4(10, 1, 0, 1));
  EXPECT_EQ(config.devices[0].mtu, 9000);
  EXPECT_EQ(config.cores, std::vector<unsigned>{1});
  EXPECT_EQ(config.idle, IdlePolicy::Spin);
  EXPECT_EQ(config.max_connections, 7U);
  EXPECT_EQ(config.max_listeners, 9U);
  EXPECT_EQ(config.packets, 4096U);
  EXPECT_EQ(config.tcp.msl, Duration{500ms});
  EXPECT_EQ(config.tcp.user_timeout, Duration{2500ms});
  EXPECT_EQ(settings.log_level, LogLevel::Debug);
  EXPECT_TRUE(settings.print_counters);
  EXPECT_EQ(config.capture_file, "all.pcapng");
  EXPECT_EQ(config.eal_arguments, "--no-huge -m 64");
  EXPECT_FALSE(config.host_setup);
}

TEST(Options, ProgramDefaultsAreKeptWhereNothingIsSaid) {
  Config defaults;
  DeviceConfig& device = defaults.devices.emplace_back();
  device.spec = "ring";
  device.addresses.push_back(*IpPrefix::parse("10.0.0.2/8"));
  device.mtu = 1400;
  defaults.packets = 5000;
  const Settings settings = settled({"--address", "10.0.0.9/8"}, defaults);
  EXPECT_EQ(settings.config.devices[0].spec, "ring");
  EXPECT_EQ(settings.config.devices[0].mtu, 1400);
  ASSERT_EQ(settings.config.devices[0].addresses.size(), 1U);
  EXPECT_EQ(settings.config.devices[0].addresses[0].to_string(), "10.0.0.9/8");
  EXPECT_EQ(settings.config.packets, 5000U);
}

TEST(Options, ConfigurationFileIsToml) {
  const ConfigFile file{
      "# devices\ndevice = \"tap:mine\"\naddress = [\"10.0.0.2/24\", \"10.0.0.3/24\"]\n"
      "mtu = 1400\ntime-wait = 2\nno-host-setup = true\nlog = \"error\"\nloud = true\n"};
  const Settings settings = settled({"--config", file.path(), "--mtu", "1300"});
  EXPECT_EQ(settings.config.devices[0].spec, "tap:mine");
  ASSERT_EQ(settings.config.devices[0].addresses.size(), 2U);
  EXPECT_EQ(settings.config.devices[0].addresses[1].to_string(), "10.0.0.3/24");
  EXPECT_EQ(settings.config.devices[0].mtu, 1300) << "the command line goes before the file";
  EXPECT_EQ(settings.config.tcp.msl, Duration{1s});
  EXPECT_EQ(settings.log_level, LogLevel::Error);
  EXPECT_FALSE(settings.config.host_setup);
}

TEST(Options, NameServersWithAndWithoutPorts) {
  const Config config = settled({"--dns", "10.0.0.1,10.0.0.2:5353"}).config;
  ASSERT_EQ(config.name_servers.size(), 2U);
  EXPECT_EQ(config.name_servers[0].to_string(), "10.0.0.1:53");
  EXPECT_EQ(config.name_servers[1].to_string(), "10.0.0.2:5353");
  EXPECT_TRUE(settled({}).config.name_servers.empty());
  const ConfigFile file{"dns = \"10.0.0.3\"\n"};
  EXPECT_EQ(settled({"--config", file.path()}).config.name_servers.front().to_string(),
            "10.0.0.3:53");
}

TEST(Options, SeveralDevicesEachWithItsOwn) {
  const Config config = settled({"--device",  "tap:a",
                                 "--address", "10.0.0.2/24",
                                 "--gateway", "10.0.0.1",
                                 "--device",  "tap:b.100",
                                 "--address", "10.0.1.2/24",
                                 "--mtu",     "1400",
                                 "--device",  "tap:b",
                                 "--address", "10.0.2.2/24",
                                 "--route",   "172.16.0.0/12,10.0.1.1",
                                 "--route",   "192.168.0.0/16,10.0.2.1"})
                            .config;
  ASSERT_EQ(config.devices.size(), 3U);
  EXPECT_EQ(config.devices[0].gateway, IpAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(config.devices[1].spec, "tap:b.100");
  EXPECT_EQ(config.devices[1].mtu, 1400);
  EXPECT_EQ(config.devices[2].addresses[0].to_string(), "10.0.2.2/24");
  EXPECT_FALSE(config.devices[2].gateway);
  ASSERT_EQ(config.routes.size(), 2U);
  EXPECT_EQ(config.routes[1].destination.to_string(), "192.168.0.0/16");
  EXPECT_EQ(config.routes[1].gateway, IpAddress::v4(10, 0, 2, 1));
}

TEST(Options, SeveralDevicesInAConfigurationFile) {
  const ConfigFile file{
      "device = [\"tap:a\", \"tap:b\", \"tap:b.100\"]\n"
      "address = [\"10.0.0.2/24\", \"10.0.1.2/24\", \"10.0.2.2/24\"]\n"
      "route = [\"172.16.0.0/12,10.0.1.1\"]\n"};
  const Config config = settled({"--config", file.path()}).config;
  ASSERT_EQ(config.devices.size(), 3U);
  EXPECT_EQ(config.devices[2].spec, "tap:b.100");
  EXPECT_EQ(config.devices[2].addresses[0].to_string(), "10.0.2.2/24");
  ASSERT_EQ(config.routes.size(), 1U);
}

TEST(Options, ADeviceTableForEachInAConfigurationFile) {
  const ConfigFile file{
      "log = \"error\"\nroute = \"172.16.0.0/12,10.0.1.1\"\n\n"
      "[[device]]\nname = \"tap:a\"\naddress = [\"10.0.0.2/24\", \"10.0.0.3/24\"]\n\n"
      "# The order of the entries does not matter.\n[[device]]\nmtu = 1400\n"
      "gateway = \"10.0.1.1\"\naddress = \"10.0.1.2/24\"\nname = \"tap:b.100\"\n"};
  const Settings settings = settled({"--config", file.path()});
  const Config& config = settings.config;
  EXPECT_EQ(settings.log_level, LogLevel::Error);
  ASSERT_EQ(config.routes.size(), 1U);
  ASSERT_EQ(config.devices.size(), 2U);
  EXPECT_EQ(config.devices[0].spec, "tap:a");
  ASSERT_EQ(config.devices[0].addresses.size(), 2U);
  EXPECT_EQ(config.devices[0].addresses[1].to_string(), "10.0.0.3/24");
  EXPECT_FALSE(config.devices[0].gateway);
  EXPECT_EQ(config.devices[1].spec, "tap:b.100");
  EXPECT_EQ(config.devices[1].gateway, IpAddress::v4(10, 0, 1, 1));
  EXPECT_EQ(config.devices[1].mtu, 1400);
}

TEST(Options, DevicesOfTheCommandLineReplaceTheTables) {
  const ConfigFile file{
      "[[device]]\nname = \"tap:a\"\naddress = \"10.0.0.2/24\"\n"
      "[[device]]\nname = \"tap:b\"\naddress = \"10.0.1.2/24\"\n"};
  const Config config =
      settled({"--config", file.path(), "--device", "tap:c", "--address", "10.0.2.2/24"}).config;
  ASSERT_EQ(config.devices.size(), 1U);
  EXPECT_EQ(config.devices[0].spec, "tap:c");
}

TEST(Options, MistakesInDeviceTablesAreOneLineEach) {
  struct Case {
    std::string text;
    std::string mention;
  };
  for (const auto& [text, mention] : {
           Case{"[[device]]\naddress = \"10.0.0.2/24\"\n",
                "--config: a [[device]] table has no name; "},
           Case{"[[device]]\nname = \"tap:a\"\nspeed = 10\n",
                "--config: 'device.speed' is no entry"},
           Case{"[[device]]\nname = \"tap:a\"\naddress = \"10.0.0.2\"\n",
                "--config: device.address: '10.0.0.2' lacks the length"},
           Case{"[[device]]\nname = \"floppy:0\"\n", "--config: device.name: unknown device"},
           Case{"[[device]]\nname = \"tap:a\"\nmtu = 12\n",
                "--config: device.mtu: 12 is out of range"},
           Case{"[[device]]\nname = \"tap:a\"\n\n[[device]]\nname = \"tap:b\"\n",
                "--address: tap:b has none"},
       }) {
    const ConfigFile file{text};
    const Outcome outcome = read({"--config", file.path()});
    ASSERT_FALSE(outcome.stop) << outcome.stop->text;
    ASSERT_FALSE(outcome.settings) << text;
    EXPECT_NE(outcome.settings.error().find(mention), std::string::npos)
        << outcome.settings.error();
  }
}

TEST(Options, RoutesAreLimited) {
  std::vector<std::string> arguments;
  for (unsigned i = 0; i < Config::kMaxRoutes; ++i) {
    arguments.push_back("--route");
    arguments.push_back("10." + std::to_string(i) + ".0.0/16,198.18.0.1");
  }
  const Outcome outcome = read(arguments);
  ASSERT_FALSE(outcome.settings);
  EXPECT_EQ(outcome.settings.error(),
            "--route: 65 addresses, gateways and routes were given; give at most 64 in all");
  arguments.resize(arguments.size() - 2);
  EXPECT_TRUE(read(arguments).settings);
}

TEST(Options, MistakesInConfigurationFilesAreUsageErrors) {
  struct Case {
    std::string text;
    std::string mention;
  };
  for (const auto& [text, mention] :
       {Case{"mtuu = 1400\n", "'mtuu'"}, Case{"[tcp]\nmtu = 1400\n", "'[tcp]'"},
        Case{"mtu = \"big\"\n", "--mtu: 'big'"}, Case{"what is this\n", "--config"},
        Case{"log = [\"info\", \"debug\"]\n", "--log"}, Case{"help = true\n", "help"}}) {
    const ConfigFile file{text};
    const Outcome outcome = read({"--config", file.path()});
    ASSERT_TRUE(outcome.stop) << text;
    EXPECT_EQ(outcome.stop->status, kExitUsage) << text;
    EXPECT_NE(outcome.stop->text.find(mention), std::string::npos) << outcome.stop->text;
  }
}

TEST(Options, AMissingConfigurationFileIsNoUsageError) {
  const Outcome outcome = read({"--config", "/nonexistent/millrace.toml"});
  ASSERT_TRUE(outcome.stop);
  EXPECT_EQ(outcome.stop->status, kExitSurroundings);
  EXPECT_EQ(outcome.stop->text,
            "millrace-test: --config: cannot read /nonexistent/millrace.toml; give a file that "
            "exists and may be read\n");
}

TEST(Options, MistakesOnTheCommandLineAreOneLineEach) {
  struct Case {
    std::vector<std::string> arguments;
    std::string mention;
  };
  for (const auto& [arguments, mention] : {
           Case{{"--mtu", "big"},
                "--mtu: 'big' is no number; give a whole number from 576 to 9000"},
           Case{{"--mtu", "100"}, "--mtu: 100 is out of range"},
           Case{{"--address", "198.18.0.2"},
                "--address: '198.18.0.2' lacks the length of its prefix; give 198.18.0.2/24"},
           Case{{"--address", "300.1.1.1/24"}, "--address: '300.1.1.1/24' is no address"},
           Case{{"--gateway", "x"}, "--gateway: 'x' is no IPv4 address"},
           Case{{"--device", "floppy:0"}, "--device: unknown device 'floppy:0'"},
           Case{{"--device", "tap"}, "--device: 'tap' lacks the interface's name"},
           Case{{"--device", "tap:a.4095"}, "--device: 'tap:a.4095' names no VLAN by '4095'"},
           Case{{"--route", "10.0.0.0/8"}, "--route: '10.0.0.0/8' names no router; give"},
           Case{{"--dns", "ns.example"}, "--dns: 'ns.example' is no name server; give addresses"},
           Case{{"--dns", "10.0.0.1,"}, "--dns: '' is no name server; give addresses"},
           Case{{"--route", "10.0.0.0,198.18.0.1"}, "--route: '10.0.0.0,198.18.0.1' is no route"},
           Case{{"--tcp", "nagle=1"}, "--tcp: there is no setting 'nagle'; there are send_buffer"},
           Case{{"--tcp", "rto_min=soon"}, "--tcp: rto_min: 'soon' is no number of seconds; give"},
           Case{{"--udp", "speed=1"},
                "--udp: 'speed=1' sets nothing; give NAME=VALUE, where there are receive"},
           Case{{"--reassembly", "timeout=soon"}, "--reassembly: timeout: 'soon' is no number of"},
           Case{{"--max-udp-sockets", "many"}, "--max-udp-sockets: 'many'"},
           Case{{"--idle", "lazy"}, "--idle: 'lazy'"},
           Case{{"--nonsense"}, "'--nonsense' is not known; --help lists all options"},
           Case{{"www", "more"}, "'more' is not known"},
           Case{{"--mtu"}, "--mtu"},
           Case{{"--log", "info", "--log", "warn"}, "--log"},
       }) {
    const Outcome outcome = read(arguments);
    ASSERT_TRUE(outcome.stop) << arguments.front();
    const std::string& text = outcome.stop->text;
    EXPECT_EQ(outcome.stop->status, kExitUsage) << text;
    EXPECT_TRUE(text.starts_with("millrace-test: ")) << text;
    EXPECT_NE(text.find(mention), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  }
}

TEST(Options, WhatDoesNotFitTogetherIsRefused) {
  struct Case {
    std::vector<std::string> arguments;
    std::string mention;
  };
  for (const auto& [arguments, mention] : {
           Case{{"--device", "tap:a.5", "--device", "tap:a,vlan=5", "--address", "10.0.1.2/24"},
                "--device: tap:a,vlan=5 was given twice"},
           Case{{"--route", "10.0.0.0/8,10.0.0.1"}, "--route: 10.0.0.1 lies in none"},
           Case{{"--dns", "127.0.0.53"}, "--dns: 127.0.0.53 is a loopback address; give one that"},
           Case{{"--route", "10.0.0.1/8,198.18.0.1"},
                "--route: 10.0.0.1/8 has host bits; give 10.0.0.0/8"},
           Case{{"--route", "10.0.0.0/8,198.18.0.2"}, "--route: 198.18.0.2 is this host's own"},
           Case{{"--route", "10.0.0.0/8,198.18.0.255"}, "--route: 198.18.0.255 is the broadcast"},
           Case{{"--route", "10.0.0.0/8,198.18.0.1", "--route", "10.0.0.0/8,198.18.0.3"},
                "--route: 10.0.0.0/8 has two gateways on tap:millrace0; give one"},
           Case{{"--cores", "0,1"}, "--cores: 2 cores were given, but tap:millrace0"},
           Case{{"--gateway", "10.0.0.1"}, "--gateway"},
           Case{{"--address", "224.0.0.1/24"}, "--address"},
           Case{{"--address", "10.0.0.2/24", "--address", "10.0.0.2/24"},
                "--address: 10.0.0.2 is given twice"},
           Case{
               {"--address", "10.0.0.1/24", "--address", "10.0.0.2/24", "--address", "10.0.0.3/24",
                "--address", "10.0.0.4/24", "--address", "10.0.0.5/24", "--address", "10.0.0.6/24",
                "--address", "10.0.0.7/24", "--address", "10.0.0.8/24", "--address", "10.0.0.9/24"},
               "--address: 9 addresses were given for tap:millrace0; give at most 8"},
           Case{{"--mtu", "1000", "--mtu", "1001"}, "--mtu: given twice"},
           Case{{"--tcp", "delayed_ack=0.5"}, "--tcp delayed_ack: "},
           Case{{"--udp", "receive_queue_bytes=1"}, "--udp receive_queue_bytes: "},
           Case{{"--reassembly", "fragments=1"}, "--reassembly fragments: "},
       }) {
    const Outcome outcome = read(arguments);
    ASSERT_FALSE(outcome.stop) << outcome.stop->text;
    ASSERT_FALSE(outcome.settings) << arguments.front();
    EXPECT_NE(outcome.settings.error().find(mention), std::string::npos)
        << outcome.settings.error();
    EXPECT_NE(outcome.settings.error().find("; "), std::string::npos) << outcome.settings.error();
  }
}

TEST(Options, HelpListsEveryOptionWithItsDefault) {
  const Outcome outcome = read({"--help"});
  ASSERT_TRUE(outcome.stop);
  EXPECT_EQ(outcome.stop->status, 0);
  const std::string& help = outcome.stop->text;
  for (const std::string part : {"Sends back what it receives.",
                                 "Usage: millrace-test [OPTIONS] [ROOT]\n",
                                 "ROOT",
                                 "[/srv]",
                                 "--loud",
                                 "--device",
                                 "[tap:millrace0]",
                                 "--address",
                                 "[198.18.0.2/24]",
                                 "--gateway",
                                 "--route",
                                 "--mtu",
                                 "[1500]",
                                 "--cores",
                                 "--idle",
                                 "--max-connections",
                                 "[16384]",
                                 "--max-listeners",
                                 "[64]",
                                 "--packets",
                                 "[32768]",
                                 "--time-wait",
                                 "[60]",
                                 "--user-timeout",
                                 "[100]",
                                 "--tcp NAME=VALUE",
                                 "--tcp-help",
                                 "--config",
                                 "--log",
                                 "[info]",
                                 "--capture",
                                 "--eal",
                                 "--no-host-setup",
                                 "--counters",
                                 "--help",
                                 "--version"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part << " is missing in\n" << help;
  }
}

TEST(Options, SettingsOfTcp) {
  const Settings settings = settled({"--tcp", "delayed_ack=0.02", "--tcp=syn_backlog=9", "www"});
  EXPECT_EQ(settings.config.tcp.delayed_ack, Duration{20ms});
  EXPECT_EQ(settings.config.tcp.syn_backlog, 9U);
  const Outcome help = read({"--tcp-help"});
  ASSERT_TRUE(help.help);
  EXPECT_NE(help.help->find("delayed_ack                0.04"), std::string::npos) << *help.help;
  EXPECT_FALSE(read({"--tcp", "delayed_ack=0.02", "www"}).help);
}

TEST(Options, SettingsOfUdpAndOfReassembly) {
  const Settings settings =
      settled({"--udp", "receive_queue_datagrams=7", "--udp=hop_limit=9", "--max-udp-sockets", "33",
               "--reassembly", "timeout=30", "--reassembly", "datagrams=5", "www"});
  EXPECT_EQ(settings.config.udp.receive_queue_datagrams, 7U);
  EXPECT_EQ(settings.config.udp.hop_limit, 9);
  EXPECT_EQ(settings.config.max_udp_sockets, 33U);
  EXPECT_EQ(settings.config.reassembly.timeout, Duration{30s});
  EXPECT_EQ(settings.config.reassembly.datagrams, 5U);
  EXPECT_EQ(settings.config.udp.receive_queue_bytes, Config{}.udp.receive_queue_bytes);
}

TEST(Options, VersionIsPrintedAsItIs) {
  const Outcome outcome = read({"--version"});
  ASSERT_TRUE(outcome.stop);
  EXPECT_EQ(outcome.stop->status, 0);
  EXPECT_EQ(outcome.stop->text, "1.2.3\n");
}

}  // namespace
}  // namespace millrace::control
