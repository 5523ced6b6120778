// A peer that is gone without a word is missed after some seconds.
#include "perf/control_link.hpp"

#include <chrono>
#include <span>

namespace perf {
namespace {

constexpr millrace::Duration kSilence = std::chrono::seconds{3};

}  // namespace

void ControlLink::begin(Channel& channel) {
  channel_ = &channel;
  channel.set_user(*this);
  channel.watch_peer(kSilence);
}

void ControlLink::on_open(Channel& channel) {
  begin(channel);
  user_.on_link_open(*this);
}

void ControlLink::send(const message::Any& message) {
  unsent_ += message::encode(message);
  flush();
}

void ControlLink::flush() {
  if (channel_ != nullptr && !unsent_.empty()) {
    unsent_.erase(0, channel_->send(std::as_bytes(std::span{unsent_})));
  }
}

void ControlLink::close() {
  is_closing_ = true;
  if (channel_ != nullptr) {
    channel_->close();
  }
}

void ControlLink::abort() {
  if (channel_ != nullptr) {
    channel_->abort();
  }
}

void ControlLink::on_readable(Channel& channel) {
  for (auto bytes = channel.receive(); !bytes.empty(); bytes = channel.receive()) {
    reader_.add(bytes);
    // Before more is taken, so that nobody makes us keep more than a message and a piece.
    while (failure_.empty()) {
      const auto next = reader_.next();
      if (!next) {
        failure_ = next.error();
        channel.abort();
        return;
      }
      if (!*next) {
        break;
      }
      user_.on_message(*this, **next);
    }
  }
}

void ControlLink::on_writable(Channel& /*channel*/) { flush(); }

void ControlLink::on_finished(Channel& channel) {
  if (!is_closing_ && failure_.empty()) {
    failure_ = "it has closed the control connection";
  }
  channel.close();
}

void ControlLink::on_closed(Channel& /*channel*/, millrace::Result<void> outcome) {
  if (!outcome && failure_.empty() && !is_closing_) {
    failure_ = "the control connection has ended: " + std::string{to_string(outcome.error())};
  }
  channel_ = nullptr;
  user_.on_link_over(*this, failure_);
}

}  // namespace perf
