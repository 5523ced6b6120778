// ResolverCore: what stands behind the public Resolver and millrace_getaddrinfo: hosts file, cache,
// a channel of c-ares, its sockets and its timer.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ares.h>

#include <millrace/resolver.hpp>

#include "socket/hosts_file.hpp"
#include "socket/name_cache.hpp"
#include "socket/resolv_conf.hpp"
#include "socket/resolver_wires.hpp"

namespace millrace::socket {

class ResolverCore {
 public:
  using Answer = Result<NameAnswer>;
  using OnAnswer = std::move_only_function<void(const Answer&)>;
  /// Names one question; never used twice.
  using Ticket = std::uint64_t;

  /// Checks the options, reads the files and opens the channel. The error is a sentence.
  [[nodiscard]] static Result<std::unique_ptr<ResolverCore>, std::string> create(
      Worker& worker, const ResolverOptions& options);
  ResolverCore(const ResolverCore&) = delete;
  ResolverCore& operator=(const ResolverCore&) = delete;
  ~ResolverCore();

  /// What is known without asking anybody.
  [[nodiscard]] std::optional<Answer> known(std::string_view name) const;
  /// As Resolver::resolve.
  Result<Ticket> resolve(std::string_view name, OnAnswer done);
  /// `done` is destroyed uncalled, if it was not called yet.
  void forget(Ticket ticket);
  [[nodiscard]] std::size_t pending() const noexcept;
  [[nodiscard]] std::size_t cached() const noexcept { return cache_.size(); }

 private:
  struct Query {
    ResolverCore& core;
    Ticket ticket;
    std::string name;  // As it was asked for.
    std::string key;   // As the cache knows it.
    OnAnswer done;     // Empty once it was called or forgotten.
    Instant deadline;
    std::uint64_t replies_before;  // That name servers had sent.
    std::optional<Answer> answer;  // Once it is known.
    bool was_asked = false;
    bool is_at_ares = false;  // c-ares has its address.
    Instant late_from{};      // Its first datagram was answered by then, or is lost.
  };

  ResolverCore(Worker& worker, const ResolverOptions& options, HostsFile hosts);
  [[nodiscard]] Result<void, std::string> open(const ResolverOptions& options,
                                               const ResolvConf& conf);
  [[nodiscard]] bool set_servers(const std::vector<Endpoint>& servers);
  static void on_answer(void* query, int status, int timeouts, ares_addrinfo* info);
  static void on_wish(void* self, ares_socket_t descriptor, int reads, int writes);
  void ask(Query& query);
  void ask_waiting();
  void note_reply(std::span<const std::byte> message);
  void remember_failure(const Query& query, Error error);
  void note_answer(Query& query, int status, const ares_addrinfo* info);
  [[nodiscard]] Error error_of(const Query& query, int status) const noexcept;
  void process(ares_socket_t readable, ares_socket_t writable);
  void on_timer();
  [[nodiscard]] bool set_timer();
  [[nodiscard]] std::optional<Duration> next_delay() const;
  void give_up_late(Instant limit, Error why);
  void tell();

  Worker& worker_;
  std::uint32_t queries_max_;
  Duration limit_;
  HostsFile hosts_;
  std::vector<std::string> search_;  // As c-ares tries them.
  // By name as it was asked for; what servers deny also by the name that they were asked for, which
  // is the one with a dot at its end.
  NameCache cache_;
  ResolverWires wires_;
  ares_channel channel_ = nullptr;
  bool has_servers_ = false;
  std::list<Query> queries_;  // In the order in which they were asked, and so by deadline.
  Duration timeout_{};        // For the first answer.
  Ticket last_ticket_ = 0;
  Timer timer_;
  bool is_closing_ = false;
  bool* is_alive_ =
      nullptr;  // While a `done` runs: what it finds false when it has destroyed this.
};

}  // namespace millrace::socket
