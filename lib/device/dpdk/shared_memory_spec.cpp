// A socket file outlives a killed process. Whether somebody still has it is learned by an attempt
// to connect with a socket of another type, which the kernel refuses in two different ways and the
// owner never hears of: DPDK's memif server does not survive a visitor that hangs up at once.
#include "device/dpdk/shared_memory_spec.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/contract.hpp"

namespace millrace::device {

namespace {

constexpr std::size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view kServerMark = ",server";
constexpr std::string_view kJoinMark = ",tso";

/// What a connection attempt tells about a socket file.
enum class Owner : std::uint8_t { Alive, Gone, NoFile, Denied };

struct Words {
  DeviceKind kind;
  std::string_view word;    ///< As typed before the colon.
  std::string_view driver;  ///< DPDK's.
};

constexpr std::array kWords{
    Words{DeviceKind::Memif, "memif", "net_memif"},
    Words{DeviceKind::Vhost, "vhost", "net_vhost"},
    Words{DeviceKind::VirtioUser, "virtio-user", "net_virtio_user"},
};

const Words& words_of(DeviceKind kind) {
  const auto* const found = std::ranges::find(kWords, kind, &Words::kind);
  base::expects(found != kWords.end());
  return *found;
}

/// Drivers take the path as a value among others, parted by commas, with brackets for lists.
bool is_path_for_drivers(std::string_view path) {
  return std::ranges::none_of(path, [](char letter) {
    return letter < ' ' || letter == '\x7f' ||
           std::string_view{",[]\"'"}.find(letter) != std::string_view::npos;
  });
}

Owner ask_for_owner(const DeviceSpec& spec) {
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return Owner::Denied;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  spec.name.copy(address.sun_path, kPathMax);
  const int status =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = status == 0 ? 0 : errno;
  ::close(descriptor);
  switch (error) {
    case ECONNREFUSED: return Owner::Gone;
    case ENOENT: return Owner::NoFile;
    case EACCES:
    case EPERM: return Owner::Denied;
    default: return Owner::Alive;  // EPROTOTYPE: it takes connections of its own type.
  }
}

Result<void, std::string> check_folder(const DeviceSpec& spec) {
  const std::filesystem::path folder = std::filesystem::path{spec.name}.parent_path();
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return fail("the folder of " + spec.text + " does not exist: make it (mkdir -p " +
                folder.string() + "), or name another");
  }
  if (::access(folder.c_str(), X_OK | (spec.serves_socket ? W_OK : 0)) != 0) {
    return fail("no permission to " +
                std::string{spec.serves_socket ? "make a socket in " : "enter "} + folder.string() +
                " for " + spec.text + ": name another folder, or run as a user who may");
  }
  return {};
}

Result<void, std::string> check_owner(const DeviceSpec& spec, Owner owner) {
  if (owner == Owner::Denied) {
    return fail("no permission to connect to the socket of " + spec.text +
                ": run as a user who may write to it");
  }
  if (owner == Owner::Alive && spec.serves_socket) {
    return fail("the socket of " + spec.text +
                " is in use: another process serves it; name another, or end that process");
  }
  return {};
}

}  // namespace

Result<DeviceSpec, std::string> parse_shared_memory(DeviceSpec spec, DeviceKind kind,
                                                    std::string_view argument, unsigned index) {
  const std::string word{words_of(kind).word};
  spec.kind = kind;
  spec.serves_socket = kind == DeviceKind::Vhost;
  if (argument.ends_with(kServerMark)) {
    if (kind != DeviceKind::Memif) {
      return fail("'" + spec.text + "': " + word + " takes no ',server'; a vhost device serves " +
                  "its socket and a virtio-user device connects to it");
    }
    spec.serves_socket = true;
    argument.remove_suffix(kServerMark.size());
  }
  if (argument.ends_with(kJoinMark)) {
    if (kind == DeviceKind::Memif) {
      return fail("'" + spec.text + "': memif takes no ',tso'; vhost and virtio-user do");
    }
    spec.joins_segments = true;
    argument.remove_suffix(kJoinMark.size());
  }
  if (argument.empty() || argument.ends_with('/')) {
    return fail("'" + spec.text + "' lacks the socket's path: write " + word +
                ":/run/millrace.sock, say");
  }
  if (!is_path_for_drivers(argument)) {
    return fail("'" + spec.text + "' is no path that DPDK takes: use neither commas nor brackets " +
                "nor quotes" +
                (kind == DeviceKind::Memif ? "; ',server' at the end serves the socket"
                                           : "; ',tso' at the end joins segments"));
  }
  std::error_code error;
  spec.name = std::filesystem::absolute(argument, error).lexically_normal();
  if (error || spec.name.size() > kPathMax) {
    return fail("'" + spec.text + "': the socket's full path has " +
                std::to_string(spec.name.size()) + " characters; a socket's has at most " +
                std::to_string(kPathMax));
  }
  spec.port_name = std::string{words_of(kind).driver} + std::to_string(index);
  return spec;
}

Result<void, std::string> check_socket(const DeviceSpec& spec) {
  if (auto possible = check_folder(spec); !possible) {
    return possible;
  }
  std::error_code error;
  const auto status = std::filesystem::symlink_status(spec.name, error);
  if (!std::filesystem::exists(status)) {
    return {};
  }
  if (!std::filesystem::is_socket(std::filesystem::status(spec.name, error))) {
    return fail(spec.name + " exists and is no socket: name another file for " + spec.text +
                ", or remove it");
  }
  return check_owner(spec, ask_for_owner(spec));
}

Result<void, std::string> make_way_for(const DeviceSpec& spec) {
  if (auto possible = check_socket(spec); !possible) {
    return possible;
  }
  // Between this answer and the removal somebody may begin to serve the path; both would have to be
  // started within the same microseconds for the same socket.
  if (ask_for_owner(spec) == Owner::Gone && ::unlink(spec.name.c_str()) != 0 && errno != ENOENT) {
    return fail("cannot remove " + spec.name + ", which a process that ended has left (" +
                std::strerror(errno) + "): remove it, or name another for " + spec.text);
  }
  return {};
}

bool is_served(const DeviceSpec& spec) { return ask_for_owner(spec) == Owner::Alive; }

}  // namespace millrace::device
