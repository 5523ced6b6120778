// The members of the public classes, over FakeConnection.
#include "fake_stack.hpp"

#include <algorithm>
#include <chrono>

namespace millrace {

Result<std::size_t> TcpSocket::send(std::span<const std::byte> data) const {
  stack::FakeConnection& connection = stack_->connection;
  if (connection.is_closed || connection.is_aborted || connection.is_shut_down) {
    return fail(Error::InvalidState);
  }
  if (connection.lacks_packets) {
    return fail(Error::OutOfPackets);
  }
  if (connection.room == 0) {
    return fail(Error::WouldBlock);
  }
  const std::size_t count = std::min(data.size(), connection.room);
  for (const std::byte byte : data.first(count)) {
    connection.sent += std::to_integer<char>(byte);
  }
  connection.room -= count;
  return count;
}

Result<std::size_t> TcpSocket::receive(std::span<std::byte> into) const {
  stack::FakeConnection& connection = stack_->connection;
  if (connection.to_read.empty()) {
    return fail(connection.peer_finished ? Error::EndOfStream : Error::WouldBlock);
  }
  const std::size_t count = std::min(into.size(), connection.to_read.size());
  std::ranges::transform(connection.to_read.substr(0, count), into.begin(),
                         [](char c) { return static_cast<std::byte>(c); });
  connection.to_read.erase(0, count);
  return count;
}

std::size_t TcpSocket::writable() const { return stack_->connection.room; }
std::size_t TcpSocket::unacknowledged() const { return stack_->connection.untaken; }
Result<void> TcpSocket::shutdown() const {
  stack_->connection.is_shut_down = true;
  return {};
}
Result<void> TcpSocket::close() const {
  stack_->connection.is_closed = true;
  return {};
}
Result<void> TcpSocket::abort() const {
  stack_->connection.is_aborted = true;
  return {};
}
Result<void> TcpSocket::set_no_delay(bool) const { return {}; }
Result<void> TcpSocket::set_keepalive(const std::optional<KeepaliveOptions>& /*options*/) const {
  return {};
}
Result<void> TcpSocket::set_user_data(void* data) const {
  stack_->connection.user_data = data;
  return {};
}
void* TcpSocket::user_data() const { return stack_->connection.user_data; }

std::size_t TcpSocket::readable() const { return stack_->connection.to_read.size(); }
bool TcpSocket::is_open() const { return stack_ != nullptr && !stack_->connection.is_gone; }
Result<FourTuple> TcpSocket::endpoints() const { return FourTuple{}; }
Result<void> TcpListener::close() const {
  if (stack_ != nullptr) {
    stack_->is_listening = false;
  }
  return {};
}
std::string Endpoint::to_string() const { return "198.18.0.1:80"; }

Buffer::~Buffer() = default;

std::string_view to_string(Error) noexcept { return "an error"; }

}  // namespace millrace

bool FakeWorker::run_due_timer() {
  const auto due = std::ranges::find_if(timers_, [&](const auto& t) { return t.first <= now_; });
  if (due == timers_.end()) {
    return false;
  }
  millrace::InlineFunction function = std::move(due->second);
  timers_.erase(due);
  function();
  return true;
}

void FakeWorker::settle() {
  while (!work_.empty() || run_due_timer()) {
    if (work_.empty()) {
      continue;
    }
    auto [work, done] = std::move(work_.front());
    work_.erase(work_.begin());
    work();
    done();
  }
}

void FakeWorker::pass(millrace::Duration time) {
  for (const millrace::Instant end = now_ + time; now_ < end; settle()) {
    now_ += std::chrono::seconds{1};
  }
}
