// The socket is the driver's own and found among the process's.
#include "device/dpdk/answer_limit.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <utility>

#include "device/dpdk/kernel_socket.hpp"

namespace millrace::device {

namespace {

bool leads_to(int socket, std::string_view path) noexcept {
  sockaddr_un peer{};
  socklen_t size = sizeof(peer);
  // The kernel ends a path by NUL where there is room for it.
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
         size > offsetof(sockaddr_un, sun_path) && path == std::string{peer.sun_path};
}

void hang_up_on(std::string_view path) {
  for (const int socket : open_sockets(AF_UNIX)) {
    if (leads_to(socket, path)) {
      static_cast<void>(::shutdown(socket, SHUT_RDWR));
    }
  }
}

void watch(const std::stop_token& stop, const std::string& path, Duration limit) {
  std::mutex mutex;
  std::condition_variable_any asked_to_stop;
  std::unique_lock lock{mutex};
  while (!stop.stop_requested()) {
    static_cast<void>(asked_to_stop.wait_for(lock, stop, limit, [] { return false; }));
    if (!stop.stop_requested()) {
      hang_up_on(path);
    }
  }
}

}  // namespace

AnswerLimit::AnswerLimit(std::string path, Duration limit)
    : thread_{[path = std::move(path), limit](const std::stop_token& stop) {
        watch(stop, path, limit);
      }} {}

}  // namespace millrace::device
