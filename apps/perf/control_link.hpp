// One end of a control connection: messages in, messages out, and the news that the other end is
// gone.
#pragma once

#include <string>
#include <string_view>

#include "perf/control_message.hpp"
#include "perf/transport.hpp"

namespace perf {

class ControlLink;

/// Hears of one link.
class ControlUser {
 public:
  virtual ~ControlUser() = default;

  /// The client's end is connected.
  virtual void on_link_open(ControlLink& /*link*/) {}
  virtual void on_message(ControlLink& link, const message::Any& message) = 0;
  /// The link is over: `why` is empty if it was closed in order, else a sentence. The last event.
  virtual void on_link_over(ControlLink& link, const std::string& why) = 0;
};

/// A channel's user, from the time that it is open.
class ControlLink final : public ChannelUser {
 public:
  explicit ControlLink(ControlUser& user) noexcept : user_{user} {}

  /// The server's end: a channel that was accepted.
  void begin(Channel& channel);
  void send(const message::Any& message);
  void close();
  void abort();
  [[nodiscard]] bool is_open() const noexcept { return channel_ != nullptr; }
  [[nodiscard]] std::string peer() const {
    return channel_ != nullptr ? channel_->peer() : "a peer that is gone";
  }

  void on_open(Channel& channel) override;
  void on_readable(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_finished(Channel& channel) override;
  void on_closed(Channel& channel, millrace::Result<void> outcome) override;

 private:
  void flush();

  ControlUser& user_;
  Channel* channel_ = nullptr;
  message::Reader reader_;
  std::string unsent_;
  std::string failure_;
  bool is_closing_ = false;
};

}  // namespace perf
