// LineReader: cuts what arrives on a connection into lines. Memory is taken once, by whoever makes
// the reader.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include <millrace/tcp.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// Gives a connection's bytes line by line. A line may come in many pieces, and many lines in one;
/// it ends with "\n" or "\r\n". One reader belongs to one connection; call `next` in its
/// `on_readable` until there is no more.
///
/// Memory: the constructor takes all of it, no call afterwards takes any, so make readers at start
/// or in `on_accepted`. Back-pressure: what is not asked for stays in the connection, whose window
/// then closes; to go on later, call `next` again, since what has arrived is no event any more. A
/// line that is too long stays there as well until `skip_line`. Use it on the core of its
/// connection.
///
///     struct Session final : millrace::TcpHandler {
///       void on_readable(millrace::TcpSocket socket) override {
///         while (const auto line = lines.next(socket)) {
///           words += static_cast<std::size_t>(std::ranges::count(*line, ' ')) + 1;
///         }
///         if (lines.is_too_long()) {
///           socket.abort();
///         }
///       }
///       millrace::LineReader lines{1000};
///       std::size_t words = 0;
///     };
class LineReader {
 public:
  /// Takes memory for lines of at most `line_bytes_max` bytes, their ends not counted.
  explicit LineReader(std::size_t line_bytes_max) : memory_(line_bytes_max + 1) {}
  /// Takes over what `other` has begun. `other` must not be used any more.
  LineReader(LineReader&& other) noexcept = default;
  /// Drops what is begun, then takes over what `other` has. `other` must not be used any more.
  LineReader& operator=(LineReader&& other) noexcept = default;
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader() = default;

  /// The next whole line without its end, taken from the connection; valid until anything else is
  /// called on the reader but questions. Empty while its end has not arrived, and when
  /// `is_too_long()`.
  [[nodiscard]] std::optional<std::string_view> next(TcpSocket socket);

  /// Whether the line that has begun is longer than it may be. Nothing more is read then.
  [[nodiscard]] bool is_too_long() const noexcept { return is_too_long_; }
  /// Drops the line that has begun, and the rest of it as it arrives; `next` goes on behind its
  /// end.
  void skip_line() noexcept;

  /// What has come of a line whose end has not: all that is left when the peer has finished. Valid
  /// as what `next` gives.
  [[nodiscard]] std::string_view begun() const noexcept;
  /// Drops what is begun: fit for another connection.
  void clear() noexcept;
  /// The longest line that it takes, in bytes.
  [[nodiscard]] std::size_t line_bytes_max() const noexcept { return memory_.size() - 1; }

 private:
  [[nodiscard, gnu::visibility("hidden")]] bool has_room_for(std::string_view piece) const noexcept;
  [[gnu::visibility("hidden")]] void append(std::string_view piece) noexcept;

  std::vector<char> memory_;  // One more than a line: for the '\r' before its end.
  std::size_t size_ = 0;
  bool has_ended_ = false;  // What is in memory was given out as a line.
  bool is_too_long_ = false;
  bool is_skipping_ = false;
};

}  // namespace millrace

#pragma GCC visibility pop
