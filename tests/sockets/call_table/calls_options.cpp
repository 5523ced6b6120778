// getsockopt and setsockopt for each option: right, short, absurd and absent values, and what is
// got back.
#include <cerrno>
#include <cstring>
#include <vector>

#include "subject.hpp"

namespace millrace::test {
namespace {

enum class Shape {
  Integer,
  Size,  ///< An integer that depends on the machine's settings: its value is not shown unless it
         ///< was set.
  Linger,
  Time,
  Text,
  Bytes,  ///< Of a length that is shown, and nothing else.
};

struct Option {
  const char* text;
  int level;
  int name;
  Shape shape;
  int right = 1;  ///< A value that can be set.
};

// Not in all headers.
constexpr int kTcpFastopenConnect = 30;
constexpr int kTcpInq = 36;
constexpr int kTcpCcInfo = 26;
constexpr int kSoMeminfo = 55;

constexpr Option kOptionTable[] = {
    {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, Shape::Integer},
    {"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, Shape::Integer},
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, Shape::Integer},
    {"SO_LINGER", SOL_SOCKET, SO_LINGER, Shape::Linger},
    {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, Shape::Size, 20000},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, Shape::Size, 20000},
    {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, Shape::Integer, 3},
    {"SO_RCVTIMEO", SOL_SOCKET, SO_RCVTIMEO, Shape::Time},
    {"SO_SNDTIMEO", SOL_SOCKET, SO_SNDTIMEO, Shape::Time},
    {"SO_ERROR", SOL_SOCKET, SO_ERROR, Shape::Integer},
    {"SO_TYPE", SOL_SOCKET, SO_TYPE, Shape::Integer},
    {"SO_DOMAIN", SOL_SOCKET, SO_DOMAIN, Shape::Integer},
    {"SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL, Shape::Integer},
    {"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN, Shape::Integer},
    {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, Shape::Integer},
    {"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, Shape::Integer},
    {"SO_MEMINFO", SOL_SOCKET, kSoMeminfo, Shape::Bytes},
    {"SOL_SOCKET 9999", SOL_SOCKET, 9999, Shape::Integer},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, Shape::Integer},
    {"TCP_CORK", IPPROTO_TCP, TCP_CORK, Shape::Integer},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, Shape::Integer, 1000},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, Shape::Integer, 30},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, Shape::Integer, 30},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, Shape::Integer, 3},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, Shape::Integer, 9000},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, Shape::Integer, 3},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, Shape::Integer, 20},
    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, Shape::Integer, 5},
    {"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP, Shape::Size, 9000},
    {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, Shape::Integer},
    {"TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, Shape::Text},
    {"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN, Shape::Integer, 5},
    {"TCP_FASTOPEN_CONNECT", IPPROTO_TCP, kTcpFastopenConnect, Shape::Integer},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, Shape::Integer, 4000},
    {"TCP_INQ", IPPROTO_TCP, kTcpInq, Shape::Integer},
    {"TCP_CC_INFO", IPPROTO_TCP, kTcpCcInfo, Shape::Bytes},
    {"TCP_INFO", IPPROTO_TCP, TCP_INFO, Shape::Bytes},
    {"IPPROTO_TCP 9999", IPPROTO_TCP, 9999, Shape::Integer},
    {"IP_TOS", IPPROTO_IP, IP_TOS, Shape::Integer, 16},
    {"IP_TTL", IPPROTO_IP, IP_TTL, Shape::Integer, 9},
    {"IP_MTU", IPPROTO_IP, IP_MTU, Shape::Integer, 1000},
    {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, Shape::Integer, IP_PMTUDISC_DO},
    {"IP_RECVERR", IPPROTO_IP, IP_RECVERR, Shape::Integer},
    {"IPPROTO_IP 9999", IPPROTO_IP, 9999, Shape::Integer},
    {"level 99", 99, 1, Shape::Integer},
};

using Value = std::vector<char>;

template <typename T>
Value value_of(const T& thing) {
  Value made(sizeof thing);
  std::memcpy(made.data(), &thing, sizeof thing);
  return made;
}

Value right_value(const Option& option) {
  switch (option.shape) {
    case Shape::Linger: return value_of(linger{.l_onoff = 1, .l_linger = 7});
    case Shape::Time: return value_of(timeval{.tv_sec = 1, .tv_usec = 500000});
    case Shape::Text: return {'r', 'e', 'n', 'o'};
    case Shape::Integer:
    case Shape::Size:
    case Shape::Bytes: break;
  }
  return value_of(option.right);
}

/// Filled with bits, as a number -1; a time with too many microseconds; an algorithm that nobody
/// knows.
Value absurd_value(const Option& option) {
  switch (option.shape) {
    case Shape::Time: return value_of(timeval{.tv_sec = 1, .tv_usec = 5000000});
    case Shape::Text: return {'n', 'o', 'n', 'e'};
    case Shape::Integer:
    case Shape::Size:
    case Shape::Linger:
    case Shape::Bytes: break;
  }
  return Value(right_value(option).size(), '\xff');
}

std::string shown(const Option& option, const Value& value, socklen_t size, bool with_value) {
  const std::string length = "size=" + std::to_string(size);
  if (!with_value || size < sizeof(int)) {
    return length;
  }
  int first = 0;
  int second = 0;
  std::memcpy(&first, value.data(), sizeof first);
  std::memcpy(&second, value.data() + sizeof first, sizeof second);
  switch (option.shape) {
    case Shape::Integer:
    case Shape::Size: return length + " value=" + std::to_string(first);
    case Shape::Linger:
      return length + " value=" + std::to_string(first) + ',' + std::to_string(second);
    case Shape::Time: {
      timeval time{};
      std::memcpy(&time, value.data(), sizeof time);
      return length + " value=" + std::to_string(time.tv_sec) + "s+" +
             std::to_string(time.tv_usec) + "us";
    }
    case Shape::Text: return length + " value=" + std::string{value.data()};
    case Shape::Bytes: break;
  }
  return length;
}

std::string get(const Subject& subject, const Option& option, socklen_t room, bool with_value) {
  Value value(512, '\0');
  socklen_t size = room;
  const int result = api::getsockopt(subject.own, option.level, option.name, value.data(), &size);
  return outcome(result, result < 0 ? "" : shown(option, value, size, with_value));
}

socklen_t full_room(const Option& option) {
  switch (option.shape) {
    case Shape::Integer:
    case Shape::Size: return sizeof(int);
    case Shape::Linger: return sizeof(linger);
    case Shape::Time: return sizeof(timeval);
    case Shape::Text: return 16;
    case Shape::Bytes: break;
  }
  return 32;
}

std::string set(const Subject& subject, const Option& option, const Value& value, socklen_t size,
                bool with_value = true) {
  const int result = api::setsockopt(subject.own, option.level, option.name, value.data(), size);
  const std::string text = outcome(result);
  return result < 0 ? text : text + ", then " + get(subject, option, full_room(option), with_value);
}

void add_getting(std::vector<Call>& calls, const Option& option) {
  const std::string name = std::string{"getsockopt "} + option.text;
  const bool with_value = option.shape != Shape::Size;
  calls.push_back({name, kOptions, [option, with_value](const Ground&, Subject& subject) {
                     return get(subject, option, full_room(option), with_value);
                   }});
  for (const socklen_t room : {0U, 2U}) {
    calls.push_back({name + " size " + std::to_string(room), kOptions,
                     [option, room](const Ground&, Subject& subject) {
                       return get(subject, option, room, false);
                     }});
  }
  calls.push_back({name + " null", kOptions, [option](const Ground&, Subject& subject) {
                     socklen_t size = full_room(option);
                     return outcome(api::getsockopt(subject.own, option.level, option.name,
                                                    nowhere<void>(), &size));
                   }});
}

void add_setting(std::vector<Call>& calls, const Option& option) {
  const std::string name = std::string{"setsockopt "} + option.text;
  calls.push_back({name, kOptions, [option](const Ground&, Subject& subject) {
                     const Value value = right_value(option);
                     return set(subject, option, value, static_cast<socklen_t>(value.size()));
                   }});
  if (option.shape == Shape::Integer) {
    calls.push_back({name + " 0", kOptions, [option](const Ground&, Subject& subject) {
                       return set(subject, option, value_of(0), sizeof(int));
                     }});
  }
  calls.push_back(
      {name + " absurd", kOptions, [option](const Ground&, Subject& subject) {
         // What of it is kept depends on the machine's limits for buffers and on its clock's ticks.
         const bool with_value = option.shape != Shape::Size && option.shape != Shape::Linger;
         const Value value = absurd_value(option);
         return set(subject, option, value, static_cast<socklen_t>(value.size()), with_value);
       }});
  calls.push_back({name + " size 2", kOptions, [option](const Ground&, Subject& subject) {
                     return set(subject, option, right_value(option), 2);
                   }});
  calls.push_back({name + " null", kOptions, [option](const Ground&, Subject& subject) {
                     return outcome(api::setsockopt(subject.own, option.level, option.name,
                                                    nowhere<const void>(), full_room(option)));
                   }});
}

}  // namespace

void add_option_calls(std::vector<Call>& calls) {
  for (const Option& option : kOptionTable) {
    add_getting(calls, option);
    add_setting(calls, option);
  }
  // What a state is and what has gone wrong is asked in every state, beside the table above.
  static constexpr Option kError{"SO_ERROR", SOL_SOCKET, SO_ERROR, Shape::Integer};
  calls.push_back({"SO_ERROR twice", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     const std::string first = get(subject, kError, sizeof(int), true);
                     return first + ", " + get(subject, kError, sizeof(int), true);
                   }});
  static constexpr Option kAcceptConn{"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN, Shape::Integer};
  calls.push_back({"SO_ACCEPTCONN", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return get(subject, kAcceptConn, sizeof(int), true);
                   }});
  calls.push_back({"TCP_INFO state", kStreams,
                   [](const Ground&, Subject& subject) { return outcome(state_of(subject.own)); }});
}

}  // namespace millrace::test
