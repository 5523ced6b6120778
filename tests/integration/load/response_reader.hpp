// ResponseReader: one HTTP/1.1 answer, byte by byte as they come: status, Content-Length, body.
// What a server of ours does not send (chunks, several lines of one field) it does not take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <millrace/error.hpp>

#include "load/body.hpp"

namespace load {

class ResponseReader {
 public:
  /// `hashes`: whether `sha256` will be asked for.
  explicit ResponseReader(bool hashes) noexcept : hashes_{hashes} {}

  /// Takes bytes from the front and returns how many, up to the answer's last. Error: what is wrong
  /// with it.
  [[nodiscard]] millrace::Result<std::size_t, std::string> take(std::span<const std::byte> bytes);

  [[nodiscard]] bool is_complete() const noexcept { return has_head_ && body_left_ == 0; }
  /// The server closes after this answer.
  [[nodiscard]] bool is_last() const noexcept { return is_last_; }
  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }
  /// The body's first bytes, up to 256.
  [[nodiscard]] const std::string& body_start() const noexcept { return body_start_; }
  /// Of the body. Ends it.
  [[nodiscard]] std::string sha256() { return hash_.finish(); }

 private:
  [[nodiscard]] millrace::Result<void, std::string> read_head();
  void add_body(std::span<const std::byte> piece);

  bool hashes_;
  std::string head_;
  bool has_head_ = false;
  bool is_last_ = false;
  int status_ = 0;
  std::uint64_t body_left_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::string body_start_;
  Hash hash_;
};

}  // namespace load
