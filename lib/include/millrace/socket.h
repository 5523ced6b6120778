/* BSD sockets over Millrace, for C and C++: every call is the system's with a prefix, and so are constants, structures
   and error numbers (Linux's). What is particular to a stack that lives in the process is said at millrace_start. */
#pragma once

#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#pragma GCC visibility push(default)

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Starts Millrace; the calling thread becomes the core that everything happens on. `argv` is a program's name and the
 * options that all Millrace programs take, `--device` and so on. Whoever does not call it gets it from the first
 * millrace_socket, millrace_epoll_create, millrace_epoll_create1 or millrace_getaddrinfo, with the options in the
 * environment variable MILLRACE_OPTIONS, which are split at spaces; quotes hold words together.
 *
 * When things happen: a turn of the core's loop runs in every millrace_epoll_wait and millrace_poll, again and again in
 * a call that blocks, once at the end of a call on a blocking descriptor that sends something, opens or closes a
 * connection, and in one of sixteen calls that answer EAGAIN. Between turns nothing is sent or received, so do not stay
 * away from these calls for long.
 *
 * Threads: only the calling one may use the functions below; others get EPERM, also while it starts or ends, and for
 * good if it ends before it has called millrace_stop: let a thread start Millrace that stays. Inside a handler of the
 * native interface a call that would have to block answers EDEADLK. Descriptors that are not Millrace's are handed on to
 * the system's call of the same name, in every function below that this thread calls.
 *
 * Descriptors: some of the process are Millrace's own, the device's and others; a program that closes them, as daemons
 * close all there are, gets ENETDOWN from the calls that wait, and one line on standard error. At the end nothing is
 * closed or delivered then: the numbers may name files of the program's by now. Whatever any thread opens while
 * Millrace starts, which can take a second or more, becomes close-on-exec: start it before such threads.
 *
 * Processes: in a child of fork what would use a descriptor of Millrace's, close it or make one answers EPERM;
 * descriptors of the system's are handed on, and the end of the child leaves the parent's connections alone. They are the
 * parent's: daemons become one first, then start Millrace. A child that was forked before the start may start a Millrace
 * of its own. A program that the process executes gets none of these descriptors, whatever SOCK_CLOEXEC says.
 *
 * Signals: a call that waits is ended by one that has a handler, with EINTR or with what it has got so far; unless all
 * handlers of the program are installed with SA_RESTART: then those calls go on which Linux lets go on, that is all but
 * millrace_poll, millrace_epoll_wait and those with a limit of time. While a call waits and does not sleep, signals are
 * held back from its thread until it looks for them, so a thread of yours that has them unblocked may get them instead;
 * SIGPROF and those that tell of faults in the program are not. Handlers of signals must not call the functions below,
 * nor leave one that is under way by siglongjmp: every call that waits would be EDEADLK from then on.
 *
 * Returns 0, or -1 with errno: EALREADY (it runs), EPERM (in a child of fork), EINVAL (wrong options), ENETDOWN (the
 * surroundings do not allow it), ECANCELED (an option asked for a text and no more). What was wrong is told on standard
 * error.
 */
int millrace_start(int argc, char** argv);

/**
 * Closes what is open, gives what is queued up to three seconds to arrive, and ends Millrace for this process, in which
 * it cannot be started again. Happens by itself when the calling thread ends the process by exit; where another thread
 * does, or a signal, peers find out by themselves. Without a start it does nothing. Returns 0, or -1 with errno: EPERM
 * (another thread, a child), EDEADLK (inside a handler).
 */
int millrace_stop(void);

/**
 * socket(2): AF_INET with SOCK_STREAM or SOCK_DGRAM, and SOCK_NONBLOCK and SOCK_CLOEXEC. Errors beside those of the
 * system's: EMFILE (no number left in this process), ENOBUFS (no socket left: --max-connections, --max-udp-sockets),
 * ENETDOWN (Millrace does not start).
 */
