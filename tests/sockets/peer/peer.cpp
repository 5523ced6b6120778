#include "peer.hpp"

#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "../pattern.hpp"

namespace millrace::test {

int PeerProcess::run() {
  while (!ended_) {
    std::vector<pollfd> waits{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
    for (const auto& [id, socket] : sockets_) {
      const short in = (socket.sinks || socket.echoes) && !socket.ended ? POLLIN : 0;
      const short out = socket.to_send > 0 ? POLLOUT : 0;
      if ((in | out) != 0) {
        waits.push_back({.fd = socket.fd, .events = static_cast<short>(in | out), .revents = 0});
      }
    }
    if (::poll(waits.data(), waits.size(), milliseconds_to_next()) < 0 && errno != EINTR) {
      return 1;
    }
    for (auto& [id, socket] : sockets_) {
      serve(socket);
    }
    obey_what_is_due();
    if (waits.front().revents != 0) {
      read_input();
    }
  }
  return 0;
}

const std::map<std::string, PeerProcess::Command>& PeerProcess::commands() {
  static const std::map<std::string, Command> table{
      {"listen", &PeerProcess::make_listener},
      {"accept", &PeerProcess::accept_one},
      {"bind", &PeerProcess::bind_stream},
      {"connect", &PeerProcess::connect_stream},
      {"connected", &PeerProcess::wait_connected},
      {"udp", &PeerProcess::make_datagram},
      {"send", &PeerProcess::send_pattern},
      {"write", &PeerProcess::write_text},
      {"read", &PeerProcess::read_text},
      {"end", &PeerProcess::wait_end},
      {"sink", &PeerProcess::sink},
      {"echo", &PeerProcess::echo},
      {"received", &PeerProcess::received},
      {"sendto", &PeerProcess::send_datagram},
      {"recvfrom", &PeerProcess::receive_datagram},
      {"shutdown", &PeerProcess::shut_down},
      {"close", &PeerProcess::close_one},
      {"abort", &PeerProcess::abort_one},
      {"clear", &PeerProcess::close_all},
      {"mute", &PeerProcess::mute},
      {"unmute", &PeerProcess::unmute},
      {"option", &PeerProcess::set_option},
      {"state", &PeerProcess::wait_state},
      {"acked", &PeerProcess::wait_acknowledged},
      {"info", &PeerProcess::information},
      {"later", &PeerProcess::schedule},
  };
  return table;
}

std::string PeerProcess::obey(const std::string& line) {
  Words words{line};
  std::string name;
  words >> name;
  const auto found = commands().find(name);
  return found == commands().end() ? "error UNKNOWN" : (this->*found->second)(words);
}

void PeerProcess::read_input() {
  char block[4096];
  const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
  if (got <= 0) {
    ended_ = true;
    return;
  }
  input_.append(block, static_cast<std::size_t>(got));
  for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
    const std::string answer = obey(input_.substr(0, end)) + '\n';
    input_.erase(0, end + 1);
    if (::write(STDOUT_FILENO, answer.data(), answer.size()) < 0) {
      ended_ = true;
    }
  }
}

void PeerProcess::obey_what_is_due() {
  const auto now = Clock::now();
  const auto is_due = [now](const Later& later) { return later.when <= now; };
  for (auto due = std::ranges::find_if(later_, is_due); due != later_.end();
       due = std::ranges::find_if(later_, is_due)) {
    const std::string line = due->line;
    later_.erase(due);
    const std::string answer = obey(line);
    if (!answer.starts_with("ok")) {
      std::fprintf(stderr, "sockets-peer: later '%s': %s\n", line.c_str(), answer.c_str());
    }
  }
}

int PeerProcess::milliseconds_to_next() const {
  if (later_.empty()) {
    return -1;
  }
  const auto next = std::ranges::min(later_, {}, &Later::when).when - Clock::now();
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(next).count();
  return static_cast<int>(std::max<decltype(rounded)>(rounded, 0));
}

std::string PeerProcess::schedule(Words& words) {
  int milliseconds = 0;
  std::string line;
  words >> milliseconds;
  std::getline(words >> std::ws, line);
  later_.push_back({Clock::now() + std::chrono::milliseconds{milliseconds}, line});
  return "ok";
}

void PeerProcess::serve(Socket& socket) {
  if (socket.to_send > 0) {
    push(socket);
  }
  if ((socket.sinks || socket.echoes) && !socket.ended) {
    drain(socket);
  }
}

void PeerProcess::push(Socket& socket) {
  char block[16384];
  while (socket.to_send > 0) {
    const std::size_t size = std::min<std::uint64_t>(socket.to_send, sizeof block);
    write_pattern(socket.sent, {block, size});
    const ssize_t sent = ::send(socket.fd, block, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno != EAGAIN) {
        socket.to_send = 0;
        socket.ended = true;
      }
      return;
    }
    socket.sent += static_cast<std::uint64_t>(sent);
    socket.to_send -= static_cast<std::uint64_t>(sent);
  }
  if (socket.finish_after) {
    ::shutdown(socket.fd, SHUT_WR);
  }
}

void PeerProcess::drain(Socket& socket) {
  char block[65536];
  for (;;) {
    const ssize_t got = ::recv(socket.fd, block, sizeof block, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      return;
    }
    if (got <= 0) {
      socket.ended = true;
      if (socket.echoes) {
        ::shutdown(socket.fd, SHUT_WR);
      }
      return;
    }
    const std::string_view text{block, static_cast<std::size_t>(got)};
    socket.pattern_held = socket.pattern_held && holds_pattern(socket.received, text);
    socket.received += text.size();
    for (std::size_t sent = 0; socket.echoes && sent < text.size();) {
      const ssize_t went =
          ::send(socket.fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (went < 0 && errno != EAGAIN) {
        socket.ended = true;
        return;
      }
      sent += went > 0 ? static_cast<std::size_t>(went) : 0;
      if (pollfd room{.fd = socket.fd, .events = POLLOUT, .revents = 0}; sent < text.size()) {
        ::poll(&room, 1, 5000);
      }
    }
  }
}

PeerProcess::Socket* PeerProcess::find(Words& words) {
  int id = 0;
  words >> id;
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : &found->second;
}

std::string PeerProcess::take(int fd) {
  sockets_[next_] = Socket{.fd = fd};
  return "ok " + std::to_string(next_++);
}

}  // namespace millrace::test

int main() {
  millrace::test::PeerProcess peer;
  return peer.run();
}
