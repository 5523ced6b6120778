// setsockopt(2) and getsockopt(2) of IPPROTO_TCP, with Linux's ranges, rounding and errors. What
// was set before there is a connection is kept for it; what a listener has its connections inherit.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "posix/kernel_tcp_info.hpp"
#include "posix/option_value.hpp"
#include "posix/sockets.hpp"
#include "tcp/defer_accept.hpp"
#include "tcp/tuning_limits.hpp"

namespace millrace::posix {

namespace {

using std::chrono::seconds;

constexpr int kKeepaliveSecondsMax = 32'767;
// RFC 9293 §3.8.4, MUST-29: one probe that is lost says nothing.
constexpr int kKeepaliveCountMin = 2;
constexpr int kKeepaliveCountMax = 127;
constexpr int kMssDefault = 536;  // RFC 9293 §3.7.1, MUST-15.
constexpr std::size_t kCongestionNameMax = 16;

bool is_within(int number, int least, int most) noexcept {
  return number >= least && number <= most;
}

/// Into `kind`: the controller that is meant, or the flaw.
int read_congestion(const void* value, socklen_t length, CongestionKind& kind) noexcept {
  if (length == 0) {
    return -EINVAL;
  }
  if (value == nullptr) {
    return -EFAULT;
  }
  const std::string_view text{static_cast<const char*>(value),
                              std::min<std::size_t>(length, kCongestionNameMax - 1)};
  const auto found = congestion_kind(text.substr(0, text.find('\0')));
  if (!found) {
    return -ENOENT;
  }
  kind = *found;
  return 0;
}

/// Of the connection; before there is one, what was chosen for it.
CongestionKind congestion_of(const TcpFile& file, const TcpConfig& config) noexcept {
  if (const auto info = file.native.info()) {
    return info->congestion_control;
  }
  return file.options.tuning.congestion_control.value_or(config.congestion_control);
}

int get_congestion(CongestionKind kind, void* value, socklen_t* length) noexcept {
  std::array<char, kCongestionNameMax> name{};
  to_string(kind).copy(name.data(), name.size() - 1);
  return write_bytes(name.data(), name.size(), value, length);
}

int get_congestion_info(const TcpFile& file, void* value, socklen_t* length) noexcept {
  const auto info = file.native.info();
  const KernelCongestionInfo known = kernel_congestion_info(info.value_or(TcpInfo{}));
  return write_bytes(known.bytes.data(), known.size, value, length);
}

template <class Unit>
int ceil_of(Duration time) noexcept {
  return static_cast<int>(std::chrono::ceil<Unit>(time).count());
}

int set_keepalive(TcpFile& file, int option, int number) noexcept {
  KeepaliveOptions& keepalive = file.options.keepalive;
  const bool is_count = option == TCP_KEEPCNT;
  if (is_count ? !is_within(number, kKeepaliveCountMin, kKeepaliveCountMax)
               : !is_within(number, 1, kKeepaliveSecondsMax)) {
    return -EINVAL;
  }
  if (is_count) {
    keepalive.count = static_cast<std::uint32_t>(number);
  } else {
    (option == TCP_KEEPIDLE ? keepalive.idle : keepalive.interval) = seconds{number};
  }
  if (file.options.has_keepalive) {
    static_cast<void>(file.native.set_keepalive(keepalive));
  }
  return 0;
}

void set_quick_acks(TcpFile& file, int number) noexcept {
  // As Linux's tcp_sock_set_quickack: the lowest bit decides, and any other sends what waits.
  file.options.quick_acks = (number & 1) != 0;
  if (number != 0) {
    static_cast<void>(file.native.set_quick_acks(true));
  }
  if (!file.options.quick_acks) {
    static_cast<void>(file.native.set_quick_acks(false));
  }
}

int set_window_clamp(TcpFile& file, int number) noexcept {
  if (number == 0 && file.state() != TcpState::Closed) {
    return -EINVAL;
  }
  file.options.tuning.window_clamp_bytes =
      number == 0 ? 0
                  : std::max(static_cast<std::uint32_t>(std::max(number, 0)), tcp::kWindowClampMin);
  return 0;
}

void set_linger_2(TcpFile& file, int number) noexcept {
  std::optional<Duration>& limit = file.options.tuning.fin_wait_2;
  limit = std::min<Duration>(seconds{std::max(number, 0)}, tcp::kFinWait2Max);
  if (number == 0) {
    limit.reset();  // The configured one again.
  }
}

void set_unsent_low_water(TcpFile& file, int number) noexcept {
  file.options.unsent_low_water = static_cast<std::uint32_t>(number);
  // More than may ever be queued is no limit.
  file.options.tuning.unsent_limit_bytes = static_cast<std::uint32_t>(std::max(number, 0));
}

/// What is part of a TcpTuning: zero, or the flaw.
int tune(TcpFile& file, int option, int number) noexcept {
  TcpTuning& tuning = file.options.tuning;
  switch (option) {
    case TCP_MAXSEG:
      if (number != 0 && !is_within(number, tcp::kMaxSegmentMin, tcp::kMaxSegmentMax)) {
        return -EINVAL;
      }
      tuning.max_segment_bytes = static_cast<std::uint16_t>(number);
      return 0;
    case TCP_SYNCNT:
      if (!is_within(number, 1, tcp::kSynRetriesMax)) {
        return -EINVAL;
      }
      tuning.syn_retries = static_cast<std::uint8_t>(number);
      return 0;
    case TCP_LINGER2: set_linger_2(file, number); return 0;
    case TCP_NOTSENT_LOWAT: set_unsent_low_water(file, number); return 0;
    default: return set_window_clamp(file, number);
  }
}

/// How often an unanswered SYN is sent again when only the time limits it.
int syn_retries_within(const TcpConfig& config) noexcept {
  int count = 0;
  Duration timeout = config.rto_initial;
  for (Duration passed = timeout; passed < config.connect_timeout && count < UINT8_MAX; ++count) {
    timeout = std::min(2 * timeout, config.rto_max);
    passed += timeout;
  }
  return count;
}

int max_segment(const TcpFile& file, const TcpConfig& config) {
  constexpr int kTimestampsBytes = 12;
  const std::uint16_t chosen = file.options.tuning.max_segment_bytes;
  const TcpState state = file.state();
  if (state == TcpState::SynSent) {
    // As Linux: what would fit if the peer said nothing.
    return kMssDefault - (config.timestamps ? kTimestampsBytes : 0);
  }
  if (chosen != 0 && (state == TcpState::Closed || state == TcpState::Listen)) {
    return chosen;
  }
  if (file.last_info) {
    return file.last_info->send_mss;
  }
  const auto info = file.native.info();
  return info ? info->send_mss : kMssDefault;
}

int window_clamp(const TcpFile& file) {
  if (file.options.tuning.window_clamp_bytes != 0) {
    return static_cast<int>(file.options.tuning.window_clamp_bytes);
  }
  const auto info = file.native.info();
  return info ? static_cast<int>(info->receive_window_limit) : 0;
}

int linger_2(const TcpFile& file, const TcpConfig& config) noexcept {
  const std::optional<Duration>& limit = file.options.tuning.fin_wait_2;
  if (limit && *limit == Duration::zero()) {
    return -1;
  }
  return ceil_of<seconds>(limit.value_or(config.fin_wait_2_timeout));
}

int user_timeout(const TcpFile& file, const TcpConfig& config) noexcept {
  const Duration time = file.options.user_timeout.value_or(config.user_timeout);
  return time == config.user_timeout ? 0 : ceil_of<std::chrono::milliseconds>(time);
}

}  // namespace

int Sockets::set_tcp_option(TcpFile& file, int option, const void* value, socklen_t length) {
  if (option == TCP_CONGESTION) {
    CongestionKind kind{};
    if (const int flaw = read_congestion(value, length, kind); flaw < 0) {
      return flaw;
    }
    file.options.tuning.congestion_control = kind;
    apply_tuning(file);
    return 0;
  }
  if (option == TCP_FASTOPEN_KEY) {
    return set_fast_open_key(file, value, length);
  }
  int number = 0;
  if (const int flaw = read_value(value, length, number); flaw < 0) {
    return flaw;
  }
  switch (option) {
    case TCP_NODELAY: set_no_delay(file, number != 0); break;
    case TCP_CORK: set_cork(file, number != 0); break;
    case TCP_QUICKACK: set_quick_acks(file, number); break;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
    case TCP_KEEPCNT: return set_keepalive(file, option, number);
    case TCP_USER_TIMEOUT:
      if (number < 0) {
        return -EINVAL;
      }
      // Zero is the configured one again.
      file.options.user_timeout =
          number == 0 ? config_.tcp.user_timeout : Duration{std::chrono::milliseconds{number}};
      static_cast<void>(file.native.set_user_timeout(*file.options.user_timeout));
      return 0;
    case TCP_MAXSEG:
    case TCP_SYNCNT:
    case TCP_LINGER2:
    case TCP_NOTSENT_LOWAT:
    case TCP_WINDOW_CLAMP:
      if (const int flaw = tune(file, option, number); flaw < 0) {
        return flaw;
      }
      apply_tuning(file);
      return 0;
    case TCP_INQ:
      if (!is_within(number, 0, 1)) {
        return -EINVAL;
      }
      file.options.tells_unread = number != 0;
      return 0;
    case TCP_DEFER_ACCEPT:
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT: return set_opening_option(file, option, number);
    default: return -ENOPROTOOPT;
  }
  let_leave(file);
  return 0;
}

void Sockets::set_cork(TcpFile& file, bool on) {
  file.options.cork = on;
  stack::ConnectionSlot* const slot = on ? nullptr : find_slot(file);
  if (slot != nullptr && slot->connection.active() != nullptr) {
    slot->connection.active()->more.release();
  }
  static_cast<void>(file.native.set_cork(on));
}

/// Sixteen bytes, as Linux's tcp_fastopen_key has them in memory; it also takes a second key.
int Sockets::set_fast_open_key(TcpFile& file, const void* value, socklen_t length) {
  std::array<std::uint8_t, 16> key{};
  const TcpState state = file.state();
  if (length != key.size() || (state != TcpState::Closed && state != TcpState::Listen)) {
    return -EINVAL;
  }
  if (const int flaw = read_value(value, length, key); flaw < 0) {
    return flaw;
  }
  file.options.fast_open_key = key;
  if (tcp::Listener* const listener = find_listener(file)) {
    listener->set_fast_open_key(key);
  }
  return 0;
}

/// What is about how connections begin.
int Sockets::set_opening_option(TcpFile& file, int option, int number) {
  const TcpState state = file.state();
  if (option == TCP_DEFER_ACCEPT) {
    file.options.deferred_timeouts = tcp::timeouts_within(
        seconds{std::max(number, 0)}, config_.tcp.rto_initial, config_.tcp.rto_max);
    apply_tuning(file);
    return 0;
  }
  if (option == TCP_FASTOPEN_CONNECT) {
    if (!is_within(number, 0, 1)) {
      return -EINVAL;
    }
    if (config_.tcp.fast_open_destinations == 0) {
      return -EOPNOTSUPP;
    }
    if (state != TcpState::Closed) {
      return -EINVAL;
    }
    file.options.fast_open_connect = number != 0;
    return 0;
  }
  if (number < 0 || (state != TcpState::Closed && state != TcpState::Listen)) {
    return -EINVAL;
  }
  file.options.fast_open = static_cast<std::uint32_t>(number);
  if (tcp::Listener* const listener = find_listener(file)) {
    listener->allow_fast_open(*file.options.fast_open);
  }
  return 0;
}

/// A segment that is held back goes, whatever holds it, as with Linux's TCP_NAGLE_PUSH.
void Sockets::set_no_delay(TcpFile& file, bool on) {
  file.options.no_delay = on;
  static_cast<void>(file.native.set_no_delay(on));
  stack::ConnectionSlot* const slot = on ? find_slot(file) : nullptr;
  if (slot == nullptr) {
    return;
  }
  if (tcp::ActiveBlock* const active = slot->connection.active()) {
    active->more.release();
  }
  // Turned off and on, whether there is a cork or not, so that the stack looks at it.
  static_cast<void>(file.native.set_cork(false));
  if (file.options.cork) {
    waiting_.turn();
    static_cast<void>(file.native.set_cork(true));
  }
}

void Sockets::note_more(TcpFile& file, bool has_more) {
  if (!has_more && !file.is_held_back) [[likely]] {
    return;
  }
  file.is_held_back = has_more;
  stack::ConnectionSlot* const slot = find_slot(file);
  if (slot != nullptr && slot->connection.active() != nullptr) {
    slot->connection.active()->more.on_write(has_more);
  }
}

void Sockets::apply_tuning(TcpFile& file) {
  if (tcp::Listener* const listener = find_listener(file)) {
    listener->set_options(file.options.tuning, file.options.deferred_timeouts);
  } else {
    static_cast<void>(file.native.set_tuning(file.options.tuning));
  }
}

std::uint32_t Sockets::fast_open_of(const TcpFile& file) {
  const tcp::Listener* const listener = find_listener(file);
  return listener == nullptr ? file.options.fast_open.value_or(0) : listener->fast_open_limit();
}

/// The host's own, which is drawn at random, is nobody's to see, as opposed to a chosen one.
int Sockets::get_fast_open_key(const TcpFile& file, void* value, socklen_t* length) {
  const auto& key =
      file.options.fast_open_key ? file.options.fast_open_key : config_.tcp.fast_open_key;
  if (!key) {
    *length = 0;
    return 0;
  }
  return write_bytes(key->data(), key->size(), value, length);
}

TcpInfo Sockets::describe(TcpFile& file) {
  if (const stack::ConnectionSlot* const slot = find_slot(file)) {
    return stack_.tcp().describe(*slot, waiting_.now());
  }
  const tcp::Listener* const listener = find_listener(file);
  return listener != nullptr ? listener_tcp_info(listener->waiting(), listener->backlog())
                             : file.last_info.value_or(initial_tcp_info());
}

bool Sockets::has_quick_acks(const TcpFile& file) {
  const stack::ConnectionSlot* const slot = find_slot(file);
  return slot == nullptr ? file.options.quick_acks
                         : !slot->connection.quick_acks().is_conversation();
}

int Sockets::get_tcp_option(TcpFile& file, int option, void* value, socklen_t* length) {
  const TcpFileOptions& options = file.options;
  const TcpConfig& config = config_.tcp;
  int number = 0;
  switch (option) {
    case TCP_NODELAY: number = options.no_delay ? 1 : 0; break;
    case TCP_CORK: number = options.cork ? 1 : 0; break;
    case TCP_QUICKACK: number = has_quick_acks(file) ? 1 : 0; break;
    case TCP_MAXSEG: number = max_segment(file, config); break;
    case TCP_KEEPIDLE: number = ceil_of<seconds>(options.keepalive.idle); break;
    case TCP_KEEPINTVL: number = ceil_of<seconds>(options.keepalive.interval); break;
    case TCP_KEEPCNT: number = static_cast<int>(options.keepalive.count); break;
    case TCP_USER_TIMEOUT: number = user_timeout(file, config); break;
    case TCP_SYNCNT:
      number =
          options.tuning.syn_retries == 0 ? syn_retries_within(config) : options.tuning.syn_retries;
      break;
    case TCP_LINGER2: number = linger_2(file, config); break;
    case TCP_DEFER_ACCEPT:
      number = ceil_of<seconds>(
          tcp::time_of(options.deferred_timeouts, config.rto_initial, config.rto_max));
      break;
    case TCP_WINDOW_CLAMP: number = window_clamp(file); break;
    case TCP_NOTSENT_LOWAT: number = static_cast<int>(options.unsent_low_water); break;
    case TCP_FASTOPEN: number = static_cast<int>(fast_open_of(file)); break;
    case TCP_FASTOPEN_KEY: return get_fast_open_key(file, value, length);
    case TCP_FASTOPEN_CONNECT: number = options.fast_open_connect ? 1 : 0; break;
    case TCP_INQ: number = options.tells_unread ? 1 : 0; break;
    case TCP_CONGESTION: return get_congestion(congestion_of(file, config), value, length);
    case TCP_CC_INFO: return get_congestion_info(file, value, length);
    case TCP_INFO: return get_tcp_info(file, value, length);
    default: return -ENOPROTOOPT;
  }
  return write_value(number, value, length);
}

int Sockets::get_tcp_info(TcpFile& file, void* value, socklen_t* length) {
  const TcpInfo info = describe(file);
  // A SYN that crossed ours is an affair of the connection; TIME-WAIT is none of the socket's.
  const bool has_crossed = file.is_opening() && info.state == TcpState::SynReceived;
  const auto bytes = kernel_tcp_info(info, has_crossed ? info.state : file.state());
  return write_bytes(bytes.data(), bytes.size(), value, length);
}

}  // namespace millrace::posix
