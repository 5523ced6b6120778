#include "bed.hpp"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/wait.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace millrace::test {
namespace {

std::string surroundings(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) {
    throw std::runtime_error(std::string{name} + " is not set: start through run_on_kernel.py");
  }
  return value;
}

/// One turn of the stack, of at most a millisecond.
void turn() {
  pollfd none{};
  api::poll(&none, 0, 1);
}

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + name_of_error(errno));
}

}  // namespace

const std::string& own_address() {
  static const std::string address = surroundings("SOCKETS_OWN_ADDRESS");
  return address;
}

const std::string& peer_address() {
  static const std::string address = surroundings("SOCKETS_PEER_ADDRESS");
  return address;
}

sockaddr_in internet_address(std::string_view address, int port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, std::string{address}.c_str(), &made.sin_addr);
  return made;
}

sockaddr_in peer_at(int port) { return internet_address(peer_address(), port); }

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::string text_of(const sockaddr_in& address) {
  char name[INET_ADDRSTRLEN]{};
  ::inet_ntop(AF_INET, &address.sin_addr, name, sizeof name);
  return std::string{name} + ':' + std::to_string(ntohs(address.sin_port));
}

std::string name_of_error(int error) {
  const char* const name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

std::int64_t now_milliseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

bool wait_until(const std::function<bool()>& condition, int milliseconds) {
  const std::int64_t limit = now_milliseconds() + milliseconds;
  while (!condition()) {
    if (now_milliseconds() > limit) {
      return condition();
    }
    turn();
  }
  return true;
}

void insist(const std::function<bool()>& condition, std::string_view what) {
  if (!wait_until(condition)) {
    throw std::runtime_error("waited in vain: " + std::string{what});
  }
}

void pass_time(int milliseconds) {
  (void)wait_until([] { return false; }, milliseconds);
}

Peer& Peer::the() {
  static Peer peer;
  return peer;
}

Peer::Peer() { start(); }

Peer::~Peer() {
  ::close(to_);
  ::close(from_);
  ::waitpid(process_, nullptr, 0);
}

void Peer::start() {
  const std::string program = surroundings("SOCKETS_PEER");
  const char* const space = std::getenv("SOCKETS_PEER_NAMESPACE");
  int down[2];
  int up[2];
  if (::pipe2(down, O_CLOEXEC) < 0 || ::pipe2(up, O_CLOEXEC) < 0) {
    fail("pipe");
  }
  process_ = ::fork();
  if (process_ == 0) {
    const int there = space == nullptr ? -1 : ::open(space, O_RDONLY | O_CLOEXEC);
    if (space != nullptr && (there < 0 || ::setns(there, CLONE_NEWNET) < 0)) {
      std::_Exit(126);
    }
    ::dup2(down[0], STDIN_FILENO);
    ::dup2(up[1], STDOUT_FILENO);
    ::execl(program.c_str(), program.c_str(), nullptr);
    std::_Exit(127);
  }
  ::close(down[0]);
  ::close(up[1]);
  to_ = down[1];
  from_ = up[0];
}

std::string Peer::answer_to(const std::string& command) {
  const std::string line = command + '\n';
  if (::write(to_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("the peer process is gone");
  }
  std::size_t end = std::string::npos;
  const bool answered = wait_until(
      [&] {
        pollfd wait{.fd = from_, .events = POLLIN, .revents = 0};
        char block[4096];
        if (::poll(&wait, 1, 0) == 1) {
          const ssize_t got = ::read(from_, block, sizeof block);
          if (got <= 0) {
            throw std::runtime_error("the peer process ended");
          }
          input_.append(block, static_cast<std::size_t>(got));
        }
        end = input_.find('\n');
        return end != std::string::npos;
      },
      2 * kLimitMilliseconds);
  if (!answered) {
    throw std::runtime_error("the peer does not answer: " + command);
  }
  const std::string answer = input_.substr(0, end);
  input_.erase(0, end + 1);
  return answer;
}

std::string Peer::ask(const std::string& command) {
  const std::string answer = answer_to(command);
  if (!answer.starts_with("ok")) {
    throw std::runtime_error("the peer says to '" + command + "': " + answer);
  }
  return answer.size() > 3 ? answer.substr(3) : "";
}

std::vector<int> Peer::numbers(const std::string& command) {
  std::istringstream words{ask(command)};
  std::vector<int> found;
  for (std::string word; words >> word;) {
    found.push_back(std::atoi(word.c_str()));
  }
  return found;
}

void Peer::later(int milliseconds, const std::string& command) {
  ask("later " + std::to_string(milliseconds) + ' ' + command);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int Descriptor::release() noexcept {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

void Descriptor::close() noexcept {
  if (fd_ >= 0) {
    api::close(release());
  }
}

std::string Connection::tell(const std::string& command, const std::string& rest) const {
  return Peer::the().ask(command + ' ' + std::to_string(peer) + (rest.empty() ? "" : " ") + rest);
}

Descriptor stream_socket(int flags) {
  Descriptor made{api::socket(AF_INET, SOCK_STREAM | flags, 0)};
  if (made < 0) {
    fail("socket");
  }
  return made;
}

Descriptor datagram_socket(int flags) {
  Descriptor made{api::socket(AF_INET, SOCK_DGRAM | flags, 0)};
  if (made < 0) {
    fail("socket");
  }
  return made;
}

Descriptor listening_socket(int backlog, int flags) {
  Descriptor made = stream_socket(flags);
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  if (api::bind(made, generic(any), sizeof any) < 0 || api::listen(made, backlog) < 0) {
    fail("bind or listen");
  }
  return made;
}

int port_of(int fd) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  if (api::getsockname(fd, generic(own), &size) < 0) {
    fail("getsockname");
  }
  return ntohs(own.sin_port);
}

Connection connect_to_peer(int flags, const std::function<void(int)>& prepare) {
  Peer& peer = Peer::the();
  const std::vector<int> listener = peer.numbers("listen 0 4");
  Connection made{.own = stream_socket(flags), .peer = 0, .own_port = 0, .peer_port = listener[1]};
  if (prepare) {
    prepare(made.own);
  }
  const sockaddr_in to = peer_at(made.peer_port);
  if (api::connect(made.own, generic(to), sizeof to) < 0 && errno != EINPROGRESS) {
    fail("connect");
  }
  if ((events_soon(made.own, POLLOUT) & (POLLOUT | POLLERR)) != POLLOUT) {
    throw std::runtime_error("no connection to the peer");
  }
  made.own_port = port_of(made.own);
  made.peer = peer.numbers("accept " + std::to_string(listener[0]))[0];
  peer.ask("close " + std::to_string(listener[0]));
  return made;
}

Connection accept_from_peer(int flags) {
  Peer& peer = Peer::the();
  const Descriptor listener = listening_socket();
  const std::vector<int> client = peer.numbers("bind 0");
  Connection made{
      .own = {}, .peer = client[0], .own_port = port_of(listener), .peer_port = client[1]};
  made.tell("connect", own_address() + ' ' + std::to_string(made.own_port));
  made.tell("option", std::to_string(IPPROTO_TCP) + ' ' + std::to_string(TCP_NODELAY) + " 1");
  if (events_soon(listener, POLLIN) != POLLIN) {
    throw std::runtime_error("no connection from the peer");
  }
  made.own = Descriptor{api::accept4(listener, nullptr, nullptr, flags)};
  if (made.own < 0) {
    fail("accept4");
  }
  made.tell("connected");
  return made;
}

int state_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (api::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) {
    fail("TCP_INFO");
  }
  return info.tcpi_state;
}

void insist_on_state(int fd, int state) {
  if (!wait_until([&] { return state_of(fd) == state; })) {
    throw std::runtime_error("state " + std::to_string(state_of(fd)) + " instead of " +
                             std::to_string(state));
  }
}

int integer_option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (api::getsockopt(fd, level, name, &value, &size) < 0) {
    fail("getsockopt");
  }
  return value;
}

void set_option(int fd, int level, int name, int value) {
  if (api::setsockopt(fd, level, name, &value, sizeof value) < 0) {
    fail("setsockopt");
  }
}

int bytes_readable(int fd) {
  int bytes = -1;
  if (api::ioctl(fd, FIONREAD, &bytes) < 0) {
    fail("FIONREAD");
  }
  return bytes;
}

void insist_on_readable(int fd, int bytes) {
  insist([&] { return bytes_readable(fd) >= bytes; }, std::to_string(bytes) + " bytes to read");
}

int events_now(int fd, int events) {
  pollfd wait{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  if (api::poll(&wait, 1, 0) < 0) {
    fail("poll");
  }
  return wait.revents;
}

int events_soon(int fd, int events) {
  pollfd wait{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  if (api::poll(&wait, 1, kLimitMilliseconds) < 0) {
    fail("poll");
  }
  return wait.revents;
}

std::string text_of_events(int events) {
  constexpr std::pair<int, const char*> kNames[] = {
      {POLLIN, "IN"},   {POLLPRI, "PRI"}, {POLLOUT, "OUT"},  {POLLRDHUP, "RDHUP"},
      {POLLERR, "ERR"}, {POLLHUP, "HUP"}, {POLLNVAL, "NVAL"}};
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if ((events & bit) != 0) {
      text += (text.empty() ? "" : " ") + std::string{name};
    }
  }
  return text.empty() ? "-" : text;
}

std::string read_exactly(int fd, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t held = 0;
  while (held < bytes) {
    if ((events_soon(fd, POLLIN) & (POLLIN | POLLERR | POLLHUP)) == 0) {
      throw std::runtime_error("only " + std::to_string(held) + " bytes came");
    }
    const ssize_t got = api::read(fd, text.data() + held, bytes - held);
    if (got < 0 && errno != EAGAIN) {
      fail("read");
    }
    if (got == 0) {
      break;
    }
    held += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  text.resize(held);
  return text;
}

std::string read_once(int fd, std::size_t bytes) {
  std::string text(bytes, '\0');
  const ssize_t got = api::read(fd, text.data(), bytes);
  if (got < 0) {
    return name_of_error(errno);
  }
  text.resize(static_cast<std::size_t>(got));
  return got == 0 ? "end" : text;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = api::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      (void)events_soon(fd, POLLOUT);
    } else if (sent < 0) {
      fail("send");
    } else {
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
}

}  // namespace millrace::test
