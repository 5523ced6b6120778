#include "player.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "notice.hpp"
#include "packetdrill/interface.hpp"
#include "script_packet.hpp"

namespace millrace::test {

namespace {

using Numbers = std::map<std::string, long>;

const Numbers kErrors{{"EAGAIN", EAGAIN},
                      {"EINPROGRESS", EINPROGRESS},
                      {"EALREADY", EALREADY},
                      {"EISCONN", EISCONN},
                      {"ECONNREFUSED", ECONNREFUSED},
                      {"ECONNRESET", ECONNRESET},
                      {"EPIPE", EPIPE},
                      {"ETIMEDOUT", ETIMEDOUT},
                      {"ENOTCONN", ENOTCONN},
                      {"EINVAL", EINVAL},
                      {"EADDRINUSE", EADDRINUSE},
                      {"EBADF", EBADF},
                      {"ENOPROTOOPT", ENOPROTOOPT},
                      {"EHOSTUNREACH", EHOSTUNREACH},
                      {"EDEADLK", EDEADLK}};
const Numbers kBits{
    {"IN", EPOLLIN},        {"OUT", EPOLLOUT},          {"ERR", EPOLLERR},
    {"HUP", EPOLLHUP},      {"RDHUP", EPOLLRDHUP},      {"ET", static_cast<long>(EPOLLET)},
    {"PEEK", MSG_PEEK},     {"DONTWAIT", MSG_DONTWAIT}, {"WAITALL", MSG_WAITALL},
    {"MORE", MSG_MORE},     {"ZEROCOPY", MSG_ZEROCOPY}, {"RD", SHUT_RD},
    {"WR", SHUT_WR},        {"RDWR", SHUT_RDWR},        {"0", 0},
    {"FIONREAD", FIONREAD}, {"SIOCOUTQ", SIOCOUTQ},     {"SIOCOUTQNSD", SIOCOUTQNSD}};
struct OptionName {
  int level;
  int option;
};
const std::map<std::string, OptionName> kOptions{
    {"ERROR", {SOL_SOCKET, SO_ERROR}},         {"KEEPALIVE", {SOL_SOCKET, SO_KEEPALIVE}},
    {"REUSEADDR", {SOL_SOCKET, SO_REUSEADDR}}, {"RCVLOWAT", {SOL_SOCKET, SO_RCVLOWAT}},
    {"NODELAY", {IPPROTO_TCP, TCP_NODELAY}},   {"FASTOPEN", {IPPROTO_TCP, TCP_FASTOPEN}},
    {"KEEPIDLE", {IPPROTO_TCP, TCP_KEEPIDLE}}, {"KEEPINTVL", {IPPROTO_TCP, TCP_KEEPINTVL}},
    {"KEEPCNT", {IPPROTO_TCP, TCP_KEEPCNT}},   {"USER_TIMEOUT", {IPPROTO_TCP, TCP_USER_TIMEOUT}},
    {"CORK", {IPPROTO_TCP, TCP_CORK}},         {"ZEROCOPY", {SOL_SOCKET, SO_ZEROCOPY}},
    {"STAMPS", {SOL_SOCKET, SO_TIMESTAMPING}}, {"UNKNOWN", {IPPROTO_TCP, 9'999}}};

struct Line {
  std::string text;
  double start = 0;
  std::optional<double> end;
  std::vector<std::string> words;
  std::optional<std::string> result;
};

[[noreturn]] void refuse(const std::string& what) { throw std::runtime_error{what}; }

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

std::vector<Line> parse(std::string_view script) {
  std::vector<Line> lines;
  std::istringstream stream{std::string{script}};
  for (std::string text; std::getline(stream, text);) {
    text = text.substr(0, text.find('#'));
    Line line;
    line.text = text;
    line.words = split(text);
    if (line.words.empty()) {
      continue;
    }
    const std::string time = line.words.front();
    const std::size_t dots = time.find("...");
    line.start = std::stod(time.substr(0, dots));
    if (dots != std::string::npos) {
      line.end = std::stod(time.substr(dots + 3));
    }
    line.words.erase(line.words.begin());
    if (line.words.size() > 2 && line.words[line.words.size() - 2] == "=") {
      line.result = line.words.back();
      line.words.resize(line.words.size() - 2);
    }
    lines.push_back(line);
  }
  return lines;
}

long number_of(const std::string& text, const Numbers& names) {
  long sum = 0;
  std::istringstream stream{text};
  for (std::string word; std::getline(stream, word, '|');) {
    const auto found = names.find(word);
    sum |= found == names.end() ? std::stol(word) : found->second;
  }
  return sum;
}

class Player {
 public:
  Player(const std::string& flags, const std::function<void()>& before) {
    const char* const path = std::getenv("MILLRACE_SHIM");
    void* const library =
        path == nullptr ? nullptr : ::dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == nullptr) {
      refuse(path == nullptr ? "MILLRACE_SHIM does not name the shim" : ::dlerror());
    }
    using Init = void (*)(const char*, packetdrill_interface*);
    // POSIX promises that what dlsym hands out may be a function.
    Init init = nullptr;
    void* const symbol = ::dlsym(library, "packetdrill_interface_init");
    std::memcpy(&init, &symbol, sizeof(init));
    init(flags.c_str(), &table_);
    before();
    start_ = now();
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player() {
    if (blocked_.joinable()) {
      // A script that failed leaves a call that nothing ends any more.
      blocked_.detach();
      return;
    }
    for (const auto& [name, fd] : fds_) {
      table_.close(table_.userdata, fd);
    }
    table_.free(table_.userdata);
  }

  void play(const Line& line) {
    const std::string& verb = line.words.at(0);
    if (verb == ">") {
      expect(line);
      return;
    }
    pass_until(line.start);
    if (verb == "<") {
      inject(line);
    } else if (line.end) {
      start_blocking(line);
    } else if (verb == "notice") {
      const std::string found = read_notice(table_, fds_.at(line.words.at(1)), start_);
      if (found != line.result) {
        refuse("it told " + found);
      }
    } else if (verb != "wait") {
      check(line, call(line));
    }
  }
  void finish() { join(); }

 private:
  double now() {
    timeval time{};
    table_.gettimeofday(table_.userdata, &time, nullptr);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6 - start_;
  }
  /// As packetdrill has it: the last 20 microseconds by asking again and again.
  void pass_until(double target) {
    if (const double left = target - now(); left > 20e-6) {
      table_.usleep(table_.userdata, static_cast<useconds_t>(std::lround(left * 1e6)) - 20);
    }
    while (now() < target) {
    }
  }
  void check_time(double found, double wanted, const char* what) const {
    const double slack = std::max(0.004, 0.125 * std::abs(wanted - last_event_));
    if (std::abs(found - wanted) > slack) {
      refuse(std::string{what} + " at " + std::to_string(found));
    }
  }

  void inject(const Line& line) {
    ScriptPacket packet = packet_in(line);
    packet.local_port = local_port_;
    packet.remote_port = remote_port_;
    packet.ack += (packet.flags & ScriptPacket::kAck) != 0 ? isn_ : 0;
    if ((packet.flags & ScriptPacket::kSyn) != 0 && (packet.flags & ScriptPacket::kAck) == 0) {
      // A new connection of the peer's.
      packet.remote_port = remote_port_ = ++next_remote_port_;
      packet.local_port = local_port_ = kServerPort;
    }
    const auto bytes = bytes_of(packet);
    if (table_.netdev_send(table_.userdata, bytes.data(), bytes.size()) != 0) {
      refuse("the stack did not take the packet");
    }
    last_event_ = line.start;
  }

  void expect(const Line& line) {
    std::array<std::uint8_t, 65'536> buffer{};
    std::size_t count = buffer.size();
    long long time = 0;
    if (table_.netdev_receive(table_.userdata, buffer.data(), &count, &time) != 0 || count == 0) {
      refuse("no packet came");
    }
    const auto packet = packet_of(std::span{buffer}.first(count));
    if (!packet) {
      refuse("what came is no sound packet");
    }
    const ScriptPacket wanted = packet_in(line);
    if ((packet->flags & ScriptPacket::kSyn) != 0) {
      isn_ = packet->seq;
      local_port_ = packet->local_port;
      remote_port_ = packet->remote_port;
    }
    const std::uint32_t seq = packet->seq - isn_;
    const bool is_right = packet->flags == wanted.flags && seq == wanted.seq &&
                          packet->payload == wanted.payload &&
                          ((wanted.flags & ScriptPacket::kAck) == 0 || packet->ack == wanted.ack) &&
                          (!wanted.names_window || packet->window == wanted.window) &&
                          (!wanted.options || packet->options == wanted.options);
    if (!is_right) {
      refuse("instead: " + flags_text(packet->flags) + " seq " + std::to_string(seq) + " ack " +
             std::to_string(packet->ack) + " len " + std::to_string(packet->payload) + " win " +
             std::to_string(packet->window) + " opts " + packet->options.value_or(""));
    }
    check_time(static_cast<double>(time) / 1e6 - start_, line.start, "it left");
    last_event_ = line.start;
  }

  static ScriptPacket packet_in(const Line& line) {
    ScriptPacket packet;
    for (const char flag : line.words.at(1)) {
      packet.flags |= flag == 'S'   ? ScriptPacket::kSyn
                      : flag == 'F' ? ScriptPacket::kFin
                      : flag == 'R' ? ScriptPacket::kRst
                      : flag == 'P' ? ScriptPacket::kPsh
                                    : ScriptPacket::kAck;
    }
    for (std::size_t i = 2; i + 1 < line.words.size(); i += 2) {
      const std::string& name = line.words[i];
      if (name == "opts") {
        packet.options = line.words[i + 1];
        continue;
      }
      const auto value = static_cast<std::uint32_t>(std::stoul(line.words[i + 1]));
      if (name == "seq") {
        packet.seq = value;
      } else if (name == "ack") {
        packet.ack = value;
      } else if (name == "len") {
        packet.payload = value;
      } else if (name == "win") {
        packet.window = static_cast<std::uint16_t>(value);
        packet.names_window = true;
      } else if (name == "mss") {
        packet.mss = static_cast<std::uint16_t>(value);
      } else {
        refuse("unknown word " + name);
      }
    }
    return packet;
  }

  /// What it returned, or the error below zero.
  long call(const Line& line) {
    const std::string& verb = line.words.at(0);
    if (verb == "socket") {
      return name(line.words.at(1),
                  table_.socket(table_.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP));
    }
    const int fd = fds_.at(line.words.at(1));
    const long argument =
        line.words.size() > 2 && verb != "accept" && verb != "set" && verb != "get"
            ? number_of(line.words[2], kBits)
            : 0;
    errno = 0;
    const long result = call_on(verb, fd, argument, line);
    return result < 0 ? -errno : result;
  }

  long call_on(const std::string& verb, int fd, long argument, const Line& line) {
    void* const ud = table_.userdata;
    std::vector<char> buffer(static_cast<std::size_t>(
        verb == "read" || verb == "recv" || verb == "write" || verb == "send" ? argument : 0));
    const int number = static_cast<int>(argument);
    if (verb == "bind") {
      return with_address("192.168.0.1", argument, [&](const sockaddr* a, socklen_t n) {
        return table_.bind(ud, fd, a, n);
      });
    }
    if (verb == "connect") {
      return with_address("192.0.2.1", argument, [&](const sockaddr* a, socklen_t n) {
        return table_.connect(ud, fd, a, n);
      });
    }
    if (verb == "listen") {
      return table_.listen(ud, fd, number);
    }
    if (verb == "accept") {
      sockaddr_in peer{};
      socklen_t length = sizeof(peer);
      const int accepted =
          table_.accept(ud, fd, static_cast<sockaddr*>(static_cast<void*>(&peer)), &length);
      if (accepted >= 0 &&
          (ntohs(peer.sin_port) != remote_port_ || peer.sin_addr.s_addr != htonl(0xc0000201))) {
        refuse("accept named somebody else");
      }
      return accepted < 0 ? accepted : name(line.words.at(2), accepted);
    }
    if (verb == "read") {
      return table_.read(ud, fd, buffer.data(), buffer.size());
    }
    if (verb == "recv") {
      return table_.recv(ud, fd, buffer.data(), buffer.size(),
                         static_cast<int>(number_of(line.words.at(3), kBits)));
    }
    if (verb == "send") {
      return table_.send(ud, fd, buffer.data(), buffer.size(),
                         static_cast<int>(number_of(line.words.at(3), kBits)));
    }
    if (verb == "write") {
      return table_.write(ud, fd, buffer.data(), buffer.size());
    }
    return control(verb, fd, number, line);
  }

  long control(const std::string& verb, int fd, int number, const Line& line) {
    void* const ud = table_.userdata;
    if (verb == "shutdown") {
      return table_.shutdown(ud, fd, number);
    }
    if (verb == "close") {
      fds_.erase(line.words.at(1));
      return table_.close(ud, fd);
    }
    if (verb == "nonblock") {
      return table_.fcntl(ud, fd, F_SETFL, O_RDWR | O_NONBLOCK);
    }
    if (verb == "ioctl") {
      int value = -1;
      const int result = table_.ioctl(ud, fd, static_cast<unsigned long>(number), &value);
      return result < 0 ? result : value;
    }
    if (verb == "poll") {
      pollfd entry{.fd = fd, .events = static_cast<short>(number), .revents = 0};
      const int timeout = line.words.size() > 3 ? std::stoi(line.words[3]) : 0;
      const int result = table_.poll(ud, &entry, 1, timeout);
      return result < 0 ? result : entry.revents;
    }
    if (verb == "epoll") {
      return epoll(fd, static_cast<std::uint32_t>(number_of(line.words.at(2), kBits)));
    }
    const OptionName option = kOptions.at(line.words.at(2));
    int value = verb == "set" ? std::stoi(line.words.at(3)) : -1;
    socklen_t length = sizeof(value);
    if (verb == "set") {
      return table_.setsockopt(ud, fd, option.level, option.option, &value, length);
    }
    if (verb != "get") {
      refuse("unknown verb " + verb);
    }
    const int result = table_.getsockopt(ud, fd, option.level, option.option, &value, &length);
    return result < 0 ? result : value;
  }

  long epoll(int fd, std::uint32_t events) {
    void* const ud = table_.userdata;
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    int& set = sets_[fd];
    if (set == 0) {
      set = table_.epoll_create(ud, 1);
      if (set < 0 || table_.epoll_ctl(ud, set, EPOLL_CTL_ADD, fd, &event) != 0) {
        return -1;
      }
    }
    event = {};
    const int count = table_.epoll_wait(ud, set, &event, 1, 0);
    return count <= 0 ? count : static_cast<long>(std::uint32_t{event.events});
  }

  template <class Use>
  static int with_address(const char* text, long port, Use use) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr =
        htonl(std::string_view{text} == "192.0.2.1" ? 0xc0000201 : 0xc0a80001);
    return use(static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof(address));
  }

  int name(const std::string& name, int fd) {
    if (fd >= 0) {
      fds_[name] = fd;
    }
    return fd < 0 ? fd : 0;
  }

  static void check(const Line& line, long result) {
    const std::string& verb = line.words[0];
    const bool counts = verb == "read" || verb == "write" || verb == "recv" || verb == "send";
    const long usual = counts ? std::stol(line.words.at(2)) : 0;
    long wanted = usual;
    if (line.result) {
      const auto error = kErrors.find(*line.result);
      wanted = error == kErrors.end() ? number_of(*line.result, kBits) : -error->second;
    }
    if (result != wanted) {
      refuse("it returned " +
             (result < 0 ? std::strerror(static_cast<int>(-result)) : std::to_string(result)));
    }
  }

  // A call that blocks, on its own thread.
  void start_blocking(const Line& line) {
    join();
    blocking_ = line;
    blocked_tid_ = 0;
    blocked_result_.reset();
    blocked_ = std::thread{[this] {
      blocked_tid_ = static_cast<int>(::syscall(SYS_gettid));
      try {
        const long result = call(blocking_);
        const double end = now();
        check(blocking_, result);
        blocked_end_ = end;
      } catch (const std::exception& error) {
        blocked_problem_ = error.what();
      }
      is_over_ = true;
    }};
    while (blocked_tid_ == 0) {
      std::this_thread::yield();
    }
    while (!is_over_ && !is_asleep(blocked_tid_)) {
      std::this_thread::yield();
    }
    last_event_ = line.start;
  }

  static bool is_asleep(int thread) {
    std::ifstream file{"/proc/self/task/" + std::to_string(thread) + "/stat"};
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');
    return name_end != std::string::npos && text.substr(name_end + 2, 1) == "S";
  }

  void join() {
    if (!blocked_.joinable()) {
      return;
    }
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (!is_over_ && std::chrono::steady_clock::now() < patience) {
      std::this_thread::yield();
    }
    if (!is_over_) {
      refuse("still blocked: " + blocking_.text);
    }
    blocked_.join();
    is_over_ = false;
    if (!blocked_problem_.empty()) {
      refuse(blocking_.text + ": " + blocked_problem_);
    }
    if (std::abs(blocked_end_ - *blocking_.end) > 0.004) {
      refuse(blocking_.text + ": it ended at " + std::to_string(blocked_end_));
    }
  }

  static constexpr std::uint16_t kServerPort = 8'080;

  packetdrill_interface table_{};
  double start_ = 0;  // Since the epoch.
  double last_event_ = 0;
  std::map<std::string, int> fds_;
  std::map<int, int> sets_;
  std::uint32_t isn_ = 0;
  std::uint16_t local_port_ = 0;
  std::uint16_t remote_port_ = 0;
  std::uint16_t next_remote_port_ = 40'000;
  Line blocking_;
  std::thread blocked_;
  std::atomic<int> blocked_tid_ = 0;
  std::atomic<bool> is_over_ = false;
  std::optional<long> blocked_result_;
  std::string blocked_problem_;
  double blocked_end_ = 0;
};

}  // namespace

std::string play(std::string_view script, const std::string& flags,
                 const std::function<void()>& before) {
  std::string place = "the start";
  try {
    Player player{flags, before};
    for (const Line& line : parse(script)) {
      place = line.text;
      player.play(line);
    }
    place = "the end";
    player.finish();
    return {};
  } catch (const std::exception& error) {
    return place + ": " + error.what();
  }
}

}  // namespace millrace::test
