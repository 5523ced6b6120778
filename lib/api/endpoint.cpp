// Text of endpoints: an address and a port, IPv6 addresses in brackets (RFC 3986 §3.2.2).
#include <charconv>
#include <millrace/endpoint.hpp>
#include <optional>
#include <system_error>

namespace millrace {

namespace {

struct Parts {
  std::string_view address;
  std::string_view port;
};

// Splits at the colon before the port. Nothing for an IPv6 address without brackets, which would be
// ambiguous.
std::optional<Parts> split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view address = text.substr(0, colon);
  const bool is_bracketed = address.size() >= 2 && address.front() == '[' && address.back() == ']';
  if (is_bracketed) {
    address = address.substr(1, address.size() - 2);
  }
  if (address.contains(':') != is_bracketed) {
    return std::nullopt;
  }
  return Parts{.address = address, .port = text.substr(colon + 1)};
}

std::optional<Port> parse_port(std::string_view text) {
  std::uint16_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  return problem == std::errc{} && stop == end ? std::optional{Port{number}} : std::nullopt;
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto parts = split(text);
  if (!parts) {
    return fail(Error::InvalidArgument);
  }
  const auto address = IpAddress::parse(parts->address);
  const auto port = parse_port(parts->port);
  if (!address || !port) {
    return fail(Error::InvalidArgument);
  }
  return Endpoint{.address = *address, .port = *port};
}

std::string Endpoint::to_string() const {
  const std::string number = std::to_string(port.number());
  if (address.is_v4()) {
    return address.to_string() + ':' + number;
  }
  return '[' + address.to_string() + "]:" + number;
}

}  // namespace millrace
