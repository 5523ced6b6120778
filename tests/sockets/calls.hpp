// The socket calls that the tests of this folder make: the kernel's, or with MILLRACE_SOCKETS those
// of <millrace/socket.h>, whose names have a prefix and nothing else that differs. All else in this
// folder is one source for both; what starts and ends the stack is here, too.
#pragma once

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef MILLRACE_SOCKETS
#include <millrace/socket.h>
#define MILLRACE_TEST_CALL(name) ::millrace_##name
#else
#define MILLRACE_TEST_CALL(name) ::name
#endif

namespace api {

inline auto& socket = MILLRACE_TEST_CALL(socket);
inline auto& bind = MILLRACE_TEST_CALL(bind);
inline auto& listen = MILLRACE_TEST_CALL(listen);
inline auto& accept = MILLRACE_TEST_CALL(accept);
inline auto& accept4 = MILLRACE_TEST_CALL(accept4);
inline auto& connect = MILLRACE_TEST_CALL(connect);
inline auto& shutdown = MILLRACE_TEST_CALL(shutdown);
inline auto& close = MILLRACE_TEST_CALL(close);
inline auto& getsockname = MILLRACE_TEST_CALL(getsockname);
inline auto& getpeername = MILLRACE_TEST_CALL(getpeername);
inline auto& getsockopt = MILLRACE_TEST_CALL(getsockopt);
inline auto& setsockopt = MILLRACE_TEST_CALL(setsockopt);

inline auto& read = MILLRACE_TEST_CALL(read);
inline auto& write = MILLRACE_TEST_CALL(write);
inline auto& readv = MILLRACE_TEST_CALL(readv);
inline auto& writev = MILLRACE_TEST_CALL(writev);
inline auto& send = MILLRACE_TEST_CALL(send);
inline auto& sendto = MILLRACE_TEST_CALL(sendto);
inline auto& sendmsg = MILLRACE_TEST_CALL(sendmsg);
inline auto& recv = MILLRACE_TEST_CALL(recv);
inline auto& recvfrom = MILLRACE_TEST_CALL(recvfrom);
inline auto& recvmsg = MILLRACE_TEST_CALL(recvmsg);
inline auto& sendfile = MILLRACE_TEST_CALL(sendfile);
inline auto& splice = MILLRACE_TEST_CALL(splice);
inline auto& pipe = MILLRACE_TEST_CALL(pipe);

inline auto& select = MILLRACE_TEST_CALL(select);
inline auto& poll = MILLRACE_TEST_CALL(poll);
inline auto& epoll_create1 = MILLRACE_TEST_CALL(epoll_create1);
inline auto& epoll_ctl = MILLRACE_TEST_CALL(epoll_ctl);
inline auto& epoll_wait = MILLRACE_TEST_CALL(epoll_wait);
inline auto& fcntl = MILLRACE_TEST_CALL(fcntl);
inline auto& ioctl = MILLRACE_TEST_CALL(ioctl);

inline auto& getaddrinfo = MILLRACE_TEST_CALL(getaddrinfo);
inline auto& freeaddrinfo = MILLRACE_TEST_CALL(freeaddrinfo);

}  // namespace api

#undef MILLRACE_TEST_CALL
