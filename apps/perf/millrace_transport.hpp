// The tests' TCP on Millrace: handles and handlers of one worker as channels and their users.
#pragma once

#include <millrace/worker.hpp>

#include "perf/slots.hpp"
#include "perf/transport.hpp"

namespace perf {

class MillraceTransport;

/// One connection of Millrace's.
class MillraceChannel final : public Channel, public millrace::TcpHandler {
 public:
  MillraceChannel(MillraceTransport& transport, ChannelUser* channel_user) noexcept
      : Channel{channel_user}, transport_{transport} {}

  [[nodiscard]] std::size_t send(std::span<const std::byte> bytes) override;
  [[nodiscard]] std::span<const std::byte> receive() override;
  void shutdown() override;
  void close() override;
  void abort() override;
  void watch_peer(millrace::Duration silence) override;
  [[nodiscard]] std::string peer() const override;

  void on_connected(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

  /// An accepted connection becomes this channel.
  void begin(millrace::TcpSocket socket);

 private:
  void consume_lent();

  MillraceTransport& transport_;
  millrace::TcpSocket socket_;
  std::size_t lent_ = 0;  // Bytes that `receive` has shown, still to be consumed.
};

/// One listener of Millrace's.
class MillraceAcceptor final : public Acceptor, public millrace::TcpHandler {
 public:
  MillraceAcceptor(MillraceTransport& transport, ChannelUser& user) noexcept
      : transport_{transport}, user_{user} {}

  void close() override;
  void on_accepted(millrace::TcpSocket socket) override;
  void set_listener(millrace::TcpListener listener) noexcept { listener_ = listener; }

 private:
  MillraceTransport& transport_;
  ChannelUser& user_;
  millrace::TcpListener listener_;
};

/// One worker. It must outlive the worker's last turn.
class MillraceTransport final : public Transport {
 public:
  explicit MillraceTransport(millrace::Worker& worker) noexcept : worker_{worker} {}

  [[nodiscard]] std::string_view name() const override { return "millrace"; }
  [[nodiscard]] millrace::Result<Acceptor*, std::string> listen(millrace::Port port,
                                                                ChannelUser& user) override;
  [[nodiscard]] millrace::Result<Channel*> connect(const millrace::Endpoint& peer,
                                                   const std::optional<millrace::IpAddress>& local,
                                                   ChannelUser& user, std::uint32_t tag) override;
  [[nodiscard]] bool after(millrace::Duration delay, millrace::InlineFunction function) override;
  void stop(int status) override;

  [[nodiscard]] MillraceChannel& make_channel(ChannelUser& user) {
    return channels_.make(*this, &user);
  }
  void remove(MillraceChannel& channel) noexcept { channels_.remove(channel); }
  void remove(MillraceAcceptor& acceptor) noexcept { acceptors_.remove(acceptor); }

 private:
  millrace::Worker& worker_;
  Slots<MillraceChannel> channels_;
  Slots<MillraceAcceptor> acceptors_;
};

}  // namespace perf
