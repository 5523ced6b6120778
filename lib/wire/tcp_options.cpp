// Reading and writing TCP options; see tcp_options.hpp.
#include "wire/tcp_options.hpp"

#include <algorithm>
#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"
#include "wire/raw.hpp"

namespace millrace::wire {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;
using Field32 = base::BigEndian<std::uint32_t>;

enum class Kind : std::uint8_t {
  End = 0,
  NoOperation = 1,
  MaximumSegmentSize = 2,
  WindowScale = 3,
  SackPermitted = 4,
  Sack = 5,
  Timestamps = 8,
  UserTimeout = 28,
  FastOpen = 34,
  Experiment = 254,
};

// Lengths on the wire, kind and length octets included, padding not.
constexpr std::size_t kMssSize = 4;
constexpr std::size_t kWindowScaleSize = 3;
constexpr std::size_t kSackPermittedSize = 2;
constexpr std::size_t kTimestampsSize = 10;
constexpr std::size_t kFastOpenBaseSize = 2;
constexpr std::size_t kFastOpenCookieMin = 4;
// RFC 6994 §3: what tells this experiment from others. Peers that were built after the drafts of
// RFC 7413 still use it.
constexpr std::uint16_t kFastOpenExperiment = 0xf989;
constexpr std::size_t kExperimentSize = sizeof(kFastOpenExperiment);
constexpr std::size_t kSackBaseSize = 2;
constexpr std::size_t kSackBlockSize = 8;

struct RawTimestamps {
  Field32 value;
  Field32 echo;
};

// How nearly every segment's options begin (RFC 7323, appendix A): two fillers, then timestamps.
struct RawUsual {
  Field32 mark;
  RawTimestamps timestamps;
};
constexpr Field32 kUsualMark{0x0101'080a};

TcpTimestamps to_timestamps(const RawTimestamps& raw) noexcept {
  return {.value = raw.value.value(), .echo = raw.echo.value()};
}

struct RawSackBlock {
  Field32 left;
  Field32 right;
};
static_assert(sizeof(RawSackBlock) == kSackBlockSize);

void read_sack(TcpOptions& options, std::span<const std::byte> body) noexcept {
  if (body.empty() || body.size() % kSackBlockSize != 0) {
    return;
  }
  options.sack.clear();
  for (; !body.empty(); body = body.subspan(kSackBlockSize)) {
    const auto raw = read_raw<RawSackBlock>(body);
    // Four blocks fill the space for options; what a longer input held beyond them is ignored.
    static_cast<void>(
        options.sack.push_back({SeqNum{raw.left.value()}, SeqNum{raw.right.value()}}));
  }
}

void read_fast_open(TcpOptions& options, std::span<const std::byte> body,
                    bool is_experimental) noexcept {
  const bool has_size_of_cookie = body.size() >= kFastOpenCookieMin && body.size() % 2 == 0 &&
                                  body.size() <= FastOpenCookie::capacity();
  if (!body.empty() && !has_size_of_cookie) {
    return;
  }
  options.fast_open_is_experimental = is_experimental;
  FastOpenCookie& cookie = options.fast_open.emplace();
  for (const std::byte octet : body) {
    static_cast<void>(cookie.push_back(octet));
  }
}

// Takes over one option of the given kind, unless it is unknown or of a length that kind never has.
void read_option(TcpOptions& options, std::uint8_t kind, std::span<const std::byte> body) noexcept {
  const std::size_t size = body.size() + 2;
  if (kind == std::to_underlying(Kind::MaximumSegmentSize) && size == kMssSize) {
    options.mss = read_raw<Field16>(body).value();
  } else if (kind == std::to_underlying(Kind::WindowScale) && size == kWindowScaleSize) {
    // RFC 7323 §2.3: a shift above 14 is taken as 14.
    options.window_scale = std::min(std::to_integer<std::uint8_t>(body[0]), kWindowScaleMax);
  } else if (kind == std::to_underlying(Kind::SackPermitted) && size == kSackPermittedSize) {
    options.sack_permitted = true;
  } else if (kind == std::to_underlying(Kind::Timestamps) && size == kTimestampsSize) {
    options.timestamps = to_timestamps(read_raw<RawTimestamps>(body));
  } else if (kind == std::to_underlying(Kind::Sack)) {
    read_sack(options, body);
  } else if (kind == std::to_underlying(Kind::FastOpen)) {
    read_fast_open(options, body, false);
  } else if (kind == std::to_underlying(Kind::Experiment) && body.size() >= kExperimentSize &&
             read_raw<Field16>(body).value() == kFastOpenExperiment) {
    read_fast_open(options, body.subspan(kExperimentSize), true);
  } else if (kind == std::to_underlying(Kind::UserTimeout) && size == kUserTimeoutSize) {
    options.user_timeout = UserTimeoutOption{read_raw<Field16>(body).value()};
  }
}

// Appends to a span that was checked to have room for everything.
class Writer {
 public:
  explicit Writer(std::span<std::byte> out) noexcept : rest_{out} {}

  [[nodiscard]] bool is_full() const noexcept { return rest_.empty(); }
  void octet(std::uint8_t value) noexcept { put(value); }
  void word(std::uint16_t value) noexcept { put(Field16{value}); }
  void number(std::uint32_t value) noexcept { put(Field32{value}); }
  void no_operations(int count) noexcept {
    for (int i = 0; i < count; ++i) {
      octet(std::to_underlying(Kind::NoOperation));
    }
  }
  void kind(Kind kind, std::size_t size) noexcept {
    octet(std::to_underlying(kind));
    octet(static_cast<std::uint8_t>(size));
  }
  void timestamps(const TcpTimestamps& timestamps) noexcept {
    kind(Kind::Timestamps, kTimestampsSize);
    number(timestamps.value);
    number(timestamps.echo);
  }
  void user_timeout(const std::optional<UserTimeoutOption>& option) noexcept {
    if (option) {
      kind(Kind::UserTimeout, kUserTimeoutSize);
      word(option->bits);
    }
  }

 private:
  template <class T>
  void put(const T& value) noexcept {
    write_raw(rest_, value);
    rest_ = rest_.subspan(sizeof(T));
  }

  std::span<std::byte> rest_;
};

void emit_syn_options(Writer& writer, const TcpOptions& options) noexcept {
  if (options.mss) {
    writer.kind(Kind::MaximumSegmentSize, kMssSize);
    writer.word(*options.mss);
  }
  if (options.sack_permitted || options.timestamps) {
    // SACK permitted takes the place of the padding before timestamps.
    if (!options.sack_permitted || !options.timestamps) {
      writer.no_operations(2);
    }
    if (options.sack_permitted) {
      writer.kind(Kind::SackPermitted, kSackPermittedSize);
    }
    if (options.timestamps) {
      writer.timestamps(*options.timestamps);
    }
  }
  if (options.window_scale) {
    writer.no_operations(1);
    writer.kind(Kind::WindowScale, kWindowScaleSize);
    writer.octet(*options.window_scale);
  }
  writer.user_timeout(options.user_timeout);
}

std::size_t fast_open_size(const TcpOptions& options) noexcept {
  return kFastOpenBaseSize + (options.fast_open_is_experimental ? kExperimentSize : 0) +
         options.fast_open->size();
}

std::size_t padded_fast_open_size(const TcpOptions& options) noexcept {
  return options.fast_open ? (fast_open_size(options) + 3) / 4 * 4 : 0;
}

void emit_fast_open(Writer& writer, const TcpOptions& options) noexcept {
  if (!options.fast_open) {
    return;
  }
  const std::size_t size = fast_open_size(options);
  writer.kind(options.fast_open_is_experimental ? Kind::Experiment : Kind::FastOpen, size);
  if (options.fast_open_is_experimental) {
    writer.word(kFastOpenExperiment);
  }
  for (const std::byte octet : *options.fast_open) {
    writer.octet(std::to_integer<std::uint8_t>(octet));
  }
  writer.no_operations(static_cast<int>(padded_fast_open_size(options) - size));
}

std::size_t sack_blocks_that_fit(const TcpOptions& options) noexcept {
  const std::size_t used = (options.timestamps ? 2 + kTimestampsSize : 0) +
                           (options.user_timeout ? kUserTimeoutSize : 0);
  const std::size_t room = (kTcpOptionsSizeMax - used - 2 - kSackBaseSize) / kSackBlockSize;
  return std::min<std::size_t>(options.sack.size(), room);
}

void emit_later_options(Writer& writer, const TcpOptions& options) noexcept {
  if (options.timestamps) {
    writer.no_operations(2);
    writer.timestamps(*options.timestamps);
  }
  const std::size_t blocks = sack_blocks_that_fit(options);
  if (blocks > 0) {
    writer.no_operations(2);
    writer.kind(Kind::Sack, kSackBaseSize + blocks * kSackBlockSize);
  }
  for (std::size_t i = 0; i < blocks; ++i) {
    writer.number(options.sack[i].left.value());
    writer.number(options.sack[i].right.value());
  }
  writer.user_timeout(options.user_timeout);
}

}  // namespace

std::optional<UserTimeoutOption> UserTimeoutOption::from(Duration time) noexcept {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  if (seconds <= 0) {
    return std::nullopt;
  }
  if (seconds <= kNumberMax) {
    return UserTimeoutOption{static_cast<std::uint16_t>(seconds)};
  }
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(time).count();
  return minutes <= kNumberMax
             ? std::optional{UserTimeoutOption{static_cast<std::uint16_t>(kMinutes | minutes)}}
             : std::nullopt;
}

Result<TcpOptions, DropReason> TcpOptions::parse(std::span<const std::byte> bytes) noexcept {
  Result<TcpOptions, DropReason> options;
  if (!options->read(bytes)) {
    options = fail(DropReason::TcpBadOptions);
  }
  return options;
}

bool TcpOptions::read(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() >= sizeof(RawUsual)) {
    if (const auto usual = read_raw<RawUsual>(bytes); usual.mark == kUsualMark) [[likely]] {
      timestamps = to_timestamps(usual.timestamps);
      bytes = bytes.subspan(sizeof usual);
    }
  }
  while (!bytes.empty()) {
    const auto kind = std::to_integer<std::uint8_t>(bytes[0]);
    if (kind == std::to_underlying(Kind::End)) {
      break;
    }
    if (kind == std::to_underlying(Kind::NoOperation)) {
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < 2) {
      return false;
    }
    const auto length = std::to_integer<std::size_t>(bytes[1]);
    if (length < 2 || length > bytes.size()) {
      return false;
    }
    read_option(*this, kind, bytes.first(length).subspan(2));
    bytes = bytes.subspan(length);
  }
  return true;
}

