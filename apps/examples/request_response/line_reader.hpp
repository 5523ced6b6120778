// LineReader: cuts what arrives on a connection into lines. A line may come in many pieces, and
// many lines in one.
#pragma once

#include <string>
#include <string_view>

#include <millrace/tcp.hpp>

namespace example {

class LineReader {
 public:
  static constexpr std::size_t kLineBytesMax = 1000;

  /// Takes all that can be read and calls `on_line` for each whole line, without its end. False if
  /// a line is longer than anybody means it to be.
  template <class OnLine>
  bool read(millrace::TcpSocket socket, OnLine on_line) {
    for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
      begun_ += millrace::as_text(bytes);
      socket.consume(bytes.size());
      std::size_t start = 0;
      for (std::size_t end = begun_.find('\n'); end != std::string::npos;
           end = begun_.find('\n', start)) {
        on_line(std::string_view{begun_}.substr(start, end - start));
        start = end + 1;
      }
      begun_.erase(0, start);
      if (begun_.size() > kLineBytesMax) {
        return false;
      }
    }
    return true;
  }

 private:
  std::string begun_;  // The line whose end has not come.
};

}  // namespace example
