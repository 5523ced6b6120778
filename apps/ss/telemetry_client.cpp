#include "ss/telemetry_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "ss/printable.hpp"

namespace ss {

namespace {

using Error = TelemetryClient::Error;
using Failure = TelemetryClient::Failure;

std::unexpected<Error> failed(Failure failure, std::string text) {
  return std::unexpected{Error{.failure = failure, .text = std::move(text)}};
}

std::unexpected<Error> why(int number) {
  const std::string text = std::generic_category().message(number);
  switch (number) {
    case ECONNREFUSED:
    case ENOENT:
    case ENOTDIR: return failed(Failure::Gone, "it is gone");
    case ECONNRESET:
    case EPIPE: return failed(Failure::HungUp, "it hung up");
    case EACCES:
    case EPERM:
      return failed(Failure::Refused, "its telemetry socket cannot be opened: " + text +
                                          "; it is another user's, ask as root");
    case EAGAIN: return failed(Failure::Silent, "it does not answer");
    default: return failed(Failure::Confused, "its telemetry socket: " + text);
  }
}

}  // namespace

std::expected<TelemetryClient, Error> TelemetryClient::connect(
    const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof(address.sun_path)) {
    return failed(Failure::Confused, "the path of its telemetry socket is too long");
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  const int descriptor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return why(errno);
  }
  TelemetryClient client{descriptor};
  const timeval limit{.tv_sec = kPatience.count() / 1'000, .tv_usec = 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  const void* const generic = &address;
  if (::connect(descriptor, static_cast<const sockaddr*>(generic), sizeof(address)) != 0) {
    return why(errno);
  }
  if (!client.ask_who_listens()) {
    return why(errno);
  }
  return client;
}

bool TelemetryClient::ask_who_listens() noexcept {
  ucred listener{};
  socklen_t size = sizeof(listener);
  if (::getsockopt(descriptor_, SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) {
    return false;
  }
  peer_ = {.process = listener.pid, .user = listener.uid};
  return true;
}

std::expected<void, Error> TelemetryClient::await_greeting() {
  if (auto greeting = receive(); !greeting) {
    return std::unexpected{std::move(greeting.error())};
  }
  return {};
}

TelemetryClient::TelemetryClient(TelemetryClient&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)},
      peer_{other.peer_},
      answer_{std::move(other.answer_)} {}

TelemetryClient::~TelemetryClient() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::expected<nlohmann::json, Error> TelemetryClient::ask(const std::string& command) {
  if (::send(descriptor_, command.data(), command.size(), MSG_NOSIGNAL) < 0) {
    return why(errno);
  }
  auto answer = receive();
  if (!answer) {
    return answer;
  }
  // {"/name": {...}}, the name without parameters.
  const std::string name = command.substr(0, command.find(','));
  const auto body = answer->find(name);
  if (body == answer->end() || !body->is_object()) {
    return failed(Failure::Confused, "it does not know the question; is it of another version?");
  }
  if (const auto error = body->find("error"); error != body->end() && error->is_string()) {
    return failed(Failure::Confused, printable(error->get<std::string>()));
  }
  return std::move(*body);
}

std::expected<nlohmann::json, Error> TelemetryClient::receive() {
  const ssize_t bytes = ::recv(descriptor_, answer_.data(), answer_.size(), 0);
  if (bytes <= 0) {
    return why(bytes == 0 ? ECONNRESET : errno);
  }
  auto answer = nlohmann::json::parse(answer_.begin(), answer_.begin() + bytes, nullptr, false);
  if (!answer.is_object()) {
    return failed(Failure::Confused, "its answer is no JSON object");
  }
  return answer;
}

}  // namespace ss
