// The tests' TCP on Linux's sockets: one epoll set, one thread, a heap of timers. Everything that
// ends is told of and freed at the end of a round, so that no event meets what is gone.
#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "perf/kernel_channel.hpp"
#include "perf/slots.hpp"
#include "perf/transport.hpp"

namespace perf {

/// An IPv4 socket address as an endpoint, and the other way round.
[[nodiscard]] millrace::Endpoint endpoint_from(const sockaddr_in& address) noexcept;
[[nodiscard]] sockaddr_in address_from(const millrace::Endpoint& endpoint) noexcept;

/// Use it on one thread. It must outlive what its users still hold of it.
class KernelTransport final : public Transport {
 public:
  /// What a signal asks for: returns for how long the loop may go on; zero ends it.
  using OnStop = std::move_only_function<millrace::Duration()>;

  /// The error is a sentence.
  [[nodiscard]] millrace::Result<void, std::string> open();
  KernelTransport() = default;
  ~KernelTransport();

  /// Turns until `stop`, or SIGINT, SIGTERM or SIGHUP and what `on_stop` grants; returns the status
  /// that `stop` was given.
  [[nodiscard]] int run(OnStop on_stop);

  [[nodiscard]] std::string_view name() const override { return "kernel"; }
  [[nodiscard]] millrace::Result<Acceptor*, std::string> listen(millrace::Port port,
                                                                ChannelUser& user) override;
  [[nodiscard]] millrace::Result<Channel*> connect(const millrace::Endpoint& peer,
                                                   const std::optional<millrace::IpAddress>& local,
                                                   ChannelUser& user, std::uint32_t tag) override;
  [[nodiscard]] bool after(millrace::Duration delay, millrace::InlineFunction function) override;
  void stop(int status) override;

  /// For channels and acceptors.
  void accept(int descriptor, ChannelUser& user);
  void end_later(KernelChannel& channel) { ended_.push_back(&channel); }
  void end_later(KernelAcceptor& acceptor) { closed_.push_back(&acceptor); }
  void read_again(KernelChannel& channel) { unread_.push_back(&channel); }
  /// No descriptors are left: this listener waits for a moment.
  void rest(KernelAcceptor& acceptor);
  [[nodiscard]] std::span<std::byte> receive_buffer() noexcept { return receive_buffer_; }

 private:
  struct Pending {
    millrace::Duration due;  // Of the steady clock.
    std::uint64_t number;    // Timers of one time go off in the order of their setting.
    millrace::InlineFunction function;
  };

  [[nodiscard]] bool watch(int descriptor, Watched& watched, std::uint32_t events);
  [[nodiscard]] int wait_for(std::span<epoll_event> events, millrace::Duration limit);
  [[nodiscard]] millrace::Duration wait_limit() const noexcept;
  [[nodiscard]] bool wait();
  void fire_timers();
  void read_rest();
  void tell_ends();
  void on_signal(OnStop& on_stop);

  int epoll_ = -1;
  int signals_ = -1;
  bool was_signalled_ = false;
  bool waits_finely_ = true;
  std::optional<int> status_;
  std::uint64_t timers_set_ = 0;
  std::vector<Pending> timers_;  // A heap, the next one in front.
  std::vector<KernelChannel*> ended_;
  std::vector<KernelAcceptor*> closed_;
  std::vector<KernelChannel*> unread_;
  std::vector<std::byte> receive_buffer_ = std::vector<std::byte>(256UL * 1024);
  Slots<KernelChannel> channels_;
  Slots<KernelAcceptor> acceptors_;
};

}  // namespace perf
