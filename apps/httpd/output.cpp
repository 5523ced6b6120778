// Every send goes through `offer`, which alone decides whether there is more to come.
#include "httpd/output.hpp"

namespace httpd {

void Output::say(std::string_view text) {
  std::size_t taken = 0;
  if (waiting_.empty()) {
    taken = offer(std::as_bytes(std::span{text}));
  }
  if (taken < text.size() && !has_failed_) {
    waiting_.append(text.substr(taken));
  }
}

std::size_t Output::offer(std::span<const std::byte> bytes) {
  if (bytes.empty() || is_blocked_ || has_failed_) {
    return 0;
  }
  const auto taken = socket_.send(bytes);
  if (!taken) {
    *lacks_packets_ = *lacks_packets_ || taken.error() == millrace::Error::OutOfPackets;
    is_blocked_ = taken.error() == millrace::Error::WouldBlock ||
                  taken.error() == millrace::Error::OutOfPackets;
    has_failed_ = !is_blocked_;
    return 0;
  }
  is_blocked_ = *taken < bytes.size();
  sent_ += *taken;
  return *taken;
}

std::size_t Output::room() {
  const std::size_t room = is_blocked_ || has_failed_ ? 0 : socket_.writable();
  is_blocked_ = is_blocked_ || room == 0;
  return room;
}

bool Output::flush() {
  if (waiting_.empty()) {
    return true;
  }
  waiting_.erase(0, offer(std::as_bytes(std::span{waiting_})));
  if (!waiting_.empty()) {
    return false;
  }
  waiting_ = {};
  return true;
}

}  // namespace httpd
