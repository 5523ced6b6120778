// The kernel's files, a value a line.
#include "perf/surroundings.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <thread>

namespace perf {
namespace {

constexpr double kIdleEnough = 0.95;
constexpr unsigned kProcessorsMax = 4'096;

template <class Number>
std::optional<Number> read_number(std::string_view text) noexcept {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end ? std::optional{number} : std::nullopt;
}

// "tap:tap0.100" has the interface tap0; shared memory has none.
std::string interface_of(std::string_view device) {
  for (const std::string_view kind : {"tap:", "af_packet:", "af_xdp:"}) {
    if (device.starts_with(kind)) {
      const std::string_view rest = device.substr(kind.size());
      return std::string{rest.substr(0, rest.find_first_of(",."))};
    }
  }
  return {};
}

}  // namespace

std::optional<std::string> Surroundings::first_line(const std::filesystem::path& inside) const {
  std::ifstream file{root_ / inside};
  std::string line;
  return std::getline(file, line) ? std::optional{line} : std::nullopt;
}

std::optional<ProcessorTimes> Surroundings::times(unsigned processor) const {
  std::ifstream file{root_ / "proc/stat"};
  const std::string wanted = "cpu" + std::to_string(processor);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line};
    std::string name;
    words >> name;
    if (name != wanted) {
      continue;
    }
    ProcessorTimes times;
    std::uint64_t ticks = 0;
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    for (int column = 0; column < 8 && words >> ticks; ++column) {
      times.total += ticks;
      times.idle += column == 3 || column == 4 ? ticks : 0;
    }
    return times;
  }
  return std::nullopt;
}

std::vector<unsigned> Surroundings::siblings(unsigned processor) const {
  const auto line = first_line("sys/devices/system/cpu/cpu" + std::to_string(processor) +
                               "/topology/thread_siblings_list");
  std::vector<unsigned> others = parse_processors(line.value_or(""));
  std::erase(others, processor);
  return others;
}

std::optional<int> Surroundings::node_of_processor(unsigned processor) const {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator{root_ / "sys/devices/system/node", error}) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("node")) {
      continue;
    }
    const auto line = first_line("sys/devices/system/node/" + name + "/cpulist");
    const auto members = parse_processors(line.value_or(""));
    if (std::find(members.begin(), members.end(), processor) != members.end()) {
      return read_number<int>(std::string_view{name}.substr(4));
    }
  }
  return std::nullopt;
}

std::optional<int> Surroundings::node_of_device(std::string_view device) const {
  const std::string interface = interface_of(device);
  const auto line = interface.empty()
                        ? first_line("sys/bus/pci/devices/" +
                                     std::string{device.substr(0, device.find(','))} + "/numa_node")
                        : first_line("sys/class/net/" + interface + "/device/numa_node");
  const auto node = read_number<int>(line.value_or(""));
  return node && *node >= 0 ? node : std::nullopt;  // -1: the machine does not say.
}

bool Surroundings::is_link_down(std::string_view device) const {
  const std::string interface = interface_of(device);
  // A TAP has no carrier before its program runs.
  if (interface.empty() || device.starts_with("tap:")) {
    return false;
  }
  const auto state = first_line("sys/class/net/" + interface + "/operstate");
  return state == "down" || state == "lowerlayerdown";
}

bool Surroundings::has_hugepages() const {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator{root_ / "sys/kernel/mm/hugepages", error}) {
    const auto line =
        first_line("sys/kernel/mm/hugepages" / entry.path().filename() / "nr_hugepages");
    if (read_number<std::uint64_t>(line.value_or("")).value_or(0) > 0) {
      return true;
    }
  }
  return false;
}

std::vector<unsigned> parse_processors(std::string_view text) {
  std::vector<unsigned> made;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = read_number<unsigned>(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : read_number<unsigned>(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kProcessorsMax) {
      return {};
    }
    for (unsigned number = *first; number <= *last; ++number) {
      made.push_back(number);
    }
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return made;
}

std::vector<unsigned> own_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<unsigned> made;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    for (unsigned number = 0; number < CPU_SETSIZE; ++number) {
      if (CPU_ISSET(number, &allowed)) {
        made.push_back(number);
      }
    }
  }
  return made;
}

std::optional<std::string> busy_warning(unsigned processor, std::string_view what,
                                        const ProcessorTimes& before, const ProcessorTimes& after) {
  if (after.total <= before.total) {
    return std::nullopt;
  }
  const double share = static_cast<double>(after.idle - before.idle) /
                       static_cast<double>(after.total - before.total);
  if (share >= kIdleEnough) {
    return std::nullopt;
  }
  return "processor " + std::to_string(processor) + ", " + std::string{what} + ", was idle for " +
         std::to_string(static_cast<int>(100 * share)) + " % of the time before the test";
}

namespace {

std::vector<std::string> placement_warnings(const Surroundings& surroundings,
                                            const Placement& placement) {
  std::vector<std::string> made;
  const bool is_pinned = placement.processors.size() == 1;
  if (!is_pinned) {
    made.emplace_back("not pinned to a processor: figures will vary; use " +
                      std::string{placement.is_kernel ? "taskset" : "--cores"});
  }
  if (!placement.is_kernel && !surroundings.has_hugepages()) {
    made.emplace_back("no hugepages: every packet costs more misses of the address cache");
  }
  for (const auto& device : placement.devices) {
    if (surroundings.is_link_down(device)) {
      made.push_back("the link of " + device + " is down");
    }
    const auto device_node = surroundings.node_of_device(device);
    const auto own_node =
        is_pinned ? surroundings.node_of_processor(placement.processors.front()) : std::nullopt;
    if (device_node && own_node && *device_node != *own_node) {
      made.push_back(device + " is on NUMA node " + std::to_string(*device_node) +
                     ", the processor on node " + std::to_string(*own_node));
    }
  }
  return made;
}

}  // namespace

std::vector<std::string> warnings_about(const Surroundings& surroundings,
                                        const Placement& placement) {
  std::vector<std::string> made = placement_warnings(surroundings, placement);
  if (placement.processors.size() != 1) {
    return made;
  }
  struct Watched {
    unsigned processor;
    std::string_view what;
    std::optional<ProcessorTimes> before;
  };
  const unsigned own = placement.processors.front();
  std::vector<Watched> watched{{own, "where this test runs", surroundings.times(own)}};
  for (const unsigned sibling : surroundings.siblings(own)) {
    watched.push_back({sibling, "a hyperthread of the same core", surroundings.times(sibling)});
  }
  std::this_thread::sleep_for(placement.watch);
  for (const auto& one : watched) {
    const auto after = surroundings.times(one.processor);
    if (one.before && after) {
      if (auto warning = busy_warning(one.processor, one.what, *one.before, *after)) {
        made.push_back(*std::move(warning));
      }
    }
  }
  return made;
}

}  // namespace perf
