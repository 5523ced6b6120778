// The public SendQueue: a ring of bytes in front of TcpSocket::send. It allocates in its
// constructor alone.
#include <millrace/send_queue.hpp>

#include <algorithm>

namespace millrace {

namespace {

/// Data and an end that are asked for too early wait until `on_connected`.
bool is_opening(TcpSocket socket) {
  const TcpState state = socket.state();
  return state == TcpState::SynSent || state == TcpState::SynReceived;
}

/// How much the connection takes now; none is no failure if it may take some later.
Result<std::size_t> pass(TcpSocket socket, std::span<const std::byte> data) {
  const Result<std::size_t> taken = socket.send(data);
  const bool is_for_later =
      !taken && (taken.error() == Error::WouldBlock || taken.error() == Error::OutOfPackets ||
                 (taken.error() == Error::InvalidState && is_opening(socket)));
  return is_for_later ? Result<std::size_t>{0} : taken;
}

}  // namespace

SendQueue& SendQueue::operator=(SendQueue&& other) noexcept {
  if (this != &other) {
    memory_ = std::exchange(other.memory_, {});
    begin_ = std::exchange(other.begin_, 0);
    size_ = std::exchange(other.size_, 0);
    end_ = std::exchange(other.end_, End::None);
  }
  return *this;
}

Result<void> SendQueue::send(TcpSocket socket, std::span<const std::byte> data) {
  if (end_ != End::None) {
    return fail(Error::InvalidState);
  }
  if (data.size() > capacity()) {
    return fail(Error::InvalidArgument);
  }
  if (Result<void> flushed = flush(socket); !flushed) {
    return flushed;
  }
  if (data.size() > room()) {
    return fail(Error::WouldBlock);
  }
  // Nothing may overtake what is kept.
  const Result<std::size_t> taken = empty() ? pass(socket, data) : Result<std::size_t>{0};
  if (!taken) {
    return fail(taken.error());
  }
  keep(data.subspan(*taken));
  return {};
}

Result<void> SendQueue::send(TcpSocket socket, std::string_view text) {
  return send(socket, std::as_bytes(std::span{text}));
}

Result<void> SendQueue::flush(TcpSocket socket) {
  while (!empty()) {
    const std::span<const std::byte> piece = first_piece();
    const Result<std::size_t> taken = pass(socket, piece);
    if (!taken) {
      return fail(taken.error());
    }
    size_ -= *taken;
    begin_ += *taken;
    begin_ = begin_ == capacity() ? 0 : begin_;
    if (*taken < piece.size()) {
      return {};
    }
  }
  return is_ending() ? finish(socket) : Result<void>{};
}

Result<void> SendQueue::close(TcpSocket socket) { return end(socket, End::Close); }

Result<void> SendQueue::shutdown(TcpSocket socket) { return end(socket, End::Shutdown); }

void SendQueue::clear() noexcept {
  begin_ = 0;
  size_ = 0;
  end_ = End::None;
}

Result<void> SendQueue::end(TcpSocket socket, End how) {
  // Who closes after `shutdown` means it; a `shutdown` after `close` has nothing to add.
  if (end_ == End::None || how == End::Close) {
    end_ = how;
  }
  return flush(socket);
}

Result<void> SendQueue::finish(TcpSocket socket) {
  Result<void> finished = end_ == End::Close ? socket.close() : socket.shutdown();
  if (!finished && is_opening(socket)) {
    return {};
  }
  if (finished) {
    end_ = End::Done;
  }
  return finished;
}

/// There is room.
void SendQueue::keep(std::span<const std::byte> data) noexcept {
  const std::size_t to_wrap = capacity() - begin_;
  const std::size_t end = size_ < to_wrap ? begin_ + size_ : size_ - to_wrap;
  const std::size_t behind = std::min(data.size(), capacity() - end);
  std::ranges::copy(data.first(behind), memory_.begin() + static_cast<std::ptrdiff_t>(end));
  std::ranges::copy(data.subspan(behind), memory_.begin());
  size_ += data.size();
}

std::span<const std::byte> SendQueue::first_piece() const noexcept {
  return std::span{memory_}.subspan(begin_, std::min(size_, capacity() - begin_));
}

}  // namespace millrace