std::size_t tcp_options_size(const TcpOptions& options, bool is_syn) noexcept {
  constexpr std::size_t kPaddedTimestampsSize = 2 + kTimestampsSize;
  const std::size_t user_timeout = options.user_timeout ? kUserTimeoutSize : 0;
  if (is_syn) {
    const std::size_t sack_or_timestamps =
        options.timestamps ? kPaddedTimestampsSize
                           : (options.sack_permitted ? 2 + kSackPermittedSize : 0);
    return (options.mss ? kMssSize : 0) + sack_or_timestamps +
           (options.window_scale ? 1 + kWindowScaleSize : 0) + user_timeout +
           padded_fast_open_size(options);
  }
  const std::size_t blocks = sack_blocks_that_fit(options);
  return (options.timestamps ? kPaddedTimestampsSize : 0) +
         (blocks == 0 ? 0 : 2 + kSackBaseSize + blocks * kSackBlockSize) + user_timeout;
}

std::size_t emit_tcp_options(std::span<std::byte> out, const TcpOptions& options,
                             bool is_syn) noexcept {
  const std::size_t size = tcp_options_size(options, is_syn);
  base::expects(out.size() >= size);
  Writer writer{out.first(size)};
  if (is_syn) {
    emit_syn_options(writer, options);
    emit_fast_open(writer, options);
  } else {
    emit_later_options(writer, options);
  }
  base::ensures(writer.is_full());
  return size;
}

}  // namespace millrace::wire
