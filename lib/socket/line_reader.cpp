// The public LineReader: copies each line together, so that a connection's packets are free before
// the application looks at it. It allocates in its constructor alone.
#include <millrace/line_reader.hpp>

#include <algorithm>

#include <millrace/buffer.hpp>

namespace millrace {

std::optional<std::string_view> LineReader::next(TcpSocket socket) {
  if (has_ended_) {
    size_ = 0;
    has_ended_ = false;
  }
  while (!is_too_long_) {
    const std::string_view text = as_text(socket.peek());
    if (text.empty()) {
      return std::nullopt;
    }
    const std::string_view piece = text.substr(0, text.find('\n'));
    const bool is_whole = piece.size() < text.size();
    if (!is_skipping_ && !has_room_for(piece)) {
      is_too_long_ = true;
      return std::nullopt;
    }
    if (is_skipping_) {
      is_skipping_ = !is_whole;
    } else {
      append(piece);
      has_ended_ = is_whole;
    }
    static_cast<void>(socket.consume(piece.size() + (is_whole ? 1 : 0)));
    if (has_ended_) {
      const std::string_view line{memory_.data(), size_};
      return line.ends_with('\r') ? line.substr(0, size_ - 1) : line;
    }
  }
  return std::nullopt;
}

void LineReader::skip_line() noexcept {
  is_skipping_ = is_skipping_ || is_too_long_ || !begun().empty();
  is_too_long_ = false;
  size_ = 0;
  has_ended_ = false;
}

std::string_view LineReader::begun() const noexcept {
  return has_ended_ ? std::string_view{} : std::string_view{memory_.data(), size_};
}

void LineReader::clear() noexcept {
  size_ = 0;
  has_ended_ = false;
  is_too_long_ = false;
  is_skipping_ = false;
}

/// The last place is for a '\r' that may belong to the line's end.
bool LineReader::has_room_for(std::string_view piece) const noexcept {
  const std::size_t total = size_ + piece.size();
  const char last = piece.empty() ? '\r' : piece.back();
  return total <= line_bytes_max() || (total == line_bytes_max() + 1 && last == '\r');
}

void LineReader::append(std::string_view piece) noexcept {
  std::ranges::copy(piece, memory_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += piece.size();
}

}  // namespace millrace
