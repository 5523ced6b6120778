// What the peer can be told to do: one function per command, in the order of the table in peer.cpp.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "peer.hpp"

namespace millrace::test {
namespace {

constexpr int kLimitMilliseconds = 5000;

std::string failed(int error = errno) {
  const char* const name = strerrorname_np(error);
  return std::string{"error "} + (name != nullptr ? name : "UNKNOWN");
}

bool wait_for(int fd, short events) {
  pollfd wait{.fd = fd, .events = events, .revents = 0};
  return ::poll(&wait, 1, kLimitMilliseconds) == 1;
}

sockaddr_in internet_address(const std::string& address, int port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &made.sin_addr);
  return made;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int port_of(int fd) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin_port);
}

/// A socket on a port of that number, or of the kernel's choice with zero; -1 with errno.
int bound_socket(int type, int port) {
  const int made = ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = internet_address("0.0.0.0", port);
  if (::bind(made, generic(address), sizeof address) < 0) {
    ::close(made);
    return -1;
  }
  return made;
}

/// The socket takes in nothing any more, as if the wire had lost it; what it sends still goes out.
void drop_all_input(int fd) {
  sock_filter nothing{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &nothing};
  ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

tcp_info information_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
  return info;
}

/// Asks every millisecond.
template <typename Condition>
bool becomes_true(Condition condition) {
  for (int waited = 0; waited < kLimitMilliseconds; ++waited) {
    if (condition()) {
      return true;
    }
    ::usleep(1000);
  }
  return condition();
}

}  // namespace

/// listen PORT BACKLOG [mute] -> ID PORT
std::string PeerProcess::make_listener(Words& words) {
  int port = 0;
  int backlog = 64;
  std::string mute;
  words >> port >> backlog >> mute;
  const int made = bound_socket(SOCK_STREAM, port);
  if (made < 0) {
    return failed();
  }
  if (mute == "mute") {
    drop_all_input(made);
  }
  if (::listen(made, backlog) < 0) {
    const std::string answer = failed();
    ::close(made);
    return answer;
  }
  return take(made) + ' ' + std::to_string(port_of(made));
}