int millrace_socket(int domain, int type, int protocol);
/** bind(2). ENOBUFS: no UDP socket left (--max-udp-sockets). */
int millrace_bind(int fd, const struct sockaddr* address, socklen_t length);
/** listen(2). ENOBUFS: no listener left (--max-listeners). */
int millrace_listen(int fd, int backlog);
/** accept(2). */
int millrace_accept(int fd, struct sockaddr* address, socklen_t* length);
/** accept4(2). */
int millrace_accept4(int fd, struct sockaddr* address, socklen_t* length, int flags);
/** connect(2), AF_UNSPEC included, which dissolves a connection, or takes a datagram socket's peer back. */
int millrace_connect(int fd, const struct sockaddr* address, socklen_t length);
/** shutdown(2). */
int millrace_shutdown(int fd, int how);
/**
 * close(2). The number is kept for the next socket, or given back to the system. The system's own close on a descriptor
 * of Millrace's succeeds and does harm: the number is given away while the connection still has it.
 */
int millrace_close(int fd);
/** getsockname(2). */
int millrace_getsockname(int fd, struct sockaddr* address, socklen_t* length);
/** getpeername(2). */
int millrace_getpeername(int fd, struct sockaddr* address, socklen_t* length);

/** read(2). */
ssize_t millrace_read(int fd, void* buffer, size_t count);
/** readv(2). */
ssize_t millrace_readv(int fd, const struct iovec* parts, int count);
/** recv(2): MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL, MSG_TRUNC, MSG_OOB; of datagrams MSG_ERRQUEUE, too. */
ssize_t millrace_recv(int fd, void* buffer, size_t count, int flags);
/** recvfrom(2). */
ssize_t millrace_recvfrom(int fd, void* buffer, size_t count, int flags, struct sockaddr* address, socklen_t* length);
/** recvmsg(2). Its control part has what MSG_ERRQUEUE tells (IP_RECVERR), and TCP_CM_INQ where TCP_INQ is on. */
ssize_t millrace_recvmsg(int fd, struct msghdr* message, int flags);
/** write(2). */
ssize_t millrace_write(int fd, const void* buffer, size_t count);
/** writev(2). */
ssize_t millrace_writev(int fd, const struct iovec* parts, int count);
/**
 * send(2): MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE (what is no full segment waits for the next call without it, 200 ms at
 * most), MSG_OOB.
 */
ssize_t millrace_send(int fd, const void* buffer, size_t count, int flags);
/** sendto(2), and with MSG_FASTOPEN a connect(2) whose SYN carries what it can. */
ssize_t millrace_sendto(int fd, const void* buffer, size_t count, int flags, const struct sockaddr* address,
                        socklen_t length);
/** sendmsg(2). EINVAL: its control part asks for something of IP. */
ssize_t millrace_sendmsg(int fd, const struct msghdr* message, int flags);
/**
 * sendfile(2), from a file of the system's to a socket of Millrace's, or what the system's own can do. EINVAL, as there:
 * the source has no places to read from, a pipe for instance (millrace_splice takes those).
 */
ssize_t millrace_sendfile(int out, int in, off_t* offset, size_t count);
/** splice(2), between a socket of Millrace's and a pipe of the system's, or what the system's own can do. */
ssize_t millrace_splice(int in, off_t* in_offset, int out, off_t* out_offset, size_t count, unsigned flags);
/** pipe(2): a pipe of the system's. */
int millrace_pipe(int fds[2]);

/**
 * poll(2). EINVAL: more entries than the process may have descriptors. Descriptors of the system's may stand among
 * Millrace's; they are looked at at least once a millisecond.
 */
int millrace_poll(struct pollfd* fds, nfds_t count, int timeout);
/**
 * select(2), for descriptors of both kinds below FD_SETSIZE (EINVAL: `count` is more), with what is left of `timeout`
 * written back. There is no pselect and no ppoll.
 */
