// Text and arithmetic of addresses and prefixes. IPv6 text is read by the C library and written as
// RFC 5952 wants it.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <millrace/address.hpp>
#include <optional>
#include <system_error>

namespace millrace {

namespace {

constexpr unsigned kV4Bits = 32;
constexpr unsigned kV6Bits = 128;
constexpr unsigned kMappedBits = 96;  // What IPv4 addresses have in front of them in mapped form.
constexpr std::size_t kGroups = 8;    // 16-bit groups of an IPv6 address.

// The number that makes up all of `text`.
template <class T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value, base);
  return problem == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

void append_hex(std::string& text, unsigned value) {
  std::array<char, 8> digits{};
  const auto [end, problem] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  text.append(digits.data(), end);
}

struct Run {
  std::size_t start = 0;
  std::size_t length = 0;
};

// RFC 5952 §4.2: the longest run of zero groups, the first of equals, and none of a single group.
Run longest_zero_run(const std::array<unsigned, kGroups>& groups) {
  Run best;
  Run current;
  for (std::size_t i = 0; i < kGroups; ++i) {
    current = groups[i] == 0 ? Run{i - current.length, current.length + 1} : Run{};
    if (current.length > best.length) {
      best = current;
    }
  }
  return best.length > 1 ? best : Run{kGroups, 0};
}

std::string v6_to_string(const std::array<std::uint8_t, IpAddress::kSize>& bytes) {
  std::array<unsigned, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups[i] = static_cast<unsigned>(bytes[2 * i] << 8U | bytes[2 * i + 1]);
  }
  const Run zeros = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == zeros.start) {
      text += "::";
      i += zeros.length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') {
      text += ':';
    }
    append_hex(text, groups[i]);
  }
  return text;
}

// The bits of byte `index` that belong to a network part of `length` bits.
std::uint8_t mask_at(std::size_t index, unsigned length) noexcept {
  const auto bits = std::clamp<int>(static_cast<int>(length) - static_cast<int>(index) * 8, 0, 8);
  return static_cast<std::uint8_t>(0xff00U >> static_cast<unsigned>(bits));
}

}  // namespace

Result<MacAddress> MacAddress::parse(std::string_view text) {
  constexpr std::size_t kTextSize = 3 * kSize - 1;
  if (text.size() != kTextSize) {
    return fail(Error::InvalidArgument);
  }
  std::array<std::uint8_t, kSize> bytes{};
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto byte = parse_number<std::uint8_t>(text.substr(3 * i, 2), 16);
    if (!byte || (i > 0 && text[3 * i - 1] != ':')) {
      return fail(Error::InvalidArgument);
    }
    bytes[i] = *byte;
  }
  return MacAddress{bytes};
}

std::string MacAddress::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes_) {
    if (!text.empty()) {
      text += ':';
    }
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0x0fU];
  }
  return text;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.contains('\0')) {
    return fail(Error::InvalidArgument);
  }
  std::copy(text.begin(), text.end(), terminated.begin());
  std::array<std::uint8_t, 4> v4_bytes{};
  if (inet_pton(AF_INET, terminated.data(), v4_bytes.data()) == 1) {
    return v4(v4_bytes);
  }
  std::array<std::uint8_t, kSize> v6_bytes{};
  if (inet_pton(AF_INET6, terminated.data(), v6_bytes.data()) == 1) {
    return IpAddress{v6_bytes};
  }
  return fail(Error::InvalidArgument);
}

std::string IpAddress::to_string() const {
  if (!is_v4()) {
    return v6_to_string(bytes_);
  }
  std::string text;
  for (const std::uint8_t byte : v4_bytes()) {
    if (!text.empty()) {
      text += '.';
    }
    text += std::to_string(byte);
  }
  return text;
}

Result<IpPrefix> IpPrefix::make(IpAddress address, unsigned length) {
  if (length > (address.is_v4() ? kV4Bits : kV6Bits)) {
    return fail(Error::InvalidArgument);
  }
  const unsigned mapped = length + (address.is_v4() ? kMappedBits : 0);
  return IpPrefix{address, static_cast<std::uint8_t>(mapped)};
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return fail(Error::InvalidArgument);
  }
  const auto address = IpAddress::parse(text.substr(0, slash));
  const auto length = parse_number<unsigned>(text.substr(slash + 1), 10);
  if (!address || !length) {
    return fail(Error::InvalidArgument);
  }
  return make(*address, *length);
}

bool IpPrefix::contains(const IpAddress& other) const noexcept {
  // IPv4 addresses in mapped form are numerically inside of ::/0, which is not what that prefix
  // means.
  if (address_.is_v4() != other.is_v4()) {
    return false;
  }
  for (std::size_t i = 0; i < IpAddress::kSize; ++i) {
    if (((address_.bytes()[i] ^ other.bytes()[i]) & mask_at(i, mapped_length_)) != 0) {
      return false;
    }
  }
  return true;
}

IpAddress IpPrefix::network() const noexcept {
  std::array<std::uint8_t, IpAddress::kSize> bytes = address_.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & mask_at(i, mapped_length_));
  }
  return IpAddress{bytes};
}

IpAddress IpPrefix::directed_broadcast() const noexcept {
  // RFC 3021 §2.2: prefixes of 31 bits have no broadcast address. A single host has none either.
  constexpr unsigned kLengthMax = 30;
  if (!address_.is_v4() || length() > kLengthMax) {
    return IpAddress{};
  }
  std::array<std::uint8_t, IpAddress::kSize> bytes = address_.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(bytes[i] | ~mask_at(i, mapped_length_));
  }
  return IpAddress{bytes};
}

std::string IpPrefix::to_string() const {
  return address_.to_string() + '/' + std::to_string(length());
}

}  // namespace millrace
