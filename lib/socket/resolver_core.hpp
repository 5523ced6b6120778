// ResolverCore: what stands behind the public Resolver: hosts file, cache, a channel of c-ares, its
// sockets and its timer.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ares.h>

#include <millrace/resolver.hpp>

#include "socket/hosts_file.hpp"
#include "socket/name_cache.hpp"
#include "socket/resolver_wires.hpp"

namespace millrace::socket {

class ResolverCore {
 public:
  ResolverCore(Worker& worker, const ResolverOptions& options, HostsFile hosts);
  ResolverCore(const ResolverCore&) = delete;
  ResolverCore& operator=(const ResolverCore&) = delete;
  ~ResolverCore();

  /// Opens the channel, which reads resolv.conf. The error is a sentence.
  [[nodiscard]] Result<void, std::string> open(const ResolverOptions& options);

  Result<void> resolve(std::string_view name, Resolver::OnResolved done);
  [[nodiscard]] std::size_t pending() const noexcept { return queries_.size(); }
  [[nodiscard]] std::size_t cached() const noexcept { return cache_.size(); }

 private:
  using Answer = Result<std::vector<IpAddress>>;

  struct Query {
    ResolverCore& core;
    std::string name;
    Resolver::OnResolved done;
    std::optional<Answer> answer;  // Once it is known.
    std::list<Query>::iterator place{};
  };

  static void on_answer(void* query, int status, int timeouts, ares_addrinfo* info);
  void note_answer(Query& query, int status, const ares_addrinfo* info);
  [[nodiscard]] std::optional<Answer> known(std::string_view name) const;
  void process(ares_socket_t readable, ares_socket_t writable);
  void on_timer();
  void set_timer();
  void tell();

  Worker& worker_;
  std::uint32_t queries_max_;
  HostsFile hosts_;
  NameCache cache_;
  ResolverWires wires_;
  ares_channel channel_ = nullptr;
  std::list<Query> queries_;
  Timer timer_;
  bool is_closing_ = false;
};

}  // namespace millrace::socket
