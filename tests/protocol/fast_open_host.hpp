// FastOpenHost: a stack that opens, or is opened to, with Fast Open (RFC 7413).
#pragma once

#include <optional>
#include <string_view>

#include "stack/stack_host.hpp"

namespace millrace::stack {

using wire::FastOpenCookie;

class FastOpenHost : public StackHost {
 protected:
  static constexpr std::uint16_t kOpenPort = 9'000;

  void start_listening(std::uint32_t limit = 4) {
    start();
    listener = tcp().listen({.port = kServerPort, .fast_open = limit}, recorder).value();
  }
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }
  PeerSegment fast_syn(std::uint16_t port, const FastOpenCookie& cookie, std::string_view text) {
    PeerSegment syn{
        .flags = kSyn, .seq = SeqNum{1'000}, .payload = bytes_of_text(text), .from = port};
    syn.options.mss = 1'460;
    syn.options.fast_open = cookie;
    return syn;
  }
  /// As a client that has none yet.
  FastOpenCookie ask_for_cookie(std::uint16_t port = 39'999) {
    send(fast_syn(port, {}, ""));
    const auto answer = next_tcp();
    EXPECT_TRUE(answer && answer->options.fast_open);
    send({.flags = kRst, .seq = SeqNum{1'001}, .from = port});
    return answer->options.fast_open.value_or(FastOpenCookie{});
  }
  /// Opens with data and takes the SYN,ACK.
  Peer fast_open(std::uint16_t port, const FastOpenCookie& cookie, std::string_view text) {
    send(fast_syn(port, cookie, text));
    const auto answer = next_tcp();
    EXPECT_TRUE(answer && answer->tcp.flags.bits() == (kSyn | kAck));
    return {.port = port,
            .seq = SeqNum{1'001} + static_cast<std::uint32_t>(text.size()),
            .ack = answer ? answer->tcp.seq + 1 : SeqNum{0}};
  }

  static FastOpenCookie a_cookie() {
    FastOpenCookie cookie;
    for (unsigned i = 0; i < 8; ++i) {
      EXPECT_TRUE(cookie.push_back(static_cast<std::byte>(0x30 + i)));
    }
    return cookie;
  }
  TcpSocket connect(std::string_view text) {
    const auto data = std::as_bytes(std::span{text});
    const auto handle = tcp().connect(now, {.address = kPeer, .port = Port{kOpenPort}}, recorder,
                                      {.data = data, .fast_open = true});
    EXPECT_TRUE(handle.has_value());
    turn();
    return socket_of(handle.value());
  }
  /// The peer's SYN,ACK for `syn`, which acknowledges `bytes` of its data.
  PeerSegment answer_to(const SentTcp& syn, std::uint32_t bytes,
                        std::optional<FastOpenCookie> cookie = {}) {
    PeerSegment answer{.flags = kSyn | kAck,
                       .seq = SeqNum{5'000},
                       .ack = syn.tcp.seq + 1 + bytes,
                       .from = kOpenPort,
                       .to = syn.tcp.source_port};
    answer.options.mss = 1'460;
    answer.options.fast_open = cookie;
    return answer;
  }
  /// Once, so that the next open has a cookie.
  void learn_cookie() {
    TcpSocket socket = connect("");
    const auto syn = next_tcp();
    ASSERT_TRUE(syn && syn->options.fast_open && syn->options.fast_open->empty());
    send(answer_to(*syn, 0, a_cookie()));
    ASSERT_EQ(next_flags(), kAck);
    ASSERT_TRUE(socket.abort().has_value());
    turn();
    sent.clear();
    recorder.heard.clear();
  }

  Recorder recorder;
  base::SlotHandle listener;
};

}  // namespace millrace::stack
