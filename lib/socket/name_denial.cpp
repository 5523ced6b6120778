// A message as RFC 1035 §4.1 has it, read once from its beginning: names in the records behind the
// question are passed over, never followed, so nothing leads back.
#include "socket/name_denial.hpp"

#include <algorithm>
#include <cstdint>

#include "socket/name_answer.hpp"

namespace millrace::socket {

namespace {

constexpr std::uint32_t kTypeA = 1;
constexpr std::uint32_t kTypeCname = 5;
constexpr std::uint32_t kTypeSoa = 6;
constexpr std::uint32_t kClassInternet = 1;
constexpr std::size_t kNameMax = 255;

/// Reads on and on; once something is missing it is `broken`, and all else reads as zero.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) noexcept : left_{bytes} {}

  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  std::uint32_t number(std::size_t bytes) noexcept {
    std::uint32_t value = 0;
    for (const std::byte byte : take(bytes)) {
      value = value << 8U | std::to_integer<std::uint32_t>(byte);
    }
    return value;
  }
  std::span<const std::byte> take(std::size_t bytes) noexcept {
    if (bytes > left_.size()) {
      is_broken_ = true;
      left_ = {};
      return {};
    }
    const auto taken = left_.first(bytes);
    left_ = left_.subspan(bytes);
    return taken;
  }
  /// RFC 1035 §4.1.4; what a pointer leads to is left out.
  std::string name() {
    constexpr std::uint32_t kPointer = 0xc0;
    std::string text;
    for (;;) {
      const std::uint32_t length = number(1);
      if ((length & kPointer) == kPointer) {
        static_cast<void>(number(1));
        return text;
      }
      if (length == 0 || text.size() > kNameMax) {
        return text;
      }
      for (const std::byte letter : take(length)) {
        text += static_cast<char>(letter);
      }
      text += '.';
    }
  }

 private:
  std::span<const std::byte> left_;
  bool is_broken_ = false;
};

struct Header {
  std::uint32_t code = 0;
  bool is_whole_answer = false;
  std::uint32_t questions = 0;
  std::uint32_t answers = 0;
  std::uint32_t authorities = 0;
};

Header read_header(Reader& message) noexcept {
  constexpr std::uint32_t kAnswer = 0x8000;
  constexpr std::uint32_t kCut = 0x0200;
  constexpr std::uint32_t kCodes = 0x000f;
  static_cast<void>(message.number(2));  // Its number.
  const std::uint32_t flags = message.number(2);
  Header header;
  header.code = flags & kCodes;
  header.is_whole_answer = (flags & (kAnswer | kCut)) == kAnswer;
  header.questions = message.number(2);
  header.answers = message.number(2);
  header.authorities = message.number(2);
  static_cast<void>(message.number(2));
  return header;
}

struct Record {
  std::uint32_t type = 0;
  std::uint32_t lifetime = 0;
  std::span<const std::byte> data;
};

Record read_record(Reader& message) {
  static_cast<void>(message.name());
  Record record;
  record.type = message.number(2);
  static_cast<void>(message.number(2));
  record.lifetime = message.number(4);
  record.data = message.take(message.number(2));
  return record;
}

/// RFC 2308 §5: the smaller of the SOA's own and its last field. Empty: it is none.
std::optional<std::uint32_t> lifetime_of(const Record& record) noexcept {
  constexpr std::size_t kField = 4;
  if (record.type != kTypeSoa || record.data.size() < 5 * kField) {
    return std::nullopt;
  }
  return std::min(record.lifetime, Reader{record.data.last(kField)}.number(kField));
}

}  // namespace

std::optional<NameDenial> read_denial(std::span<const std::byte> bytes) {
  constexpr std::uint32_t kNoSuchName = 3;
  constexpr std::uint32_t kNoTime = 1U << 31U;  // RFC 2181 §8: counts as zero, from here on.
  Reader message{bytes};
  const Header header = read_header(message);
  NameDenial denial;
  denial.name = in_small_letters(message.name());
  const bool is_for_address = message.number(2) == kTypeA && message.number(2) == kClassInternet;
  const bool is_denial = header.code == 0 || header.code == kNoSuchName;
  if (!header.is_whole_answer || header.questions != 1 || !is_for_address || !is_denial) {
    return std::nullopt;
  }
  denial.error = header.code == 0 ? Error::NameHasNoAddress : Error::NameNotFound;
  std::uint32_t lifetime = kNoTime - 1;
  for (std::uint32_t i = 0; i < header.answers && !message.is_broken(); ++i) {
    const Record record = read_record(message);
    if (record.type == kTypeA) {
      return std::nullopt;
    }
    // RFC 2308 §2.1: the denial is of what an alias leads to.
    lifetime = record.type == kTypeCname ? std::min(lifetime, record.lifetime) : lifetime;
  }
  std::optional<std::uint32_t> told;
  for (std::uint32_t i = 0; i < header.authorities && !message.is_broken() && !told; ++i) {
    told = lifetime_of(read_record(message));
  }
  if (message.is_broken() || !told || *told >= kNoTime) {
    return std::nullopt;
  }
  denial.lifetime = std::chrono::seconds{std::min(lifetime, *told)};
  return denial;
}

}  // namespace millrace::socket
