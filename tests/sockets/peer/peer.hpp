// The other end of the socket tests: a process with kernel sockets that does what lines on its
// standard input say and answers each with one line, "ok ..." or "error ENAME". It knows nothing of
// the tests and waits for nothing longer than five seconds.
#pragma once

#include <netinet/in.h>
#include <chrono>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::test {

class PeerProcess final {
 public:
  /// Until standard input ends.
  int run();

 private:
  using Clock = std::chrono::steady_clock;
  using Words = std::istringstream;
  using Command = std::string (PeerProcess::*)(Words&);

  struct Socket {
    int fd = -1;
    std::uint64_t to_send = 0;  ///< Bytes of the pattern still to go out as there is room.
    std::uint64_t sent = 0;     ///< Where the pattern goes on.
    std::uint64_t received = 0;
    bool pattern_held = true;
    bool finish_after = false;  ///< A FIN follows the last byte.
    bool sinks = false;   ///< Whatever arrives is counted, compared with the pattern and forgotten.
    bool echoes = false;  ///< Whatever arrives goes back, until its end, which is answered in kind.
    bool ended = false;   ///< The other end's FIN, or its reset, has been seen.
  };
  struct Later {
    Clock::time_point when;
    std::string line;
  };

  static const std::map<std::string, Command>& commands();
  std::string obey(const std::string& line);
  void read_input();
  void obey_what_is_due();
  int milliseconds_to_next() const;
  void serve(Socket& socket);
  void push(Socket& socket);
  void drain(Socket& socket);

  std::string make_listener(Words& words);
  std::string accept_one(Words& words);
  std::string bind_stream(Words& words);
  std::string connect_stream(Words& words);
  std::string wait_connected(Words& words);
  std::string make_datagram(Words& words);

  std::string send_pattern(Words& words);
  std::string write_text(Words& words);
  std::string read_text(Words& words);
  std::string wait_end(Words& words);
  std::string sink(Words& words);
  std::string echo(Words& words);
  std::string received(Words& words);
  std::string send_datagram(Words& words);
  std::string receive_datagram(Words& words);

  std::string shut_down(Words& words);
  std::string close_one(Words& words);
  std::string abort_one(Words& words);
  std::string close_all(Words& words);
  std::string mute(Words& words);
  std::string unmute(Words& words);
  std::string set_option(Words& words);
  std::string wait_state(Words& words);
  std::string wait_acknowledged(Words& words);
  std::string information(Words& words);
  std::string schedule(Words& words);

  Socket* find(Words& words);
  std::string take(int fd);

  std::map<int, Socket> sockets_;
  std::vector<Later> later_;
  std::string input_;
  int next_ = 1;
  bool ended_ = false;
};

}  // namespace millrace::test
