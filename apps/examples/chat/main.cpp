// millrace-chat: a chat room. What one member writes, every other reads, line by line; try it with
// several netcats. It shows state per connection, sending to many, and limits against members who
// send without end or do not read.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/program.hpp>

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLineBytesMax = 1000;
constexpr std::size_t kBehindBytesMax = 16 * 1024;
constexpr std::size_t kMembersMax = 1000;

/// All of its memory is taken when it comes in.
struct Member {
  millrace::TcpSocket socket;
  std::string name;
  bool is_present = true;  ///< Not any more while the last lines to it are still on their way.
  millrace::LineReader lines{kLineBytesMax};
  millrace::SendQueue out{kBehindBytesMax};
};

/// Control characters could reach into the others' terminals.
std::string printable(std::string_view line) {
  std::string text{line};
  std::erase_if(text,
                [](char each) { return static_cast<unsigned char>(each) < ' ' || each == '\x7f'; });
  return text;
}

/// All members of one core. A line costs each of them one `send`; nobody is waited for.
class Room final : public millrace::TcpHandler {
 public:
  millrace::Result<void, std::string> open(millrace::Worker& worker, millrace::Port port) {
    worker_ = &worker;
    const auto listener = worker.listen({.port = port}, *this);
    return listener ? millrace::Result<void, std::string>{}
                    : millrace::fail("listen", listener.error());
  }

  void on_accepted(millrace::TcpSocket socket) override {
    if (members_.size() >= kMembersMax) {
      socket.send("the room is full\n");
      socket.close();
      return;
    }
    auto member = std::make_unique<Member>(socket, "guest" + std::to_string(++guests_));
    socket.set_user_data(member.get());
    socket.set_no_delay(true);  // Lines are short and somebody waits for them.
    tell_all_but(member.get(), member->name + " comes in\n");
    members_.push_back(std::move(member));
    const auto present =
        std::ranges::count_if(members_, [](auto& each) { return each->is_present; });
    tell(*members_.back(),
         "you are " + members_.back()->name + " of " + std::to_string(present) + "\n");
  }

  void on_readable(millrace::TcpSocket socket) override {
    Member& member = *socket.user_data_as<Member>();
    while (true) {
      if (const auto line = member.lines.next(socket)) {
        tell_all_but(&member, member.name + ": " + printable(*line) + '\n');
      } else if (member.lines.is_too_long()) {
        tell(member, "lines must be shorter\n");
        member.lines.skip_line();
      } else {
        return;
      }
    }
  }

  void on_writable(millrace::TcpSocket socket) override {
    socket.user_data_as<Member>()->out.flush(socket);
  }

  void on_peer_finished(millrace::TcpSocket socket) override {
    Member& member = *socket.user_data_as<Member>();
    leave(member);
    member.out.close(socket);  // What waits to be sent still goes, but not for ever.
    if (member.out.is_ending() && !worker_->after(10s, [socket] { socket.abort(); })) {
      socket.abort();
    }
  }

  void on_closed(millrace::TcpSocket socket, millrace::Result<void> /*outcome*/) override {
    auto* const gone = socket.user_data_as<Member>();
    if (gone == nullptr) {
      return;  // Never came in.
    }
    leave(*gone);
    members_.erase(std::ranges::find(members_, gone, &std::unique_ptr<Member>::get));
  }

 private:
  void leave(Member& member) {
    if (std::exchange(member.is_present, false)) {
      tell_all_but(&member, member.name + " goes\n");
    }
  }

  void tell_all_but(const Member* speaker, std::string_view line) {
    for (const std::unique_ptr<Member>& member : members_) {
      if (member.get() != speaker && member->is_present) {
        tell(*member, line);
      }
    }
  }

  /// A member whose queue is full has not read for long: better without than behind.
  static void tell(Member& member, std::string_view line) {
    if (!member.out.send(member.socket, line)) {
      member.socket.abort();  // on_closed follows later, so no member goes while we count them.
    }
  }

  millrace::Worker* worker_ = nullptr;
  std::vector<std::unique_ptr<Member>> members_;
  unsigned guests_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  millrace::Port port{4000};
  Room room;
  millrace::Program program{"millrace-chat", "A chat room for netcats."};
  program.option("-p,--port", port, "Where to listen").suggest("nc {address} 4000");
  return program.run(argc, argv, [&](auto& worker) { return room.open(worker, port); });
}
