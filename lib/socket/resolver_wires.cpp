// Each descriptor of c-ares is a wire: one connection, or the UDP sockets of the questions to a
// server, and their handler.
#include "socket/resolver_wires.hpp"

#include <netinet/in.h>
#include <sys/uio.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "socket/dns_question.hpp"

namespace millrace::socket {

namespace {

// Ports that one server is asked from at once; further questions share the last. With eight servers
// it leaves half of a core's sockets to others.
constexpr std::size_t kPortsMax = 64;
// How long an answer is waited for at a port; c-ares has asked again by then, or given up.
constexpr Duration kPatience = std::chrono::seconds{30};

/// Hears of connections that nobody waits for any more.
TcpHandler& nobody() {
  static TcpHandler handler;
  return handler;
}

int to_errno(Error error) noexcept {
  switch (error) {
    case Error::WouldBlock:
    case Error::OutOfPackets: return EWOULDBLOCK;
    case Error::ConnectionRefused: return ECONNREFUSED;
    case Error::NetworkUnreachable: return ENETUNREACH;
    case Error::HostUnreachable: return EHOSTUNREACH;
    case Error::TimedOut: return ETIMEDOUT;
    default: return ECONNRESET;
  }
}

template <class T>
T failed(int why) noexcept {
  errno = why;
  return T{-1};
}

Endpoint endpoint_of(const sockaddr* address) noexcept {
  sockaddr_in internet{};
  std::memcpy(&internet, address, sizeof internet);
  return {.address =
              IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(internet.sin_addr.s_addr)),
          .port = Port{ntohs(internet.sin_port)}};
}

void store(const Endpoint& endpoint, sockaddr* into, ares_socklen_t* bytes) noexcept {
  if (into == nullptr || bytes == nullptr || *bytes < sizeof(sockaddr_in)) {
    return;
  }
  sockaddr_in internet{};
  internet.sin_family = AF_INET;
  internet.sin_port = htons(endpoint.port.number());
  internet.sin_addr.s_addr = std::bit_cast<in_addr_t>(endpoint.address.v4_bytes());
  std::memcpy(into, &internet, sizeof internet);
  *bytes = sizeof internet;
}

}  // namespace