int millrace_select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, struct timeval* timeout);
/** epoll_create(2). */
int millrace_epoll_create(int size);
/** epoll_create1(2). ENOBUFS: all sets are in use. */
int millrace_epoll_create1(int flags);
/**
 * epoll_ctl(2): EPOLLET and EPOLLONESHOT, too. Descriptors of the system's may stand beside Millrace's. A set may watch
 * sets, five levels deep (ELOOP beyond, and for circles), but none that has descriptors of the system's (EINVAL).
 */
int millrace_epoll_ctl(int epoll, int operation, int fd, struct epoll_event* event);
/** epoll_wait(2). */
int millrace_epoll_wait(int epoll, struct epoll_event* events, int most, int timeout);
/**
 * fcntl(2): of Millrace's own F_GETFL, F_SETFL (O_NONBLOCK), F_GETFD, F_SETFD; no F_DUPFD (EINVAL), as there is no dup
 * and no passing to another process: a socket has one number.
 */
int millrace_fcntl(int fd, int command, ...);
/** ioctl(2): of Millrace's own FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO. */
int millrace_ioctl(int fd, unsigned long request, ...);
/**
 * setsockopt(2), with Linux's values, bounds, lengths and errors; what is not known is ENOPROTOOPT.
 * SOL_SOCKET: REUSEADDR, REUSEPORT, KEEPALIVE, LINGER, RCVBUF and SNDBUF (which read as twice what was set), RCVLOWAT,
 * RCVTIMEO, SNDTIMEO, OOBINLINE, BROADCAST. IPPROTO_TCP: NODELAY, CORK, MAXSEG, KEEPIDLE, KEEPINTVL, KEEPCNT (2 to
 * 127), USER_TIMEOUT, SYNCNT, LINGER2, DEFER_ACCEPT, WINDOW_CLAMP, QUICKACK, CONGESTION ("reno"), FASTOPEN,
 * FASTOPEN_CONNECT, NOTSENT_LOWAT, INQ. IPPROTO_IP: TOS, TTL, MTU_DISCOVER, RECVERR. What is set without a connection is
 * kept for it, and a listener's connections inherit what it has. Each is described in docs/sockets.md.
 */
int millrace_setsockopt(int fd, int level, int option, const void* value, socklen_t length);
/**
 * getsockopt(2): what can be set, and of SOL_SOCKET ERROR, TYPE, DOMAIN, PROTOCOL, ACCEPTCONN and MEMINFO, of
 * IPPROTO_TCP INFO and CC_INFO, of IPPROTO_IP MTU. What is not known is ENOPROTOOPT, another level EOPNOTSUPP. INFO is as
 * of the core's last turn: ask after millrace_poll, or nothing in it has moved.
 */
int millrace_getsockopt(int fd, int level, int option, void* value, socklen_t* length);

/**
 * getaddrinfo(3) for IPv4: addresses in figures, the hosts file, then the name servers of --dns or /etc/resolv.conf,
 * asked through Millrace; both files are read once, by the first name that is asked for. What servers say is remembered
 * for as long as they allow. Answers keep the server's order. A name is given up after 30 seconds. The list is the
 * caller's, to be given back to millrace_freeaddrinfo. Returns 0 or one of the system's EAI numbers; AF_INET6 is
 * EAI_FAMILY, and an IPv6 address in figures EAI_ADDRFAMILY. EAI_SYSTEM comes with errno: EPERM (another thread),
 * EDEADLK (inside a handler, and a server would have to be asked), ENETDOWN (Millrace does not start).
 */
int millrace_getaddrinfo(const char* node, const char* service, const struct addrinfo* hints, struct addrinfo** result);
/** freeaddrinfo(3). Null is nothing. Any thread may call it. */
void millrace_freeaddrinfo(struct addrinfo* list);
/** gai_strerror(3): the system's text. Any thread may call it. */
const char* millrace_gai_strerror(int code);

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop
