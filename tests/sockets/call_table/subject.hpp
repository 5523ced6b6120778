// The parts of the table: a socket brought into a state (Subject), how to bring it there (State),
// what is called then (Call), and what came of it (text). A row knows nothing of a column.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "../bed.hpp"

namespace millrace::test {

/// Which calls meet which states: where they share a bit.
enum Group : unsigned {
  kStreams = 1,
  kDatagrams = 2,
  kOptions = 4,  ///< Options are many, so only a few states see them all.
};

/// What the peer, and this end, keep ready for all subjects.
struct Ground {
  int listener = 0;  ///< The peer's number of its listening socket.
  int listening_port = 0;
  int silent_port = 0;    ///< Nothing there ever answers.
  int refusing_port = 0;  ///< Resets come from there.
  int datagram_socket = 0;
  int datagram_port = 0;
  Descriptor occupied;  ///< A port of this end that is listened on.
  int occupied_port = 0;

  Ground();
};

struct Subject {
  Descriptor own;
  int number = -1;  ///< Of the descriptor, also once it is closed.
  bool is_datagram = false;
  int peer = 0;  ///< The peer's number of its end; 0 for none.
  /// Whom it is connected to, or would connect to.
  int peer_port = 0;

  void tell(const std::string& command, const std::string& rest = "") const;
};

struct State {
  std::string_view name;
  unsigned groups = kStreams;
  void (*begin)(const Ground&, Subject&) = nullptr;
  /// What takes long is waited for here, when all subjects of the state have begun.
  void (*settle)(const Subject&) = nullptr;
};

struct Call {
  std::string name;
  unsigned groups = kStreams | kDatagrams;
  std::function<std::string(const Ground&, Subject&)> act;
};

[[nodiscard]] const std::vector<State>& states();

/// The calls, by topic.
void add_life_calls(std::vector<Call>& calls);
void add_data_calls(std::vector<Call>& calls);
void add_waiting_calls(std::vector<Call>& calls);
void add_option_calls(std::vector<Call>& calls);

/// "-1 EAGAIN", or the number with the detail. To be called before anything else can change errno.
[[nodiscard]] std::string outcome(long result, const std::string& detail = "");

/// A null pointer that the compiler does not see through.
template <typename T>
[[nodiscard]] T* nowhere() {
  static T* volatile pointer = nullptr;
  return pointer;
}

/// The socket blocks, and gives up after 10 ms.
void let_block_briefly(int fd);

}  // namespace millrace::test
