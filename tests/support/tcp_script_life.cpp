// The part of the language of protocol scripts that is about trouble, keepalive, user timeouts and
// urgent data.
#include <algorithm>

#include <gtest/gtest.h>

#include "support/tcp_script.hpp"

namespace millrace::test {

std::uint32_t TcpScript::peer_fills_window(Location where) {
  constexpr std::uint32_t kSegmentBytes = 1'000;
  require_accounted(where);
  std::uint32_t seq = 1;
  while (const std::uint32_t room = connection_->receive_sequence().rcv_wnd()) {
    const std::uint32_t bytes = std::min(room, kSegmentBytes);
    peer_sends(data(seq, bytes, where));
    seq += bytes;
    static_cast<void>(take_output());
  }
  return seq;
}

TcpScript& TcpScript::expect_soft_error(std::optional<Error> error, Location where) {
  const auto name = [](std::optional<Error> of) {
    return of ? std::string{to_string(*of)} : std::string{"none"};
  };
  const auto heard = connection_->take_soft_error();
  check(heard == error,
        "soft error \"" + name(error) + "\" was expected, it is \"" + name(heard) + "\"", where);
  return *this;
}

TcpScript& TcpScript::expect_path_doubt(bool is_doubted, Location where) {
  check(connection_->take_path_doubt() == is_doubted,
        is_doubted ? "IP was not asked for another way" : "IP was asked for another way", where);
  return *this;
}

TcpScript& TcpScript::expect_urgent(std::optional<std::uint32_t> seq, Location where) {
  const auto octet = connection_->take_urgent();
  check(octet.has_value() == seq.has_value(),
        seq ? "no urgent octet has come" : "there is an urgent octet", where);
  check(!seq || !octet || *octet == pattern(*seq, true), "it is another octet", where);
  return *this;
}

TcpScript& TcpScript::app_sends_urgent(std::uint32_t bytes, Location where) {
  require_accounted(where);
  transcript_ += "         app sends " + std::to_string(bytes) + " urgently\n";
  const auto taken = app_tries_to_send(bytes);
  check(taken == bytes, "the application could not send " + std::to_string(bytes), where);
  connection_->mark_urgent();
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_skips_octet() {
  ++app_read_;
  return *this;
}

TcpScript& TcpScript::app_sets_keepalive(const std::optional<KeepaliveOptions>& options,
                                         Location where) {
  require_accounted(where);
  transcript_ += options ? "         app sets keepalive\n" : "         app ends keepalive\n";
  connection_->set_keepalive(options, now_);
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_advertises_user_timeout(Duration time, Location where) {
  require_accounted(where);
  transcript_ += "         app advertises a user timeout\n";
  connection_->advertise_user_timeout(resources_, time);
  drain(where);
  return *this;
}

}  // namespace millrace::test
