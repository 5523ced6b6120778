// Names: getaddrinfo on one core, whoever calls it and however it waits. The resolver behind it is
// made when a name is asked for that is not in figures.
#pragma once

#include <netdb.h>

#include <memory>
#include <string>

#include <millrace/resolver.hpp>
#include <millrace/worker.hpp>

#include "posix/name_request.hpp"
#include "posix/waiting.hpp"
#include "socket/resolver_core.hpp"

namespace millrace::posix {

class Names {
 public:
  /// Both must outlive it.
  Names(Worker& worker, Waiting& waiting) noexcept : worker_{worker}, waiting_{waiting} {}

  /// Where names are looked for. Before the first of them is.
  void look_in(const ResolverOptions& options) { options_ = options; }
  /// As getaddrinfo: zero and a list of the caller's, or one of EAI_*, EAI_SYSTEM with errno.
  [[nodiscard]] int find(const char* node, const char* service, const addrinfo* hints,
                         addrinfo** result);

 private:
  [[nodiscard]] Result<socket::NameAnswer, int> look_up(const std::string& name);
  [[nodiscard]] Result<socket::NameAnswer, int> ask(const std::string& name);

  Worker& worker_;
  Waiting& waiting_;
  ResolverOptions options_;
  std::unique_ptr<socket::ResolverCore> resolver_;
};

}  // namespace millrace::posix
