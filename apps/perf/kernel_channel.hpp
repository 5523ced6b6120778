// A connection and a listener of Linux's as the tests see them: descriptors without blocking, told
// by epoll what has changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "perf/transport.hpp"

namespace perf {

class KernelTransport;

/// What epoll's events are for.
class Watched {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Watched() = default;
};

/// The error that an errno means.
[[nodiscard]] millrace::Error error_from(int system_error) noexcept;

/// One connection. Events are edges: each says that something may have changed since the last.
class KernelChannel final : public Channel, public Watched {
 public:
  /// `descriptor` is the channel's from now on.
  KernelChannel(KernelTransport& transport, ChannelUser* channel_user, int descriptor,
                bool is_connecting) noexcept
      : Channel{channel_user},
        transport_{transport},
        descriptor_{descriptor},
        is_connecting_{is_connecting} {}
  ~KernelChannel();

  [[nodiscard]] std::size_t send(std::span<const std::byte> bytes) override;
  [[nodiscard]] std::span<const std::byte> receive() override;
  void shutdown() override;
  void close() override;
  void abort() override;
  void watch_peer(millrace::Duration silence) override;
  [[nodiscard]] std::string peer() const override;

  void on_events(std::uint32_t events) override;
  /// Tells the user of what is there to be read, so much of it in one go.
  void read_on();
  /// Tells the user how it ended; the last call.
  void tell_end();
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  void end(millrace::Result<void> outcome);
  void tell_finish();
  [[nodiscard]] int pending_error() const noexcept;

  KernelTransport& transport_;
  millrace::Result<void> outcome_{};
  std::size_t budget_ = 0;  // Bytes that may still be read before others have their turn.
  int descriptor_;
  int read_error_ = 0;
  bool is_connecting_;
  bool is_readable_ = false;
  bool wants_room_ = false;
  bool end_is_announced_ = false;  // By epoll.
  bool has_seen_end_ = false;      // By reading.
  bool has_told_end_ = false;
  bool is_over_ = false;
};

/// One listener.
class KernelAcceptor final : public Acceptor, public Watched {
 public:
  KernelAcceptor(KernelTransport& transport, ChannelUser& user, int descriptor) noexcept
      : transport_{transport}, user_{user}, descriptor_{descriptor} {}
  ~KernelAcceptor();

  void close() override;
  void on_events(std::uint32_t events) override;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  KernelTransport& transport_;
  ChannelUser& user_;
  int descriptor_;
};

}  // namespace perf