class ResolverWires::Wire final : public UdpHandler, public TcpHandler {
 public:
  Wire(ResolverWires& wires, ares_socket_t descriptor, bool is_stream) noexcept
      : wires_{wires}, descriptor_{descriptor}, is_stream_{is_stream} {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() override {
    for (const Asked& asked : asked_) {
      static_cast<void>(asked.socket.close());
    }
    static_cast<void>(tcp_.set_handler(nobody()));
    if (!tcp_.close()) {
      static_cast<void>(tcp_.abort());
    }
  }

  int connect(Worker& worker, const Endpoint& server) {
    if (is_stream_) {
      const auto opened = worker.connect(server, *this);
      if (!opened) {
        return failed<int>(to_errno(opened.error()));
      }
      tcp_ = *opened;
      return failed<int>(EINPROGRESS);
    }
    server_ = server;
    return 0;
  }

  ares_ssize_t receive(std::span<std::byte> into, sockaddr* from, ares_socklen_t* from_bytes) {
    ++reads_;
    if (is_stream_) {
      const auto count = tcp_.receive(into);
      if (count || count.error() == Error::EndOfStream) {
        return static_cast<ares_ssize_t>(count.value_or(0));
      }
      return failed<ares_ssize_t>(to_errno(error_.value_or(count.error())));
    }
    for (auto asked = asked_.begin(); asked != asked_.end(); ++asked) {
      while (const auto datagram = asked->socket.receive()) {
        const std::size_t bytes = datagram->payload.copy_to(into);
        // RFC 5452 §9.1: what was not asked from this very port is no answer, though c-ares, which
        // knows no ports, may have asked it from another.
        if (std::erase(asked->open, question_of(into.first(bytes))) == 0) {
          continue;
        }
        ++wires_.replies_;
        store(datagram->source, from, from_bytes);
        if (asked->open.empty() && asked->socket.close()) {
          asked_.erase(asked);  // No other answer is waited for there.
        }
        wires_.on_reply_(into.first(bytes));
        return static_cast<ares_ssize_t>(bytes);
      }
    }
    return failed<ares_ssize_t>(to_errno(std::exchange(error_, {}).value_or(Error::WouldBlock)));
  }

  ares_ssize_t send(std::span<const std::byte> bytes) {
    if (is_stream_) {
      const auto taken = tcp_.send(bytes);
      can_write_ = taken && *taken == bytes.size();  // Else on_writable follows.
      return taken ? static_cast<ares_ssize_t>(*taken)
                   : failed<ares_ssize_t>(to_errno(taken.error()));
    }
    const auto sent = ask(bytes);
    return sent ? static_cast<ares_ssize_t>(bytes.size())
                : failed<ares_ssize_t>(to_errno(sent.error()));
  }

  void on_readable(UdpSocket) override { wires_.serve(descriptor_); }
  void on_error(UdpSocket, const UdpError& error) override {
    error_ = error.error;
    wires_.serve(descriptor_);
  }
  void on_connected(TcpSocket) override { writable(); }
  void on_writable(TcpSocket) override { writable(); }
  void on_readable(TcpSocket) override { wires_.serve(descriptor_); }
  void on_peer_finished(TcpSocket) override { wires_.serve(descriptor_); }
  void on_closed(TcpSocket, Result<void> outcome) override {
    error_ = outcome ? Error::ConnectionReset : outcome.error();
    can_write_ = false;
    tcp_ = {};
    wires_.serve(descriptor_);
  }

  void note_wish(bool writes) noexcept { wants_to_write_ = writes; }
  [[nodiscard]] bool is_due_to_write() const noexcept { return wants_to_write_ && can_write_; }
  [[nodiscard]] bool has_more() const {
    return tcp_.readable() > 0 || std::ranges::any_of(asked_, [](const Asked& asked) {
             return asked.socket.readable() > 0;
           });
  }
  [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }

 private:
  /// A port that something was asked from.
  struct Asked {
    UdpSocket socket;
    std::vector<std::vector<std::byte>> open{};  // What `question_of` says, not answered.
    Instant last{};                              // When it was asked from last.
  };

  /// RFC 5452 §9.2: from a port of its own, drawn at random, so that who forges an answer has to
  /// guess that, too.
  Result<void> ask(std::span<const std::byte> question) {
    const Instant now = wires_.worker_.now();
    while (!asked_.empty() && asked_.front().last + kPatience <= now) {
      static_cast<void>(asked_.front().socket.close());
      asked_.erase(asked_.begin());
    }
    if (asked_.size() < kPortsMax) {
      const auto opened = wires_.worker_.open_udp({.peer = server_}, *this);
      if (opened) {
        asked_.push_back({.socket = *opened});
      } else if (asked_.empty()) {
        return fail(opened.error());
      }
    }
    asked_.back().open.push_back(question_of(question));
    asked_.back().last = now;
    return asked_.back().socket.send(question);
  }
  void writable() {
    can_write_ = true;
    wires_.on_ready_(ARES_SOCKET_BAD, descriptor_);  // c-ares may destroy this inside.
  }

  ResolverWires& wires_;
  ares_socket_t descriptor_;
  bool is_stream_;
  Endpoint server_;
  std::vector<Asked> asked_;  // Oldest first.
  TcpSocket tcp_;
  std::optional<Error> error_;  // Told once to whoever reads.
  std::uint64_t reads_ = 0;
  bool wants_to_write_ = false;
  bool can_write_ = false;
};

ResolverWires::ResolverWires(Worker& worker, OnReady on_ready, OnReply on_reply)
    : worker_{worker}, on_ready_{std::move(on_ready)}, on_reply_{std::move(on_reply)} {}

ResolverWires::~ResolverWires() = default;

const ares_socket_functions& ResolverWires::functions() noexcept {
  static constexpr ares_socket_functions kFunctions{.asocket = &ResolverWires::open,
                                                    .aclose = &ResolverWires::close,
                                                    .aconnect = &ResolverWires::connect,
                                                    .arecvfrom = &ResolverWires::receive,
                                                    .asendv = &ResolverWires::send};
  return kFunctions;
}

ares_socket_t ResolverWires::open(int family, int type, int /*protocol*/, void* self) {
  ResolverWires& wires = *static_cast<ResolverWires*>(self);
  if (family != AF_INET) {
    return failed<ares_socket_t>(EAFNOSUPPORT);
  }
  auto free = std::ranges::find_if(wires.wires_, [](const auto& wire) { return !wire; });
  if (free == wires.wires_.end()) {
    free = wires.wires_.insert(free, nullptr);
  }
  const auto descriptor = static_cast<ares_socket_t>(free - wires.wires_.begin() + 1);
  *free = std::make_unique<Wire>(wires, descriptor, type == SOCK_STREAM);
  return descriptor;
}

int ResolverWires::close(ares_socket_t descriptor, void* self) {
  ResolverWires& wires = *static_cast<ResolverWires*>(self);
  if (wires.find(descriptor) == nullptr) {
    return failed<int>(EBADF);
  }
  wires.wires_[static_cast<std::size_t>(descriptor - 1)].reset();
  return 0;
}

int ResolverWires::connect(ares_socket_t descriptor, const sockaddr* address,
                           ares_socklen_t /*bytes*/, void* self) {
  ResolverWires& wires = *static_cast<ResolverWires*>(self);
  Wire* const wire = wires.find(descriptor);
  return wire == nullptr ? failed<int>(EBADF) : wire->connect(wires.worker_, endpoint_of(address));
}

// Seven parameters, because c-ares calls it so.
ares_ssize_t ResolverWires::receive(ares_socket_t descriptor, void* into, std::size_t bytes,
                                    int /*flags*/, sockaddr* from, ares_socklen_t* from_bytes,
                                    void* self) {
  Wire* const wire = static_cast<ResolverWires*>(self)->find(descriptor);
  return wire == nullptr ? failed<ares_ssize_t>(EBADF)
                         : wire->receive({static_cast<std::byte*>(into), bytes}, from, from_bytes);
}

ares_ssize_t ResolverWires::send(ares_socket_t descriptor, const iovec* pieces, int count,
                                 void* self) {
  Wire* const wire = static_cast<ResolverWires*>(self)->find(descriptor);
  if (wire == nullptr) {
    return failed<ares_ssize_t>(EBADF);
  }
  std::vector<std::byte> bytes;
  for (const iovec& piece : std::span{pieces, static_cast<std::size_t>(count)}) {
    const auto* const first = static_cast<const std::byte*>(piece.iov_base);
    bytes.insert(bytes.end(), first, first + piece.iov_len);
  }
  return wire->send(bytes);
}

void ResolverWires::note_wish(ares_socket_t descriptor, bool writes) noexcept {
  if (Wire* const wire = find(descriptor)) {
    wire->note_wish(writes);
  }
}

bool ResolverWires::has_something_to_write() const noexcept {
  return std::ranges::any_of(wires_,
                             [](const auto& wire) { return wire && wire->is_due_to_write(); });
}

void ResolverWires::write_what_waits() {
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    if (wires_[i] && wires_[i]->is_due_to_write()) {
      on_ready_(ARES_SOCKET_BAD, static_cast<ares_socket_t>(i + 1));
    }
  }
}

/// c-ares expects to be called again while something is left, such as the text behind a length,
/// which it reads first; our events come once. It may destroy the wire inside.
void ResolverWires::serve(ares_socket_t descriptor) {
  bool goes_on = true;
  while (goes_on) {
    const Wire* const before = find(descriptor);
    const std::uint64_t reads = before->reads();
    on_ready_(descriptor, ARES_SOCKET_BAD);
    const Wire* const wire = find(descriptor);
    goes_on = wire == before && wire->reads() != reads && wire->has_more();
  }
}

ResolverWires::Wire* ResolverWires::find(ares_socket_t descriptor) const noexcept {
  const auto index = static_cast<std::size_t>(descriptor) - 1;
  return index < wires_.size() ? wires_[index].get() : nullptr;
}

}  // namespace millrace::socket
