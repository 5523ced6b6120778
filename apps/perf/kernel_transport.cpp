// The loop, and how connections begin.
#include "perf/kernel_transport.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

namespace perf {
namespace {

constexpr int kBacklog = 4'096;
constexpr int kEventsAtOnce = 256;
constexpr millrace::Duration kWaitMax = std::chrono::seconds{1};
constexpr std::chrono::milliseconds kListenerRest{100};
constexpr std::uint32_t kChannelEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

millrace::Duration steady_now() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::unexpected<std::string> system_failure(const std::string& what) {
  return millrace::fail(what + ": " + std::generic_category().message(errno));
}

const sockaddr* generic(const sockaddr_in& address) noexcept {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

void set_on(int descriptor, int level, int name) {
  const int on = 1;
  static_cast<void>(::setsockopt(descriptor, level, name, &on, sizeof(on)));
}

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));  // Else connections say so.
  }
}

// std's heaps have the largest in front.
constexpr auto kLater = [](const auto& one, const auto& other) {
  return std::pair{one.due, one.number} > std::pair{other.due, other.number};
};

}  // namespace

millrace::Endpoint endpoint_from(const sockaddr_in& address) noexcept {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(address.sin_addr.s_addr);
  return {millrace::IpAddress::v4(bytes), millrace::Port{ntohs(address.sin_port)}};
}

sockaddr_in address_from(const millrace::Endpoint& endpoint) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port.number());
  if (endpoint.address.is_v4()) {
    address.sin_addr.s_addr = std::bit_cast<in_addr_t>(endpoint.address.v4_bytes());
  }
  return address;
}

millrace::Result<void, std::string> KernelTransport::open() {
  allow_many_descriptors();
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) {
    return system_failure("epoll");
  }
  sigset_t asked{};
  sigemptyset(&asked);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&asked, number);
  }
  static_cast<void>(::pthread_sigmask(SIG_BLOCK, &asked, nullptr));
  signals_ = ::signalfd(-1, &asked, SFD_NONBLOCK | SFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // What no channel has.
  if (signals_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, signals_, &event) != 0) {
    return system_failure("signals");
  }
  return {};
}

KernelTransport::~KernelTransport() {
  for (const int descriptor : {signals_, epoll_}) {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  }
}

int KernelTransport::run(OnStop on_stop) {
  while (!status_) {
    if (wait()) {
      on_signal(on_stop);
    }
    fire_timers();
    read_rest();
    tell_ends();
  }
  return *status_;
}

// True after a signal.
bool KernelTransport::wait() {
  const bool is_busy = !unread_.empty() || !ended_.empty() || !closed_.empty();
  const millrace::Duration limit = is_busy ? millrace::Duration::zero() : wait_limit();
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = wait_for(events, limit);
  bool is_signalled = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      is_signalled = true;
    } else {
      static_cast<Watched*>(event.data.ptr)->on_events(event.events);
    }
  }
  return is_signalled;
}

// Linux before 5.11 counts in milliseconds; a timer is then late rather than waited for by turning.
int KernelTransport::wait_for(std::span<epoll_event> events, millrace::Duration limit) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  constexpr std::int64_t kMillion = 1'000'000;
  const auto room = static_cast<int>(events.size());
  if (waits_finely_) {
    const timespec timeout{.tv_sec = limit.count() / kBillion, .tv_nsec = limit.count() % kBillion};
    const int count = ::epoll_pwait2(epoll_, events.data(), room, &timeout, nullptr);
    if (count >= 0 || errno != ENOSYS) {
      return count;
    }
    waits_finely_ = false;
  }
  const std::int64_t milliseconds = (limit.count() + kMillion - 1) / kMillion;
  return ::epoll_wait(epoll_, events.data(), room, static_cast<int>(milliseconds));
}

millrace::Duration KernelTransport::wait_limit() const noexcept {
  if (timers_.empty()) {
    return kWaitMax;
  }
  return std::clamp(timers_.front().due - steady_now(), millrace::Duration::zero(), kWaitMax);
}

void KernelTransport::on_signal(OnStop& on_stop) {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof(info)) > 0) {
  }
  if (std::exchange(was_signalled_, true)) {
    stop(0);
    return;
  }
  const millrace::Duration granted = on_stop();
  if (granted <= millrace::Duration::zero() || !after(granted, [this] { stop(0); })) {
    stop(0);
  }
}

