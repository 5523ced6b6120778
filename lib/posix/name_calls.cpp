// The functions of millrace/socket.h that are about names.
#include <millrace/socket.h>

#include <cerrno>

#include "posix/process.hpp"
#include "posix/sockets.hpp"

int millrace_getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                         addrinfo** result) {
  if (const int started = millrace::posix::start_unasked(); started < 0) {
    errno = -started;
    return EAI_SYSTEM;
  }
  millrace::posix::OnCore& core = *millrace::posix::process_core();
  const int status = core.sockets().names().find(node, service, hints, result);
  core.end_call();
  return status;
}

void millrace_freeaddrinfo(addrinfo* list) { millrace::posix::free_list(list); }

const char* millrace_gai_strerror(int code) { return ::gai_strerror(code); }
