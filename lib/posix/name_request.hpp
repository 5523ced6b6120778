// NameRequest: what getaddrinfo was asked for, checked as glibc checks it, and the list that
// answers it, in glibc's shape. It asks nobody but /etc/services.
#pragma once

#include <netdb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <millrace/error.hpp>

#include "socket/name_answer.hpp"

namespace millrace::posix {

struct NameRequest {
  /// One kind of socket that each address is listed for.
  struct Kind {
    int type = 0;
    int protocol = 0;
    std::uint16_t port = 0;  // In network order, as s_port.

    friend bool operator==(const Kind&, const Kind&) = default;
  };

  std::optional<std::string> node;
  int flags = 0;
  std::vector<Kind> kinds;  // At least one, in glibc's order.

  /// The error is one of EAI_*.
  [[nodiscard]] static Result<NameRequest, int> make(const char* node, const char* service,
                                                     const addrinfo* hints);
  /// The answer that needs nobody: no name, an address in figures, or EAI_*. Empty: look it up.
  [[nodiscard]] std::optional<Result<socket::NameAnswer, int>> known() const;
  /// A list of the caller's, for `free_list`; null when memory has run out.
  [[nodiscard]] addrinfo* list_of(const socket::NameAnswer& answer) const;
};

void free_list(addrinfo* list) noexcept;

}  // namespace millrace::posix
