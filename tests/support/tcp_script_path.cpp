// The path's part in protocol scripts: what routers say of a connection's segments.
#include "support/tcp_script.hpp"
#include "tcp/icmp_verdict.hpp"

namespace millrace::test {

TcpScript& TcpScript::router_says(wire::IcmpType type, std::uint8_t code, Location where) {
  require_accounted(where);
  note("ICMP type " + std::to_string(static_cast<unsigned>(type)) + " code " +
       std::to_string(code));
  const auto verdict = tcp::judge_icmp(type, code);
  check(verdict.has_value(), "that is no error for a connection", where);
  if (verdict) {
    connection_->on_path_error(resources_, *verdict);
  }
  drain(where);
  return *this;
}

TcpScript& TcpScript::router_allows(std::uint16_t mss, Location where) {
  require_accounted(where);
  note("the path takes " + std::to_string(mss));
  connection_->on_path_mss(resources_, now_, mss);
  drain(where);
  return *this;
}

}  // namespace millrace::test
