// What is said on a connection of `http`: the same request again and again, and replies whose
// status and length must be what is expected.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <millrace/buffer.hpp>

#include "perf/http_reply.hpp"
#include "perf/test_bed.hpp"

namespace perf {

/// What all connections of a test share.
struct HttpExpectation {
  std::string request{};  ///< Header and empty line.
  int status = 200;
  std::optional<std::uint64_t> body_bytes{};  ///< Empty: that of the first reply.
};

/// One connection's.
class HttpDialog {
 public:
  using Shared = HttpExpectation;

  HttpDialog(Shared& shared, const TestBed& /*bed*/, std::size_t /*number*/) noexcept
      : shared_{&shared} {}

  static constexpr bool kReconnects = true;

  void ask(const TestBed& /*bed*/) noexcept { owed_ += shared_->request.size(); }
  void pump(Channel& channel, TestBed& bed);
  [[nodiscard]] std::optional<std::uint32_t> take(std::span<const std::byte> bytes,
                                                  std::uint32_t waiting, Channel& channel,
                                                  TestBed& bed);
  /// The server has said that it will end the connection.
  [[nodiscard]] bool is_last() const noexcept { return is_last_; }
  /// A new connection begins, on which nothing was asked yet.
  void restart() noexcept { *this = HttpDialog{shared_}; }

 private:
  explicit HttpDialog(Shared* shared) noexcept : shared_{shared} {}
  [[nodiscard]] bool is_expected(const HttpReply& reply, TestBed& bed);

  Shared* shared_;
  HttpReplyReader replies_;
  std::uint64_t owed_ = 0;    // Bytes of requests.
  std::size_t position_ = 0;  // In the request that is being sent.
  bool is_last_ = false;
};

}  // namespace perf
