// millrace-chat: a chat room. What one member writes, every other reads, line by line; try it with
// several netcats. It shows state per connection, sending to many, and limits against members who
// send without end or do not read.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/program.hpp>

namespace {

constexpr std::size_t kLineBytesMax = 1000;
constexpr std::size_t kMembersMax = 1000;

struct Member {
  millrace::TcpSocket socket;
  std::string name;
  std::string line;  ///< Begun and not yet ended.
};

/// All members of one core. A line costs each of them one `send`; nobody is waited for.
class Room final : public millrace::TcpHandler {
 public:
  void on_accepted(millrace::TcpSocket socket) override {
    if (members_.size() >= kMembersMax) {
      socket.send("the room is full\n");
      socket.close();
      return;
    }
    auto member = std::make_unique<Member>(socket, "guest" + std::to_string(++guests_), "");
    socket.set_user_data(member.get());
    socket.set_no_delay(true);  // Lines are short and somebody waits for them.
    tell_all_but(member.get(), member->name + " comes in\n");
    members_.push_back(std::move(member));
    tell(*members_.back(),
         "you are " + members_.back()->name + " of " + std::to_string(members_.size()) + "\n");
  }

  void on_readable(millrace::TcpSocket socket) override {
    auto* const member = socket.user_data_as<Member>();
    for (auto bytes = socket.peek(); member != nullptr && !bytes.empty(); bytes = socket.peek()) {
      for (const char character : millrace::as_text(bytes)) {
        take(*member, character);
      }
      socket.consume(bytes.size());
    }
  }

  void on_peer_finished(millrace::TcpSocket socket) override {
    leave(socket);
    socket.close();  // What waits to be sent still goes.
  }
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> /*outcome*/) override {
    leave(socket);
  }

 private:
  void leave(millrace::TcpSocket socket) {
    const auto* const gone = socket.user_data_as<Member>();
    if (gone == nullptr) {
      return;  // Left before, or never came in.
    }
    socket.set_user_data(nullptr);
    const auto place = std::ranges::find(members_, gone, &std::unique_ptr<Member>::get);
    const std::unique_ptr<Member> member = std::move(*place);
    members_.erase(place);
    tell_all_but(nullptr, member->name + " goes\n");
  }

  /// Control characters could reach into the others' terminals; they are left out.
  void take(Member& member, char character) {
    if (character == '\n') {
      tell_all_but(&member, member.name + ": " + member.line + '\n');
      member.line.clear();
    } else if (member.line.size() == kLineBytesMax) {
      tell(member, "lines must be shorter\n");
      member.line.clear();
    } else if (static_cast<unsigned char>(character) >= ' ' && character != '\x7f') {
      member.line += character;
    }
  }

  void tell_all_but(const Member* speaker, std::string_view line) {
    for (const std::unique_ptr<Member>& member : members_) {
      if (member.get() != speaker) {
        tell(*member, line);
      }
    }
  }

  /// A member whose send buffer is full has not read for long: better without than behind.
  static void tell(Member& member, std::string_view line) {
    if (member.socket.send(line).value_or(0) < line.size()) {
      member.socket.abort();  // on_closed follows later, so no member goes while we count them.
    }
  }

  std::vector<std::unique_ptr<Member>> members_;
  unsigned guests_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  millrace::Port port{4000};
  Room room;
  millrace::Program program{"millrace-chat", "A chat room for netcats."};
  program.option("-p,--port", port, "Where to listen").suggest("nc {address} 4000");
  return program.run(argc, argv, [&](millrace::Worker& worker) {
    const auto listener = worker.listen({.port = port}, room);
    return listener ? millrace::Result<void, std::string>{}
                    : millrace::fail(std::string{to_string(listener.error())});
  });
}
