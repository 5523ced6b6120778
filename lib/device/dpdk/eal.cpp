#include "device/dpdk/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <utility>

#include "device/dpdk/eal_text.hpp"
#include "device/dpdk/runtime_folder.hpp"
#include "device/dpdk/taken_signals.hpp"
#include "device/dpdk/telemetry_name.hpp"

namespace millrace::device {

namespace {

constexpr std::uint64_t kMebibyte = 1ULL << 20U;

/// Processors that this process may use, ascending.
std::vector<unsigned> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cores;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) {
        cores.push_back(core);
      }
    }
  }
  return cores;
}

std::string joined(std::span<const unsigned> numbers) {
  std::string text;
  for (const unsigned number : numbers) {
    text += (text.empty() ? "" : ",") + std::to_string(number);
  }
  return text;
}

std::uint64_t free_hugepage_bytes() {
  std::uint64_t bytes = 0;
  std::error_code error;
  std::filesystem::directory_iterator size{"/sys/kernel/mm/hugepages", error};
  for (; !error && size != std::filesystem::directory_iterator{}; size.increment(error)) {
    // The folder is named "hugepages-2048kB".
    const std::string name = size->path().filename();
    const std::size_t dash = name.find('-');
    std::uint64_t pages = 0;
    if (dash != std::string::npos && std::ifstream{size->path() / "free_hugepages"} >> pages) {
      bytes += pages * std::strtoull(name.c_str() + dash + 1, nullptr, 10) * 1024;
    }
  }
  return bytes;
}

/// Whether one of `arguments` is one of `names`, alone or with its value attached.
bool names_any_of(std::span<const std::string> arguments,
                  std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(arguments, [&](std::string_view argument) {
    return std::ranges::any_of(names, [&](std::string_view name) {
      const bool is_short = !name.starts_with("--");
      return argument == name ||
             (argument.starts_with(name) && (is_short || argument[name.size()] == '='));
    });
  });
}

/// EAL ends the process when it is asked for help, stops reading at "--", and as a secondary
/// process waits for a primary one without end; none of that is for us.
Result<void, std::string> check_extra(std::span<const std::string> arguments) {
  for (const std::string& argument : arguments) {
    const std::string_view letters =
        std::string_view{argument}.substr(std::min<std::size_t>(argument.size(), 1));
    const std::size_t after_v = letters.find_first_not_of('v');
    const bool is_short_help =
        argument.starts_with('-') && after_v != std::string_view::npos && letters[after_v] == 'h';
    const bool is_long_help =
        argument.size() > 2 && std::string_view{"--help"}.starts_with(argument);
    if (is_short_help || is_long_help) {
      return fail("EAL argument '" + argument +
                  "' is not taken: DPDK's documentation lists EAL's arguments");
    }
    if (argument == "--") {
      return fail("EAL argument '--' is not taken: give EAL's arguments only, without a separator");
    }
    if (argument.starts_with("--proc-type")) {
      return fail("EAL argument '" + argument +
                  "' is not taken: every process of Millrace is a primary one");
    }
  }
  return {};
}

Result<std::string, std::string> lcores(const EalOptions& options) {
  const std::vector<unsigned> allowed = allowed_cores();
  if (options.cores.empty()) {
    return "--lcores=0@(" + joined(allowed) + ")";
  }
  std::string text = "--lcores=";
  for (std::size_t i = 0; i < options.cores.size(); ++i) {
    if (std::ranges::find(allowed, options.cores[i]) == allowed.end()) {
      return fail("core " + std::to_string(options.cores[i]) +
                  " is not among those this process may use: " + joined(allowed));
    }
    text += (i == 0 ? "" : ",") + std::to_string(i) + "@" + std::to_string(options.cores[i]);
  }
  return text;
}

void add_memory_arguments(const EalOptions& options, std::span<const std::string> extra,
                          std::vector<std::string>& arguments) {
  const bool is_chosen =
      names_any_of(extra, {"--no-huge", "--in-memory", "--huge-dir", "--legacy-mem"});
  if (!is_chosen && options.use_hugepages && free_hugepage_bytes() >= options.hugepage_bytes) {
    arguments.emplace_back("--in-memory");
    if (options.lends_memory) {
      // vhost-user hands over a descriptor for each file of memory, eight at most; a file for each
      // page would be far too many. Ordinary pages are one file in any case.
      arguments.emplace_back("--single-file-segments");
    }
    return;
  }
  if (!is_chosen) {
    arguments.emplace_back("--no-huge");
  }
  const bool is_ordinary =
      names_any_of(arguments, {"--no-huge"}) || names_any_of(extra, {"--no-huge"});
  if (is_ordinary && !names_any_of(extra, {"-m", "--socket-mem"})) {
    arguments.emplace_back("-m");
    arguments.push_back(std::to_string((options.memory_bytes + kMebibyte - 1) / kMebibyte));
  }
}

Result<std::vector<std::string>, std::string> eal_arguments(const EalOptions& options,
                                                            const std::string& prefix) {
  auto extra = split_arguments(options.extra_arguments);
  if (!extra) {
    return fail(std::move(extra.error()));
  }
  if (auto checked = check_extra(*extra); !checked) {
    return fail(std::move(checked.error()));
  }
  std::vector<std::string> arguments{"millrace", "--file-prefix=" + prefix, "--no-shconf"};
  if (!names_any_of(*extra, {"-l", "-c", "--lcores", "-S", "-s"})) {
    auto chosen = lcores(options);
    if (!chosen) {
      return fail(std::move(chosen.error()));
    }
    arguments.push_back(std::move(*chosen));
  }
  add_memory_arguments(options, *extra, arguments);
  if (!options.uses_pci && !names_any_of(*extra, {"-a", "--allow", "-b", "--block"})) {
    arguments.emplace_back("--no-pci");
    if (!names_any_of(*extra, {"--iova-mode"})) {
      arguments.emplace_back("--iova-mode=va");
    }
  }
  if (!options.is_verbose) {
    arguments.emplace_back("--log-level=*:warning");
  }
  arguments.insert(arguments.end(), options.device_arguments.begin(),
                   options.device_arguments.end());
  arguments.insert(arguments.end(), std::make_move_iterator(extra->begin()),
                   std::make_move_iterator(extra->end()));
  return arguments;
}

