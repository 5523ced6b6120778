// TCP as the tests see it, whichever stack carries it: connections, listeners and timers in one
// thread. Two implementations do the same work: millrace_transport.hpp and kernel_transport.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/function.hpp>
#include <millrace/time.hpp>

namespace perf {

class Channel;

/// Hears of a channel's events. No call on a channel or transport calls it from inside.
class ChannelUser {
 public:
  virtual ~ChannelUser() = default;

  /// It is connected, or was accepted.
  virtual void on_open(Channel& channel) = 0;
  /// Bytes have arrived: call `Channel::receive` until it is empty.
  virtual void on_readable(Channel& channel) = 0;
  /// After `Channel::send` took less than all: there is room again.
  virtual void on_writable(Channel& /*channel*/) {}
  /// The peer has finished sending, and all of it was received. Answer with `close` or `shutdown`.
  virtual void on_finished(Channel& channel) = 0;
  /// It is over, in order or for this reason; the last event. The channel is gone afterwards.
  virtual void on_closed(Channel& channel, millrace::Result<void> outcome) = 0;
};

/// One connection. Its transport owns it; it lives until `on_closed` has returned.
class Channel {
 public:
  explicit Channel(ChannelUser* user) noexcept : user_{user} {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Takes a copy of as many bytes as there is room for; if not all, `on_writable` follows.
  [[nodiscard]] virtual std::size_t send(std::span<const std::byte> bytes) = 0;
  /// The next bytes that have arrived, which are thereby received; empty if there are none. Valid
  /// until anything else is called on the transport or its channels.
  [[nodiscard]] virtual std::span<const std::byte> receive() = 0;
  /// Nothing more will be sent.
  virtual void shutdown() = 0;
  /// Ends it in order, what was sent first. `on_closed` follows.
  virtual void close() = 0;
  /// Ends it with a reset. `on_closed` follows.
  virtual void abort() = 0;
  /// A peer that is silent for so long is asked whether it is there, and given up soon after.
  virtual void watch_peer(millrace::Duration silence) = 0;
  /// "198.18.0.1:40000", of the other end.
  [[nodiscard]] virtual std::string peer() const = 0;

  void set_user(ChannelUser& user) noexcept { user_ = &user; }
  /// A number of the user's choosing, such as an index; zero at first.
  void set_tag(std::uint32_t tag) noexcept { tag_ = tag; }
  [[nodiscard]] std::uint32_t tag() const noexcept { return tag_; }

 protected:
  ~Channel() = default;
  [[nodiscard]] ChannelUser& user() const noexcept { return *user_; }

 private:
  ChannelUser* user_;
  std::uint32_t tag_ = 0;
};

/// A listener; its transport owns it. It goes on until the transport ends or it is closed.
class Acceptor {
 public:
  Acceptor() = default;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Accepts no more. It is gone afterwards.
  virtual void close() = 0;

 protected:
  ~Acceptor() = default;
};

/// One thread's TCP.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// "millrace" or "kernel".
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Every connection accepted is `user`'s, which must outlive them. The error is a sentence.
  [[nodiscard]] virtual millrace::Result<Acceptor*, std::string> listen(millrace::Port port,
                                                                        ChannelUser& user) = 0;
  /// From `local` if it is given. `on_open` or `on_closed` follows, with this tag on the channel.
  [[nodiscard]] virtual millrace::Result<Channel*> connect(
      const millrace::Endpoint& peer, const std::optional<millrace::IpAddress>& local,
      ChannelUser& user, std::uint32_t tag) = 0;
  /// Calls `function` once after `delay`, never from inside. False if no timer is free.
  [[nodiscard]] virtual bool after(millrace::Duration delay, millrace::InlineFunction function) = 0;
  /// Ends the program with this status once the present event is dealt with.
  virtual void stop(int status) = 0;

 protected:
  ~Transport() = default;
};

}  // namespace perf
