#include "posix/names.hpp"

#include <cerrno>
#include <optional>
#include <utility>

namespace millrace::posix {

namespace {

int number_of(Error error) noexcept {
  switch (error) {
    case Error::NameNotFound:
    case Error::InvalidArgument: return EAI_NONAME;
    case Error::NameHasNoAddress: return EAI_NODATA;
    case Error::NameServerFailed:
    case Error::NoNameServer:
    case Error::TimedOut:
    case Error::WouldBlock: return EAI_AGAIN;
    case Error::OutOfTimers: return EAI_MEMORY;
    default: return EAI_FAIL;
  }
}

std::unexpected<int> system_error(int error) noexcept {
  errno = error;
  return std::unexpected{EAI_SYSTEM};
}

}  // namespace

int Names::find(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  const auto request = NameRequest::make(node, service, hints);
  if (!request) {
    return request.error();
  }
  auto answer = request->known();
  if (!answer) {
    answer = look_up(*request->node);
  }
  if (!*answer) {
    return answer->error();
  }
  addrinfo* const list = request->list_of(**answer);
  if (list == nullptr) {
    return EAI_MEMORY;
  }
  *result = list;
  return 0;
}

Result<socket::NameAnswer, int> Names::look_up(const std::string& name) {
  if (!resolver_) {
    auto made = socket::ResolverCore::create(worker_, options_);
    if (!made) {
      return system_error(EIO);  // A file that cannot be read.
    }
    resolver_ = *std::move(made);
  }
  if (const auto known = resolver_->known(name)) {
    return *known ? Result<socket::NameAnswer, int>{**known} : fail(number_of(known->error()));
  }
  return ask(name);
}

Result<socket::NameAnswer, int> Names::ask(const std::string& name) {
  std::optional<socket::ResolverCore::Answer> told;
  const auto ticket = resolver_->resolve(
      name, [&told](const socket::ResolverCore::Answer& answer) { told = answer; });
  if (!ticket) {
    return fail(number_of(ticket.error()));
  }
  // What needs no packet from outside has happened after this, and wakes nobody any more.
  waiting_.turn();
  while (!told) {
    const int waited = waiting_.wait(Waiting::kForEver, Waiting::kNoDescriptor);
    // glibc does not let a signal end it, either.
    if (waited < 0 && waited != -EINTR && waited != -ERESTART) {
      resolver_->forget(*ticket);
      return system_error(-waited);
    }
  }
  return *told ? Result<socket::NameAnswer, int>{**told} : fail(number_of(told->error()));
}

}  // namespace millrace::posix
