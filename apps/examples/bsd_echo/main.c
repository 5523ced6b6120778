/* An echo server as one writes it for BSD sockets and epoll, with a prefix before each call. What
   Millrace is to use is in the environment: MILLRACE_OPTIONS="--device tap:millrace0 --address
   198.18.0.2/24" millrace-bsd-echo 7 */
#include <arpa/inet.h>
#include <errno.h>
#include <millrace/socket.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 64, BYTES = 16384 };

static volatile sig_atomic_t is_over;

static void on_signal(int number) {
  (void)number;
  is_over = 1;
}

static int fail(const char* what) {
  fprintf(stderr, "millrace-bsd-echo: %s: %s\n", what, strerror(errno));
  return EXIT_FAILURE;
}

static int watch(int set, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
  return millrace_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on(unsigned short port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  const int one = 1;
  const int fd = millrace_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || millrace_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
      millrace_bind(fd, (const struct sockaddr*)&address, sizeof(address)) != 0 ||
      millrace_listen(fd, 511) != 0) {
    return -1;
  }
  return fd;
}

static void accept_all(int set, int listener) {
  for (;;) {
    const int fd = millrace_accept(listener, NULL, NULL);
    if (fd < 0) {
      return;
    }
    if (watch(set, fd) != 0) {
      millrace_close(fd);
    }
  }
}

/* Accepted sockets block: a write returns when all of it is queued. */
static void echo(int fd) {
  char bytes[BYTES];
  const ssize_t got = millrace_read(fd, bytes, sizeof(bytes));
  if (got <= 0 || millrace_write(fd, bytes, (size_t)got) != got) {
    millrace_close(fd);
  }
}

static int explain(FILE* where, int status) {
  fprintf(where,
          "usage: millrace-bsd-echo [PORT]\n"
          "Returns what it gets, on TCP port PORT, 1 to 65535; 7 without it. What Millrace is to\n"
          "use is in the environment variable MILLRACE_OPTIONS.\n");
  return status;
}

/* 0: it is none. */
static unsigned short port_of(const char* word) {
  char* end = NULL;
  const unsigned long port = strtoul(word, &end, 10);
  return word[0] >= '0' && word[0] <= '9' && *end == '\0' && port <= 65535 ? (unsigned short)port
                                                                           : 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    return explain(stdout, EXIT_SUCCESS);
  }
  const unsigned short port = argc > 1 ? port_of(argv[1]) : 7;
  if (argc > 2 || port == 0) {
    return explain(stderr, 2);
  }
  const int listener = listen_on(port);
  if (listener < 0) {
    return fail("listen");
  }
  const int set = millrace_epoll_create1(0);
  if (set < 0 || watch(set, listener) != 0) {
    return fail("epoll");
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  signal(SIGPIPE, SIG_IGN);
  while (!is_over) {
    struct epoll_event events[EVENTS];
    const int count = millrace_epoll_wait(set, events, EVENTS, 1000);
    if (count < 0 && errno != EINTR) {
      return fail("epoll_wait");
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == listener) {
        accept_all(set, listener);
      } else {
        echo(events[i].data.fd);
      }
    }
  }
  return millrace_stop() == 0 ? EXIT_SUCCESS : fail("stop");
}
