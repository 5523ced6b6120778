// The functions of millrace/socket.h that wait for several descriptors at once, of ours and of the
// kernel's.
#include <millrace/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "posix/process.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

/// As `dispatch`, but everything is ours where the core calls. `has_refused`: whether some
/// descriptor is refused; asked in a child of fork only.
template <class Ours, class Kernels, class HasRefused>
int dispatch_all(Ours ours, Kernels kernels, HasRefused has_refused) {
  const Caller who = caller();
  if (who == Caller::Foreign || (who == Caller::Child && has_refused())) {
    return answer(-EPERM);
  }
  OnCore* const core = who == Caller::Core ? process_core() : nullptr;
  if (core == nullptr) {
    return kernels();
  }
  const int found = ours(core->sockets());
  core->end_call();
  return answer(found);
}

/// Of those below FD_SETSIZE: a set has no others.
bool has_refused(const SelectSets& sets, int count) noexcept {
  for (int fd = 0; fd < std::min(count, FD_SETSIZE); ++fd) {
    if (sets.have(fd) && route(fd) == Route::Refused) {
      return true;
    }
  }
  return false;
}

bool is_refused(int fd) noexcept { return route(fd) == Route::Refused; }

}  // namespace

}  // namespace millrace::posix

using millrace::posix::dispatch_all;
using millrace::posix::has_refused;
using millrace::posix::is_refused;
using millrace::posix::Sockets;

int millrace_poll(pollfd* fds, nfds_t count, int timeout) {
  return dispatch_all([=](Sockets& sockets) { return sockets.poll(fds, count, timeout); },
                      [=] { return ::poll(fds, count, timeout); },
                      [=] {
                        return fds != nullptr &&
                               std::ranges::any_of(std::span{fds, count}, [](const pollfd& entry) {
                                 return is_refused(entry.fd);
                               });
                      });
}

int millrace_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                    timeval* timeout) {
  const millrace::posix::SelectSets sets{
      .readable = readable, .writable = writable, .exceptional = exceptional};
  return dispatch_all([=](Sockets& sockets) { return sockets.select(count, sets, timeout); },
                      [=] { return ::select(count, readable, writable, exceptional, timeout); },
                      [=] { return has_refused(sets, count); });
}