// Those that are set meanwhile wait for the next round.
void KernelTransport::fire_timers() {
  const millrace::Duration now = steady_now();
  const std::uint64_t set_before = timers_set_;
  while (!timers_.empty() && timers_.front().due <= now && timers_.front().number < set_before) {
    std::ranges::pop_heap(timers_, kLater);
    millrace::InlineFunction function = std::move(timers_.back().function);
    timers_.pop_back();
    function();
  }
}

void KernelTransport::read_rest() {
  for (KernelChannel* const channel : std::exchange(unread_, {})) {
    channel->read_on();
  }
}

void KernelTransport::tell_ends() {
  for (KernelAcceptor* const acceptor : std::exchange(closed_, {})) {
    acceptors_.remove(*acceptor);
  }
  for (KernelChannel* const channel : std::exchange(ended_, {})) {
    std::erase(unread_, channel);
    channel->tell_end();
    channels_.remove(*channel);
  }
}

bool KernelTransport::watch(int descriptor, Watched& watched, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watched;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

millrace::Result<Acceptor*, std::string> KernelTransport::listen(millrace::Port port,
                                                                 ChannelUser& user) {
  const std::string what = "port " + std::to_string(port.number());
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return system_failure(what);
  }
  KernelAcceptor& acceptor = acceptors_.make(*this, user, descriptor);
  set_on(descriptor, SOL_SOCKET, SO_REUSEADDR);
  set_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
  const sockaddr_in address = address_from({.address = {}, .port = port});
  if (::bind(descriptor, generic(address), sizeof(address)) != 0 ||
      ::listen(descriptor, kBacklog) != 0 || !watch(descriptor, acceptor, EPOLLIN)) {
    auto failure = system_failure(what);
    acceptors_.remove(acceptor);
    return failure;
  }
  return &acceptor;
}

void KernelTransport::accept(int descriptor, ChannelUser& user) {
  KernelChannel& channel = channels_.make(*this, &user, descriptor, false);
  user.on_open(channel);
  if (channel.descriptor() >= 0 && !watch(descriptor, channel, kChannelEvents)) {
    channel.abort();
  }
}

millrace::Result<Channel*> KernelTransport::connect(const millrace::Endpoint& peer,
                                                    const std::optional<millrace::IpAddress>& local,
                                                    ChannelUser& user, std::uint32_t tag) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return millrace::fail(error_from(errno));
  }
  KernelChannel& channel = channels_.make(*this, &user, descriptor, true);
  channel.set_tag(tag);
  set_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
  bool is_begun = true;
  if (local) {
    set_on(descriptor, SOL_IP, IP_BIND_ADDRESS_NO_PORT);
    const sockaddr_in own = address_from({.address = *local, .port = {}});
    is_begun = ::bind(descriptor, generic(own), sizeof(own)) == 0;
  }
  const sockaddr_in address = address_from(peer);
  is_begun = is_begun && (::connect(descriptor, generic(address), sizeof(address)) == 0 ||
                          errno == EINPROGRESS);
  if (!is_begun || !watch(descriptor, channel, kChannelEvents)) {
    const int error = errno;
    channels_.remove(channel);
    // With a local address free ports are what is lacking; without, bind has not been asked.
    return millrace::fail(!local && error == EADDRNOTAVAIL ? millrace::Error::AddressInUse
                                                           : error_from(error));
  }
  return &channel;
}

bool KernelTransport::after(millrace::Duration delay, millrace::InlineFunction function) {
  timers_.push_back({steady_now() + std::max(delay, millrace::Duration::zero()), timers_set_++,
                     std::move(function)});
  std::ranges::push_heap(timers_, kLater);
  return true;
}

void KernelTransport::rest(KernelAcceptor& acceptor) {
  static_cast<void>(::epoll_ctl(epoll_, EPOLL_CTL_DEL, acceptor.descriptor(), nullptr));
  // By its descriptor, which is another's, if anybody's, once the listener is closed.
  static_cast<void>(after(kListenerRest, [this, &acceptor, descriptor = acceptor.descriptor()] {
    if (acceptors_.holds(acceptor) && acceptor.descriptor() == descriptor) {
      static_cast<void>(watch(descriptor, acceptor, EPOLLIN));
    }
  }));
}

void KernelTransport::stop(int status) {
  if (!status_) {
    status_ = status;
  }
}

}  // namespace perf
