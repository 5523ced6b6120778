/* What a program with Millrace's sockets does beside them. Each line of its output is a call and how it went.

   millrace-processes fork HOW PORT    a child ends by `exit`, closes its copy (`close`), or calls everything (`use`)
   millrace-processes sleep            system calls of the kernel's that wait, once a line has come in
   millrace-processes exec PROGRAM...  becomes PROGRAM, once a line has come in
   millrace-processes run COMMAND      runs COMMAND by system(3)
   millrace-processes close-all PORT   closes every descriptor, as daemons do, and goes on */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <millrace/socket.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHOW(name, call)                                                        \
  do {                                                                          \
    errno = 0;                                                                  \
    long got = (long)(call);                                                    \
    printf("%s %s\n", name, got < 0 ? strerrorname_np(errno) : "works");        \
    fflush(stdout);                                                             \
  } while (0)

static struct sockaddr_in kernels_end(const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  address.sin_addr.s_addr = inet_addr("198.18.0.1");
  return address;
}

static int connect_to(const char* port) {
  struct sockaddr_in address = kernels_end(port);
  int fd = millrace_socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || millrace_connect(fd, (struct sockaddr*)&address, sizeof address) < 0) {
    perror("connect");
    exit(1);
  }
  return fd;
}

/* The stack works on meanwhile. */
static void wait_for_line(void) {
  char byte = 0;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  printf("ready\n");
  fflush(stdout);
  while (millrace_poll(&input, 1, -1) != 1 || (read(0, &byte, 1) == 1 && byte != '\n')) {
  }
}

static void use_everything(int fd) {
  char byte = 0;
  char* arguments[] = {"child", "--device", "ring"};
  struct addrinfo* list = NULL;
  struct pollfd ours = {.fd = fd, .events = POLLIN};
  struct pollfd kernels = {.fd = 1, .events = POLLOUT};
  SHOW("send", millrace_send(fd, "child\n", 6, MSG_NOSIGNAL));
  SHOW("recv", millrace_recv(fd, &byte, 1, MSG_DONTWAIT));
  SHOW("socket", millrace_socket(AF_INET, SOCK_STREAM, 0));
  SHOW("epoll_create1", millrace_epoll_create1(0));
  SHOW("poll", millrace_poll(&ours, 1, 100));
  SHOW("sendfile", millrace_sendfile(fd, 0, NULL, 1));
  SHOW("splice", millrace_splice(fd, NULL, 1, NULL, 1, 0));
  SHOW("start", millrace_start(3, arguments));
  SHOW("stop", millrace_stop());
  SHOW("getaddrinfo", millrace_getaddrinfo("198.18.0.1", "80", NULL, &list) == 0 ? 0 : -1);
  SHOW("close", millrace_close(fd));
  SHOW("poll-kernels", millrace_poll(&kernels, 1, 100));
  SHOW("write-kernels", millrace_write(1, "", 0));
}

static int fork_once(const char* how, const char* port) {
  int fd = connect_to(port);
  int status = -1;
  pid_t child = 0;
  millrace_send(fd, "one\n", 4, MSG_NOSIGNAL);
  child = fork();
  if (child == 0) {
    if (strcmp(how, "use") == 0) {
      use_everything(fd);
    } else if (strcmp(how, "close") == 0) {
      millrace_close(fd);
    }
    exit(7);
  }
  waitpid(child, &status, 0);
  printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  wait_for_line();
  SHOW("two", millrace_send(fd, "two\n", 4, MSG_NOSIGNAL));
  SHOW("three", millrace_send(fd, "three\n", 6, MSG_NOSIGNAL));
  return 0;
}

enum { kSignals = 65 };

/* What whoever started the program has left of them: nohup has SIGHUP ignored, say. */
static struct sigaction signals_at_first[kSignals];

static void note_signals(void) {
  for (int number = 1; number < kSignals; ++number) {
    sigaction(number, NULL, &signals_at_first[number]);
  }
}

static void show_changed_signals(void) {
  struct sigaction action;
  for (int number = 1; number < kSignals; ++number) {
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != signals_at_first[number].sa_handler) {
      printf("signal %d is not as it was\n", number);
    }
  }
}

static int sleep_in_many_ways(void) {
  struct timespec long_enough = {.tv_nsec = 300 * 1000 * 1000};
  struct timespec until;
  struct timeval limit = {.tv_usec = 300 * 1000};
  sem_t nobodys;
  note_signals();
  millrace_socket(AF_INET, SOCK_DGRAM, 0);
  wait_for_line();
  SHOW("nanosleep", nanosleep(&long_enough, NULL));
  SHOW("poll", poll(NULL, 0, 300));
  SHOW("select", select(0, NULL, NULL, NULL, &limit));
  sem_init(&nobodys, 0, 0);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 1;
  SHOW("sem_timedwait", sem_timedwait(&nobodys, &until)); /* ETIMEDOUT */
  show_changed_signals();
  return 0;
}

static int close_all(const char* port) {
  struct sockaddr_in address = kernels_end(port);
  int fd = connect_to(port);
  char byte = 0;
  int again = millrace_socket(AF_INET, SOCK_STREAM, 0);
  for (int number = 3; number < 1024; ++number) {
    close(number);
  }
  SHOW("connect", millrace_connect(again, (struct sockaddr*)&address, sizeof address));
  SHOW("recv", millrace_recv(fd, &byte, 1, 0));
  return 0;
}

int main(int count, char** words) {
  const char* what = count > 1 ? words[1] : "";
  if (strcmp(what, "fork") == 0 && count == 4) {
    return fork_once(words[2], words[3]);
  }
  if (strcmp(what, "sleep") == 0) {
    return sleep_in_many_ways();
  }
  if (strcmp(what, "exec") == 0 && count > 2) {
    millrace_socket(AF_INET, SOCK_DGRAM, 0);
    wait_for_line();
    execvp(words[2], words + 2);
    return 1;
  }
  if (strcmp(what, "run") == 0 && count == 3) {
    millrace_socket(AF_INET, SOCK_DGRAM, 0);
    return system(words[2]) == 0 ? 0 : 1;
  }
  if (strcmp(what, "close-all") == 0 && count == 3) {
    return close_all(words[2]);
  }
  fprintf(stderr, "see the head of the source\n");
  return 2;
}
