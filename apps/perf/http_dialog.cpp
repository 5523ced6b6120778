// Requests that are to leave together leave in one call.
#include "perf/http_dialog.hpp"

#include <algorithm>

namespace perf {

void HttpDialog::pump(Channel& channel, TestBed& bed) {
  const std::string& request = shared_->request;
  while (owed_ > 0) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(owed_, bed.scratch.size()));
    for (std::size_t at = 0, from = position_; at < wanted; from = 0) {
      const std::size_t count = std::min(wanted - at, request.size() - from);
      const auto piece = std::as_bytes(std::span{request}.subspan(from, count));
      std::ranges::copy(piece, std::span{bed.scratch}.subspan(at).begin());
      at += count;
    }
    const std::size_t taken = channel.send(std::span{bed.scratch}.first(wanted));
    position_ = (position_ + taken) % request.size();
    owed_ -= taken;
    bed.tally.bytes_out += taken;
    if (taken < wanted) {
      return;
    }
  }
}

std::optional<std::uint32_t> HttpDialog::take(std::span<const std::byte> bytes,
                                              std::uint32_t waiting, Channel& channel,
                                              TestBed& bed) {
  std::uint32_t ended = 0;
  bed.tally.bytes_in += bytes.size();
  std::string_view text = millrace::as_text(bytes);
  while (true) {
    const auto reply = replies_.take(text);
    if (!reply) {
      ++bed.tally.corrupt;
      bed.problems.add(channel.peer() + ": " + reply.error());
      return std::nullopt;
    }
    if (!*reply) {
      return ended;
    }
    if (ended == waiting) {
      ++bed.tally.corrupt;
      bed.problems.add(channel.peer() + ": a reply to no request");
      return std::nullopt;
    }
    ++ended;
    is_last_ = is_last_ || (*reply)->closes;
    if (!is_expected(**reply, bed)) {
      return std::nullopt;
    }
  }
}

bool HttpDialog::is_expected(const HttpReply& reply, TestBed& bed) {
  if (reply.status != shared_->status) {
    ++bed.tally.corrupt;
    bed.problems.add("status " + std::to_string(reply.status) + " where " +
                     std::to_string(shared_->status) + " was expected");
    return false;
  }
  if (!shared_->body_bytes) {
    shared_->body_bytes = reply.body_bytes;
  }
  if (reply.body_bytes != *shared_->body_bytes) {
    ++bed.tally.corrupt;
    bed.problems.add("a body of " + std::to_string(reply.body_bytes) + " bytes where " +
                     std::to_string(*shared_->body_bytes) + " were expected");
    return false;
  }
  return true;
}

}  // namespace perf
