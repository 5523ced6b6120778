// What the socket tests stand on: the peer process and its commands, waiting for conditions while
// the stack goes on working, and descriptors and connections that close themselves. Failures are
// thrown, so that a test says only what it is about.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "calls.hpp"

namespace millrace::test {

inline constexpr int kLimitMilliseconds = 5000;

/// Where this program and its peer are: SOCKETS_OWN_ADDRESS and SOCKETS_PEER_ADDRESS.
[[nodiscard]] const std::string& own_address();
[[nodiscard]] const std::string& peer_address();

[[nodiscard]] sockaddr_in internet_address(std::string_view address, int port);
[[nodiscard]] sockaddr_in peer_at(int port);
[[nodiscard]] sockaddr* generic(sockaddr_in& address);
[[nodiscard]] const sockaddr* generic(const sockaddr_in& address);
/// "address:port"
[[nodiscard]] std::string text_of(const sockaddr_in& address);

/// "EAGAIN"; "0" for zero.
[[nodiscard]] std::string name_of_error(int error);

/// True once the condition is, false if it is not within the limit. The stack works on meanwhile.
[[nodiscard]] bool wait_until(const std::function<bool()>& condition,
                              int milliseconds = kLimitMilliseconds);
/// Throws, with this text, where `wait_until` would say false.
void insist(const std::function<bool()>& condition, std::string_view what);
/// Lets the stack work for about that long, for what must not happen in the meantime.
void pass_time(int milliseconds);
[[nodiscard]] std::int64_t now_milliseconds();

/// The process at the other end. One line each way; an answer other than "ok" is thrown unless it
/// is asked for.
class Peer final {
 public:
  static Peer& the();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer();

  /// Returns what follows "ok".
  std::string ask(const std::string& command);
  /// The answer as it is: "ok ..." or "error ENAME".
  std::string answer_to(const std::string& command);
  /// The words of an answer as numbers; zero for one that is none.
  std::vector<int> numbers(const std::string& command);
  /// That many milliseconds from now, without waiting here.
  void later(int milliseconds, const std::string& command);

 private:
  Peer();
  void start();

  int to_ = -1;
  int from_ = -1;
  int process_ = -1;
  std::string input_;
};

class Descriptor final {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_{fd} {}
  Descriptor(Descriptor&& other) noexcept : fd_{other.release()} {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  operator int() const noexcept { return fd_; }
  int release() noexcept;
  void close() noexcept;

 private:
  int fd_ = -1;
};

struct Connection {
  Descriptor own;
  int peer = 0;  ///< The peer's number of its end.
  int own_port = 0;
  int peer_port = 0;

  /// What to ask the peer about its end: tell("write", "hello").
  std::string tell(const std::string& command, const std::string& rest = "") const;
};

/// A stream socket; `flags` as SOCK_NONBLOCK.
[[nodiscard]] Descriptor stream_socket(int flags = 0);
[[nodiscard]] Descriptor datagram_socket(int flags = 0);
/// Bound to a port that the stack chooses, and listening.
[[nodiscard]] Descriptor listening_socket(int backlog = 16, int flags = 0);
[[nodiscard]] int port_of(int fd);

/// Established by connecting to the peer; `prepare` may set options before. The socket blocks
/// unless told.
[[nodiscard]] Connection connect_to_peer(int flags = 0,
                                         const std::function<void(int)>& prepare = {});
/// Established by accepting the peer's connection.
[[nodiscard]] Connection accept_from_peer(int flags = 0);

/// Of TCP_INFO.
[[nodiscard]] int state_of(int fd);
void insist_on_state(int fd, int state);
[[nodiscard]] int integer_option(int fd, int level, int name);
void set_option(int fd, int level, int name, int value);
[[nodiscard]] int bytes_readable(int fd);
/// Until that many bytes wait to be read.
void insist_on_readable(int fd, int bytes);
/// The events of these that hold at once, with POLLERR and POLLHUP where they do.
[[nodiscard]] int events_now(int fd, int events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP);
/// Waits for one of these; returns what poll says.
[[nodiscard]] int events_soon(int fd, int events);
/// "IN OUT", "-" for none.
[[nodiscard]] std::string text_of_events(int events);

/// Reads until that many bytes are there, or the end, on a socket of either kind.
[[nodiscard]] std::string read_exactly(int fd, std::size_t bytes);
/// One read of at most that many bytes: the text, "end", or the error's name.
[[nodiscard]] std::string read_once(int fd, std::size_t bytes = 4096);
/// Writes all of it.
void write_all(int fd, std::string_view text);

}  // namespace millrace::test
