#include "device/dpdk/eal_text.hpp"

#include <fcntl.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace millrace::device {

namespace {

constexpr std::size_t kBytesKept = 16 * 1024;

/// Lines that say that something failed, but not why, and lines that say nothing.
bool tells_a_cause(std::string_view line) {
  constexpr std::array<std::string_view, 24> kEmptyWords{"FATAL:",
                                                         "Invalid 'command line'",
                                                         "Error - exiting",
                                                         "Cannot init",
                                                         "WARNING:",
                                                         "Detected",
                                                         "Multi-process",
                                                         "Selected IOVA",
                                                         "VFIO support",
                                                         "Static memory",
                                                         "No free ",
                                                         "No available",
                                                         "Probing VFIO",
                                                         "TELEMETRY:",
                                                         "Bus (",
                                                         "Cannot probe devices",
                                                         "Failed to configure xdp",
                                                         "Error while removing XDP",
                                                         "No bpffs",
                                                         "Can't use dispatcher",
                                                         "Falling back to loading",
                                                         "elf: skipping",
                                                         "All rt-signals",
                                                         "No Rx trigger"};
  return !line.empty() && std::ranges::none_of(kEmptyWords, [&](std::string_view words) {
    return line.starts_with(words);
  });
}

/// "EAL: ", "ETHDEV: " and their like; also "millrace: " of getopt, "tap_probe(): " of drivers, and
/// a repeated one.
std::string_view without_prefix(std::string_view line) {
  while (true) {
    const std::size_t colon = line.find(": ");
    const bool is_prefix = colon != std::string_view::npos &&
                           line.substr(0, colon).find(' ') == std::string_view::npos;
    if (!is_prefix || line.starts_with("FATAL") || line.starts_with("WARNING")) {
      return line;
    }
    line.remove_prefix(colon + 2);
  }
}

/// What the kernel itself said is the cause, whatever libraries and drivers say of it afterwards.
std::string kernels_word_in(std::string_view text) {
  constexpr std::string_view kWords = "Kernel error message: ";
  const std::size_t start = text.rfind(kWords);
  return start == std::string_view::npos
             ? std::string{}
             : std::string{
                   text.substr(start, text.find('\n', start) - start).substr(kWords.size())};
}

std::string last_cause_in(std::string_view text) {
  if (std::string word = kernels_word_in(text); !word.empty()) {
    return word;
  }
  while (!text.empty()) {
    const std::size_t last = text.find_last_not_of("\n ");
    if (last == std::string_view::npos) {
      break;
    }
    text = text.substr(0, last + 1);
    const std::size_t newline = text.rfind('\n');
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    const std::string_view line = without_prefix(text.substr(start));
    if (tells_a_cause(line)) {
      return std::string{line};
    }
    text = text.substr(0, start);
  }
  return {};
}

/// What would be right, for causes that are known.
std::string_view remedy_for(std::string_view cause) {
  struct Known {
    std::string_view words;
    std::string_view remedy;
  };
  constexpr std::array<Known, 8> kKnown{{
      {"unrecognized option", "; DPDK's documentation lists EAL's arguments"},
      {"invalid option", "; DPDK's documentation lists EAL's arguments"},
      {"requires an argument", "; DPDK's documentation lists EAL's arguments"},
      {"failed to initialize", "; check the driver's name and its arguments"},
      {"hugepage", "; reserve hugepages (vm.nr_hugepages) or add --no-huge"},
      {"Peer MTU is too large", "; ip link set mtu 1500 lowers that of a veth's other end"},
      {"Failed to create xsk", "; another program has it, or its driver refuses such sockets"},
      {"Unable to parse device", "; DPDK has no driver of that name"},
  }};
  const auto found = std::ranges::find_if(kKnown, [&](const Known& known) {
    return cause.find(known.words) != std::string_view::npos;
  });
  return found == kKnown.end() ? std::string_view{} : found->remedy;
}

}  // namespace

EalText::EalText(bool is_verbose) : is_verbose_{is_verbose} {
  kept_.reserve(2 * kBytesKept);
  cookie_io_functions_t functions{};
  functions.write = &EalText::on_write;
  stream_ = ::fopencookie(this, "w", functions);
  if (stream_ != nullptr) {
    rte_openlog_stream(stream_);
  }
}

EalText::~EalText() {
  if (stream_ != nullptr) {
    rte_openlog_stream(nullptr);
    std::fclose(stream_);
  }
}

std::string EalText::last_cause() const {
  std::string cause = last_cause_in(kept());
  if (cause.ends_with('.')) {
    cause.pop_back();
  }
  return cause + std::string{remedy_for(cause)};
}

std::string EalText::start_failure(std::string_view standard_error, int error_number) const {
  // getopt's complaint is more to the point than what EAL makes of it; FATAL lines are passed over
  // in both.
  std::string cause = last_cause_in(kept());
  if (cause.empty()) {
    cause = last_cause_in(standard_error);
  }
  if (cause.empty()) {
    cause = rte_strerror(error_number);
  }
  return cause + std::string{remedy_for(cause)};
}

void EalText::forget() noexcept {
  if (stream_ != nullptr) {
    ::flockfile(stream_);
    kept_.clear();
    ::funlockfile(stream_);
  }
}

/// Called with the stream locked, by whichever thread logs.
ssize_t EalText::on_write(void* self, const char* bytes, std::size_t size) {
  auto* const text = static_cast<EalText*>(self);
  if (text->is_verbose_) {
    static_cast<void>(std::fwrite(bytes, 1, size, stderr));
  }
  if (text->kept_.size() + size > 2 * kBytesKept) {
    text->kept_.erase(0, std::min(text->kept_.size(), kBytesKept));
  }
  text->kept_.append(bytes, std::min(size, kBytesKept));
  return static_cast<ssize_t>(size);
}

std::string EalText::kept() const {
  if (stream_ == nullptr) {
    return {};
  }
  std::fflush(stream_);
  ::flockfile(stream_);
  std::string copy = kept_;
  ::funlockfile(stream_);
  return copy;
}

StandardStreams::StandardStreams()
    : saved_output_{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)},
      saved_error_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)},
      memory_{::memfd_create("millrace-eal", MFD_CLOEXEC)} {
  std::fflush(stdout);
  std::fflush(stderr);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    ::dup2(nowhere, STDOUT_FILENO);
    ::close(nowhere);
  }
  if (memory_ >= 0) {
    ::dup2(memory_, STDERR_FILENO);
  }
}

StandardStreams::~StandardStreams() { static_cast<void>(restore()); }

std::string StandardStreams::restore() {
  std::fflush(stdout);
  std::fflush(stderr);
  for (const auto& [saved, target] :
       {std::pair{&saved_output_, STDOUT_FILENO}, std::pair{&saved_error_, STDERR_FILENO}}) {
    if (*saved >= 0) {
      ::dup2(*saved, target);
      ::close(std::exchange(*saved, -1));
    }
  }
  std::string text;
  if (memory_ >= 0) {
    text.resize(kBytesKept);
    const ssize_t size = ::pread(memory_, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    ::close(std::exchange(memory_, -1));
  }
  return text;
}

}  // namespace millrace::device