/// Adds what the quotation mark at `text[position]` protects and stops at the closing one; false
/// when there is none.
bool take_quoted(std::string_view text, std::size_t& position, std::string& argument) {
  const char quote = text[position++];
  for (; position < text.size(); ++position) {
    if (text[position] == quote) {
      return true;
    }
    const bool is_escape = quote == '"' && text[position] == '\\' && position + 1 < text.size() &&
                           (text[position + 1] == '"' || text[position + 1] == '\\');
    position += is_escape ? 1 : 0;
    argument += text[position];
  }
  return false;
}

/// What EAL leaves in the run-time folder is of no use to anyone once this process is done.
void remove_runtime_folder(const std::string& prefix) {
  const char* const folder = rte_eal_get_runtime_dir();
  if (folder != nullptr && std::filesystem::path{folder}.filename() == prefix) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
}

}  // namespace

struct Eal::Running {
  std::string prefix;
  std::vector<std::string> arguments;  // EAL may keep pointers into them.
  std::vector<char*> argv;
  EalText text;
  OwnDescriptor in_use;  // The mark on our folder.
  bool is_started = false;
  bool keeps_memory = false;

  explicit Running(bool is_verbose) : prefix{runtime_folder_name()}, text{is_verbose} {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (is_started && !keeps_memory) {
      rte_eal_cleanup();
    }
    remove_runtime_folder(prefix);
  }
};

Result<Eal, std::string> Eal::start(const EalOptions& options) {
  // EAL remembers its folder from the first attempt on.
  if (const char* const folder = rte_eal_get_runtime_dir(); folder != nullptr && *folder != '\0') {
    return fail("the EAL was started before: a process can start it once");
  }
  auto running = std::make_unique<Running>(options.is_verbose);
  auto arguments = eal_arguments(options, running->prefix);
  if (!arguments) {
    return fail(std::move(arguments.error()));
  }
  running->arguments = std::move(*arguments);
  for (std::string& argument : running->arguments) {
    running->argv.push_back(argument.data());
  }
  const auto count = static_cast<int>(running->argv.size());
  running->argv.push_back(nullptr);

  std::optional<StandardStreams> silenced;
  if (!options.is_verbose) {
    silenced.emplace();
  }
  restore_telemetry_name_at_exit();
  const int taken = [&] {
    const TakenSignals none_for_drivers;
    return rte_eal_init(count, running->argv.data());
  }();
  const std::string standard_error = silenced ? silenced->restore() : std::string{};
  if (taken < 0) {
    const std::string cause = running->text.start_failure(standard_error, rte_errno);
    return fail("DPDK's EAL did not start: " + cause);
  }
  running->is_started = true;
  const std::filesystem::path folder = rte_eal_get_runtime_dir();
  running->in_use = mark_in_use(folder);
  keep_telemetry_name(folder);
  remove_abandoned_folders(folder.parent_path());
  if (taken != count - 1) {
    const std::string stray = running->argv[static_cast<std::size_t>(taken) + 1];
    return fail("'" + stray + "' is no EAL argument: options start with a dash");
  }
  return Eal{std::move(running)};
}

Eal::Eal(std::unique_ptr<Running> running) noexcept : running_{std::move(running)} {}
Eal::Eal(Eal&&) noexcept = default;
Eal& Eal::operator=(Eal&&) noexcept = default;
Eal::~Eal() = default;

std::uint64_t Eal::usable_hugepage_bytes(const std::string& extra_arguments) {
  const auto extra = split_arguments(extra_arguments);
  return extra && !names_any_of(*extra, {"--no-huge"}) ? free_hugepage_bytes() : 0;
}

std::string Eal::version() {
  const std::string full = rte_version();  // "DPDK 22.11.11"
  const std::size_t space = full.find(' ');
  return space == std::string::npos ? full : full.substr(space + 1);
}

std::string_view Eal::memory_kind() const noexcept {
  return uses_hugepages() ? "hugepages" : "ordinary pages";
}

bool Eal::uses_hugepages() const noexcept { return rte_eal_has_hugepages() != 0; }

std::string Eal::last_cause() const { return running_->text.last_cause(); }

void Eal::forget_text() noexcept { running_->text.forget(); }

void Eal::keep_memory_until_exit() noexcept { running_->keeps_memory = true; }

Result<std::vector<std::string>, std::string> split_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  std::optional<std::string> argument;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char character = text[i];
    if (character == ' ' || character == '\t' || character == '\n') {
      if (argument) {
        arguments.push_back(std::move(*argument));
        argument.reset();
      }
      continue;
    }
    if (!argument) {
      argument.emplace();
    }
    if (character == '\'' || character == '"') {
      if (!take_quoted(text, i, *argument)) {
        return fail(std::string{"EAL arguments end inside a quotation: a closing "} + character +
                    " is missing");
      }
    } else if (character == '\\' && i + 1 < text.size()) {
      *argument += text[++i];
    } else {
      *argument += character;
    }
  }
  if (argument) {
    arguments.push_back(std::move(*argument));
  }
  return arguments;
}

}  // namespace millrace::device