/// accept ID -> ID PORT, the port of the other end
std::string PeerProcess::accept_one(Words& words) {
  Socket* const listener = find(words);
  if (listener == nullptr) {
    return failed(EBADF);
  }
  wait_for(listener->fd, POLLIN);
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const int made = ::accept4(listener->fd, reinterpret_cast<sockaddr*>(&from), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (made < 0) {
    return failed();
  }
  const int on = 1;
  ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return take(made) + ' ' + std::to_string(ntohs(from.sin_port));
}

/// bind PORT [mute] -> ID PORT: neither listening nor connected, so that the port refuses
std::string PeerProcess::bind_stream(Words& words) {
  int port = 0;
  std::string mute;
  words >> port >> mute;
  const int made = bound_socket(SOCK_STREAM, port);
  if (made < 0) {
    return failed();
  }
  if (mute == "mute") {
    drop_all_input(made);
  }
  return take(made) + ' ' + std::to_string(port_of(made));
}

/// connect ID ADDRESS PORT: begins
std::string PeerProcess::connect_stream(Words& words) {
  Socket* const socket = find(words);
  std::string address;
  int port = 0;
  words >> address >> port;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  const sockaddr_in to = internet_address(address, port);
  if (::connect(socket->fd, generic(to), sizeof to) < 0 && errno != EINPROGRESS) {
    return failed();
  }
  return "ok";
}

/// connected ID: waits for the outcome
std::string PeerProcess::wait_connected(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr || !wait_for(socket->fd, POLLOUT)) {
    return failed(socket == nullptr ? EBADF : ETIMEDOUT);
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "ok" : failed(error);
}

/// udp PORT -> ID PORT
std::string PeerProcess::make_datagram(Words& words) {
  int port = 0;
  words >> port;
  const int made = bound_socket(SOCK_DGRAM, port);
  if (made < 0) {
    return failed();
  }
  const int on = 1;
  ::setsockopt(made, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  return take(made) + ' ' + std::to_string(port_of(made));
}

/// send ID COUNT [fin]: that much of the pattern, as there is room
std::string PeerProcess::send_pattern(Words& words) {
  Socket* const socket = find(words);
  std::uint64_t count = 0;
  std::string fin;
  words >> count >> fin;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  socket->to_send += count;
  socket->finish_after = fin == "fin";
  push(*socket);
  return "ok";
}

/// write ID TEXT [oob]
std::string PeerProcess::write_text(Words& words) {
  Socket* const socket = find(words);
  std::string text;
  std::string oob;
  words >> text >> oob;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  const int flags = MSG_NOSIGNAL | (oob == "oob" ? MSG_OOB : 0);
  const ssize_t sent = ::send(socket->fd, text.data(), text.size(), flags);
  return sent < 0 ? failed() : "ok " + std::to_string(sent);
}

/// read ID COUNT -> TEXT: waits for that many bytes, or for the end
std::string PeerProcess::read_text(Words& words) {
  Socket* const socket = find(words);
  std::size_t count = 0;
  words >> count;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  std::string text;
  while (text.size() < count) {
    char block[4096];
    if (!wait_for(socket->fd, POLLIN)) {
      return "error ETIMEDOUT " + text;
    }
    const ssize_t got = ::recv(socket->fd, block, std::min(count - text.size(), sizeof block), 0);
    if (got < 0) {
      return failed();
    }
    if (got == 0) {
      break;
    }
    text.append(block, static_cast<std::size_t>(got));
  }
  return "ok " + text;
}

/// end ID: waits for the other end's FIN behind no data, or says which error came instead
std::string PeerProcess::wait_end(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr || !wait_for(socket->fd, POLLIN)) {
    return failed(socket == nullptr ? EBADF : ETIMEDOUT);
  }
  char byte = 0;
  const ssize_t got = ::recv(socket->fd, &byte, 1, 0);
  return got == 0 ? "ok" : failed(got < 0 ? errno : EMSGSIZE);
}

std::string PeerProcess::sink(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr) {
    return failed(EBADF);
  }
  socket->sinks = true;
  return "ok";
}

std::string PeerProcess::echo(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr) {
    return failed(EBADF);
  }
  socket->echoes = true;
  return "ok";
}

/// received ID COUNT -> COUNT good|bad: waits until a sink holds that many
std::string PeerProcess::received(Words& words) {
  Socket* const socket = find(words);
  std::uint64_t count = 0;
  words >> count;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  while (socket->received < count && !socket->ended && wait_for(socket->fd, POLLIN)) {
    drain(*socket);
  }
  return "ok " + std::to_string(socket->received) + (socket->pattern_held ? " good" : " bad");
}

/// sendto ID ADDRESS PORT COUNT: a datagram of the letters a to z, again and again
std::string PeerProcess::send_datagram(Words& words) {
  Socket* const socket = find(words);
  std::string address;
  int port = 0;
  std::size_t count = 0;
  words >> address >> port >> count;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  std::string text(count, 'a');
  for (std::size_t i = 0; i < count; ++i) {
    text[i] = static_cast<char>('a' + i % 26);
  }
  const sockaddr_in to = internet_address(address, port);
  const ssize_t sent = ::sendto(socket->fd, text.data(), count, 0, generic(to), sizeof to);
  return sent < 0 ? failed() : "ok " + std::to_string(sent);
}

