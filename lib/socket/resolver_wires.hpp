// ResolverWires: the sockets that c-ares asks name servers through: ours, behind the functions that
// it calls instead of the kernel's. What is asked, and when, is up to c-ares.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <ares.h>

#include <millrace/worker.hpp>

namespace millrace::socket {

class ResolverWires {
 public:
  /// `on_ready(readable, writable)`: descriptors to process, ARES_SOCKET_BAD for none.
  using OnReady = std::move_only_function<void(ares_socket_t readable, ares_socket_t writable)>;
  /// A datagram that answers a question which is open, before c-ares has it.
  using OnReply = std::move_only_function<void(std::span<const std::byte> message)>;

  /// `worker` must outlive it.
  ResolverWires(Worker& worker, OnReady on_ready, OnReply on_reply);
  ResolverWires(const ResolverWires&) = delete;
  ResolverWires& operator=(const ResolverWires&) = delete;
  /// Closes what is open.
  ~ResolverWires();

  /// What c-ares has to call; this object is their last argument.
  [[nodiscard]] static const ares_socket_functions& functions() noexcept;
  /// c-ares has something to write there, or no more.
  void note_wish(ares_socket_t descriptor, bool writes) noexcept;
  /// A connection that is there, and has room, waits for something that c-ares has to write: no
  /// event will say so.
  [[nodiscard]] bool has_something_to_write() const noexcept;
  void write_what_waits();
  /// Datagrams that name servers have sent.
  [[nodiscard]] std::uint64_t replies() const noexcept { return replies_; }

 private:
  class Wire;

  [[nodiscard]] static ares_socket_t open(int family, int type, int protocol, void* self);
  [[nodiscard]] static int close(ares_socket_t descriptor, void* self);
  [[nodiscard]] static int connect(ares_socket_t descriptor, const sockaddr* address,
                                   ares_socklen_t bytes, void* self);
  [[nodiscard]] static ares_ssize_t receive(ares_socket_t descriptor, void* into, std::size_t bytes,
                                            int flags, sockaddr* from, ares_socklen_t* from_bytes,
                                            void* self);
  [[nodiscard]] static ares_ssize_t send(ares_socket_t descriptor, const iovec* pieces, int count,
                                         void* self);
  [[nodiscard]] Wire* find(ares_socket_t descriptor) const noexcept;
  void serve(ares_socket_t descriptor);

  Worker& worker_;
  OnReady on_ready_;
  OnReply on_reply_;
  std::vector<std::unique_ptr<Wire>> wires_;  // By descriptor, counted from one; null: free.
  std::uint64_t replies_ = 0;
};

}  // namespace millrace::socket
