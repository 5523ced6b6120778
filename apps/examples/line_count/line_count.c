/* line-count: a small client and server on BSD sockets, in C99 and for the kernel's.

       line-count serve PORT              counts each client's lines, answers at the end
       line-count ask HOST PORT < FILE    sends a text, prints the answer

   Both wait by epoll alone: nothing blocks but reading the file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_CLIENTS = 1024, MOST_EVENTS = 64, PATIENCE_MS = 5000 };

struct client {
  int fd; /* 0: this place is free. */
  unsigned long lines;
  unsigned long bytes;
};

static struct client clients[MOST_CLIENTS];

static int fail(const char* what) {
  fprintf(stderr, "line-count: %s: %s\n", what, strerror(errno));
  return 1;
}

static int watch(int set, int operation, int fd, unsigned events, void* data) {
  struct epoll_event event = {.events = events, .data = {.ptr = data}};
  return epoll_ctl(set, operation, fd, &event);
}

/* The addresses of a host, or those to listen on with none; NULL after a message. */
static struct addrinfo* resolve(const char* host, const char* port) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* list = NULL;
  hints.ai_flags = host == NULL ? AI_PASSIVE : 0;
  int status = getaddrinfo(host, port, &hints, &list);
  if (status != 0) {
    fprintf(stderr, "line-count: %s port %s: %s\n", host == NULL ? "any" : host, port,
            gai_strerror(status));
    return NULL;
  }
  return list;
}

/* The server. */

static int listen_on(const char* port) {
  struct addrinfo* list = resolve(NULL, port);
  if (list == NULL) {
    return -1;
  }
  int on = 1;
  int fd = socket(list->ai_family, list->ai_socktype | SOCK_NONBLOCK, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 128) < 0) {
    fail("cannot listen");
    if (fd >= 0) {
      close(fd);
    }
    fd = -1;
  }
  freeaddrinfo(list);
  return fd;
}

static struct client* free_place(void) {
  for (int i = 0; i < MOST_CLIENTS; ++i) {
    if (clients[i].fd == 0) {
      return &clients[i];
    }
  }
  return NULL;
}

static void welcome(int set, int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct client* client = free_place();
    if (client == NULL || watch(set, EPOLL_CTL_ADD, fd, EPOLLIN, client) < 0) {
      close(fd); /* It is told by the end of its connection. */
      continue;
    }
    *client = (struct client){.fd = fd};
  }
}

static void answer(struct client* client) {
  char text[64];
  int size = snprintf(text, sizeof text, "%lu lines, %lu bytes\n", client->lines, client->bytes);
  if (send(client->fd, text, (size_t)size, MSG_NOSIGNAL) < 0) {
    fail("a client left without its answer");
  }
}

static void serve_client(struct client* client) {
  char block[16384];
  ssize_t got;
  while ((got = read(client->fd, block, sizeof block)) > 0) {
    client->bytes += (unsigned long)got;
    for (ssize_t i = 0; i < got; ++i) {
      client->lines += block[i] == '\n';
    }
  }
  if (got < 0 && errno == EAGAIN) {
    return;
  }
  if (got == 0) {
    answer(client);
  }
  close(client->fd);
  client->fd = 0;
}

static int serve(const char* port) {
  int listener = listen_on(port);
  int set = epoll_create1(0);
  if (listener < 0 || set < 0 || watch(set, EPOLL_CTL_ADD, listener, EPOLLIN, NULL) < 0) {
    return 1;
  }
  printf("line-count: listening on port %s\n", port);
  fflush(stdout);
  for (;;) {
    struct epoll_event events[MOST_EVENTS];
    int count = epoll_wait(set, events, MOST_EVENTS, -1);
    if (count < 0 && errno != EINTR) {
      return fail("epoll_wait");
    }
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == NULL) {
        welcome(set, listener);
      } else {
        serve_client(events[i].data.ptr);
      }
    }
  }
}

/* The client. */

/* Waits for one event on the only descriptor in the set; -1 with errno after a while. */
static int wait_for_it(int set) {
  struct epoll_event event;
  int count;
  do {
    count = epoll_wait(set, &event, 1, PATIENCE_MS);
  } while (count < 0 && errno == EINTR);
  if (count == 0) {
    errno = ETIMEDOUT;
  }
  return count == 1 ? 0 : -1;
}

/* Tries one address after the other; -1 with the last one's errno. */
static int connect_to(const struct addrinfo* list, int set) {
  for (const struct addrinfo* at = list; at != NULL; at = at->ai_next) {
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK, 0);
    if (fd < 0) {
      return -1;
    }
    int error = connect(fd, at->ai_addr, at->ai_addrlen) < 0 ? errno : 0;
    socklen_t size = sizeof error;
    if (error == EINPROGRESS && watch(set, EPOLL_CTL_ADD, fd, EPOLLOUT, NULL) == 0) {
      error = wait_for_it(set) < 0 ? errno : 0;
      if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
        error = errno;
      }
    }
    if (error == 0) {
      return fd;
    }
    close(fd);
    errno = error;
  }
  return -1;
}

static int send_all(int fd, int set, const char* text, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
    if (sent > 0) {
      text += sent;
      size -= (size_t)sent;
    } else if (errno != EAGAIN || wait_for_it(set) < 0) {
      return -1;
    }
  }
  return 0;
}

static int ask(const char* host, const char* port) {
  struct addrinfo* list = resolve(host, port);
  int set = epoll_create1(0);
  if (list == NULL || set < 0) {
    return 1;
  }
  int fd = connect_to(list, set);
  freeaddrinfo(list);
  if (fd < 0) {
    return fail("cannot connect");
  }
  watch(set, EPOLL_CTL_DEL, fd, 0, NULL); /* Where connect was at once, it is not there yet. */
  watch(set, EPOLL_CTL_ADD, fd, EPOLLOUT, NULL);
  char block[16384];
  size_t got;
  while ((got = fread(block, 1, sizeof block, stdin)) > 0) {
    if (send_all(fd, set, block, got) < 0) {
      return fail("cannot send");
    }
  }
  shutdown(fd, SHUT_WR);
  watch(set, EPOLL_CTL_MOD, fd, EPOLLIN, NULL);
  ssize_t size = wait_for_it(set) < 0 ? -1 : read(fd, block, sizeof block);
  if (size <= 0) {
    return size < 0 ? fail("no answer") : (fprintf(stderr, "line-count: no answer\n"), 1);
  }
  fwrite(block, 1, (size_t)size, stdout);
  close(fd);
  return 0;
}

int main(int count, char** words) {
  if (count == 3 && strcmp(words[1], "serve") == 0) {
    return serve(words[2]);
  }
  if (count == 4 && strcmp(words[1], "ask") == 0) {
    return ask(words[2], words[3]);
  }
  const int is_question = count == 2 && strcmp(words[1], "--help") == 0;
  fprintf(is_question ? stdout : stderr,
          "usage: line-count serve PORT | line-count ask HOST PORT < FILE\n");
  return is_question ? 0 : 2;
}