/// recvfrom ID -> SIZE ADDRESS PORT TEXT, of which the first 40 letters
std::string PeerProcess::receive_datagram(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr || !wait_for(socket->fd, POLLIN)) {
    return failed(socket == nullptr ? EBADF : ETIMEDOUT);
  }
  std::string block(65536, '\0');
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t got = ::recvfrom(socket->fd, block.data(), block.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 0) {
    return failed();
  }
  char name[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &from.sin_addr, name, sizeof name);
  block.resize(std::min<std::size_t>(static_cast<std::size_t>(got), 40));
  return "ok " + std::to_string(got) + ' ' + name + ' ' + std::to_string(ntohs(from.sin_port)) +
         ' ' + block;
}

/// shutdown ID HOW
std::string PeerProcess::shut_down(Words& words) {
  Socket* const socket = find(words);
  int how = 0;
  words >> how;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  return ::shutdown(socket->fd, how) < 0 ? failed() : "ok";
}

std::string PeerProcess::close_one(Words& words) {
  int id = 0;
  words >> id;
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) {
    return failed(EBADF);
  }
  ::close(found->second.fd);
  sockets_.erase(found);
  return "ok";
}

/// abort ID: closes with a reset
std::string PeerProcess::abort_one(Words& words) {
  int id = 0;
  words >> id;
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) {
    return failed(EBADF);
  }
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(found->second.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  ::close(found->second.fd);
  sockets_.erase(found);
  return "ok";
}

/// clear: every socket goes, connections with a reset, and so does what was for later
std::string PeerProcess::close_all(Words&) {
  const linger none{.l_onoff = 1, .l_linger = 0};
  for (const auto& [id, socket] : sockets_) {
    ::setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    ::close(socket.fd);
  }
  sockets_.clear();
  later_.clear();
  return "ok";
}

std::string PeerProcess::mute(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr) {
    return failed(EBADF);
  }
  drop_all_input(socket->fd);
  return "ok";
}

std::string PeerProcess::unmute(Words& words) {
  Socket* const socket = find(words);
  const int unused = 0;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  return ::setsockopt(socket->fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) < 0
             ? failed()
             : "ok";
}

/// option ID LEVEL NAME VALUE
std::string PeerProcess::set_option(Words& words) {
  Socket* const socket = find(words);
  int level = 0;
  int name = 0;
  int value = 0;
  words >> level >> name >> value;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  return ::setsockopt(socket->fd, level, name, &value, sizeof value) < 0 ? failed() : "ok";
}

/// state ID NUMBER: waits until TCP_INFO says so
std::string PeerProcess::wait_state(Words& words) {
  Socket* const socket = find(words);
  int wanted = 0;
  words >> wanted;
  if (socket == nullptr) {
    return failed(EBADF);
  }
  const int fd = socket->fd;
  return becomes_true([&] { return information_of(fd).tcpi_state == wanted; })
             ? "ok"
             : "error state is " + std::to_string(information_of(fd).tcpi_state);
}

/// acked ID: waits until nothing is in flight
std::string PeerProcess::wait_acknowledged(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr) {
    return failed(EBADF);
  }
  const int fd = socket->fd;
  return becomes_true([&] { return information_of(fd).tcpi_unacked == 0; }) ? "ok"
                                                                            : failed(ETIMEDOUT);
}

/// info ID -> STATE UNACKED DATA_SEGMENTS_IN
std::string PeerProcess::information(Words& words) {
  Socket* const socket = find(words);
  if (socket == nullptr) {
    return failed(EBADF);
  }
  struct {  // glibc's structure ends where the kernel's goes on.
    tcp_info known;
    std::uint64_t rates_and_bytes[4];
    std::uint32_t segments_out_and_in[2];
    std::uint32_t not_sent_and_rtt[2];
    std::uint32_t data_segments_in;
    std::uint32_t data_segments_out;
  } info{};
  socklen_t size = sizeof info;
  ::getsockopt(socket->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
  std::ostringstream answer;
  answer << "ok " << int{info.known.tcpi_state} << ' ' << info.known.tcpi_unacked << ' '
         << info.data_segments_in;
  return answer.str();
}

}  // namespace millrace::test
