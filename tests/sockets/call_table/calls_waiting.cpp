// Calls that ask and wait: ioctl, fcntl, poll, epoll.
#include <linux/sockios.h>
#include <cerrno>

#include "subject.hpp"

namespace millrace::test {
namespace {

std::string ask_number(Subject& subject, unsigned long request) {
  int value = -1;
  const int result = api::ioctl(subject.own, request, &value);
  return outcome(result, "value=" + std::to_string(value));
}

void add_ioctl(std::vector<Call>& calls) {
  constexpr std::pair<const char*, unsigned long> kRequests[] = {{"FIONREAD", FIONREAD},
                                                                 {"SIOCOUTQ", SIOCOUTQ},
                                                                 {"SIOCOUTQNSD", SIOCOUTQNSD},
                                                                 {"SIOCATMARK", SIOCATMARK},
                                                                 {"0x1234", 0x1234}};
  for (const auto& [name, request] : kRequests) {
    calls.push_back(
        {std::string{"ioctl "} + name, kStreams | kDatagrams,
         [request](const Ground&, Subject& subject) { return ask_number(subject, request); }});
    calls.push_back({std::string{"ioctl "} + name + " null", kStreams | kDatagrams,
                     [request](const Ground&, Subject& subject) {
                       return outcome(api::ioctl(subject.own, request, nowhere<int>()));
                     }});
  }
  for (const int on : {0, 1}) {
    calls.push_back({"ioctl FIONBIO " + std::to_string(on), kStreams | kDatagrams,
                     [on](const Ground&, Subject& subject) {
                       int value = on;
                       const std::string text = outcome(api::ioctl(subject.own, FIONBIO, &value));
                       const int flags = api::fcntl(subject.own, F_GETFL, 0);
                       return text + ((flags & O_NONBLOCK) != 0 ? " nonblocking" : " blocking");
                     }});
  }
}

void add_fcntl(std::vector<Call>& calls) {
  calls.push_back({"fcntl F_GETFL", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     const int flags = api::fcntl(subject.own, F_GETFL, 0);
                     return outcome(flags & (O_ACCMODE | O_NONBLOCK));
                   }});
  calls.push_back({"fcntl F_SETFL 0", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     const std::string text = outcome(api::fcntl(subject.own, F_SETFL, 0));
                     const int flags = api::fcntl(subject.own, F_GETFL, 0);
                     return text + ((flags & O_NONBLOCK) != 0 ? " nonblocking" : " blocking");
                   }});
  calls.push_back({"fcntl 9999", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::fcntl(subject.own, 9999, 0));
                   }});
}

struct Mask {
  const char* name;
  unsigned value;
};

constexpr Mask kMasks[] = {
    {"nothing", 0},       {"IN", POLLIN},
    {"OUT", POLLOUT},     {"PRI", POLLPRI},
    {"RDHUP", POLLRDHUP}, {"IN|OUT|PRI|RDHUP", POLLIN | POLLOUT | POLLPRI | POLLRDHUP}};

void add_poll(std::vector<Call>& calls) {
  for (const Mask mask : kMasks) {
    for (const int limit : {0, 5}) {
      calls.push_back(
          {std::string{"poll "} + mask.name + (limit > 0 ? ", 5 ms" : ""), kStreams | kDatagrams,
           [mask, limit](const Ground&, Subject& subject) {
             pollfd wait{.fd = subject.own, .events = static_cast<short>(mask.value), .revents = 0};
             const int found = api::poll(&wait, 1, limit);
             return outcome(found, text_of_events(wait.revents));
           }});
    }
  }
}

struct EpollSet {
  Descriptor set{api::epoll_create1(0)};

  int control(int operation, int fd, unsigned mask) const {
    epoll_event event{};
    event.events = mask;
    event.data.u64 = 42;
    return api::epoll_ctl(set, operation, fd, &event);
  }

  [[nodiscard]] std::string wait(int limit = 0) const {
    epoll_event event{};
    const int found = api::epoll_wait(set, &event, 1, limit);
    const bool is_ours = found < 1 || event.data.u64 == 42;
    return outcome(found, text_of_events(static_cast<int>(event.events)) +
                              (is_ours ? "" : " with other data"));
  }
};

void add_epoll_wait(std::vector<Call>& calls) {
  for (const Mask mask : kMasks) {
    constexpr Mask kKinds[] = {{"", 0}, {" ET", EPOLLET}, {" ONESHOT", EPOLLONESHOT}};
    for (const Mask kind : kKinds) {
      calls.push_back({std::string{"epoll_wait "} + mask.name + kind.name + " twice",
                       kStreams | kDatagrams, [mask, kind](const Ground&, Subject& subject) {
                         const EpollSet set;
                         set.control(EPOLL_CTL_ADD, subject.own, mask.value | kind.value);
                         const std::string first = set.wait(mask.value == 0 ? 0 : 1);
                         return first + ", " + set.wait();
                       }});
    }
  }
  calls.push_back({"epoll_wait room 0", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     const EpollSet set;
                     set.control(EPOLL_CTL_ADD, subject.own, EPOLLIN);
                     epoll_event event{};
                     return outcome(api::epoll_wait(set.set, &event, 0, 0));
                   }});
}

void add_epoll_control(std::vector<Call>& calls) {
  struct Sequence {
    const char* name;
    std::vector<int> operations;
  };
  const Sequence kSequences[] = {
      {"ADD", {EPOLL_CTL_ADD}},
      {"ADD, ADD", {EPOLL_CTL_ADD, EPOLL_CTL_ADD}},
      {"MOD", {EPOLL_CTL_MOD}},
      {"DEL", {EPOLL_CTL_DEL}},
      {"ADD, MOD", {EPOLL_CTL_ADD, EPOLL_CTL_MOD}},
      {"ADD, DEL", {EPOLL_CTL_ADD, EPOLL_CTL_DEL}},
      {"ADD, DEL, DEL", {EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_DEL}},
      {"ADD, DEL, MOD", {EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD}},
      {"ADD, DEL, ADD", {EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_ADD}},
      {"operation 9", {9}},
  };
  for (const Sequence& sequence : kSequences) {
    calls.push_back({std::string{"epoll_ctl "} + sequence.name, kStreams | kDatagrams,
                     [operations = sequence.operations](const Ground&, Subject& subject) {
                       const EpollSet set;
                       std::string text;
                       for (const int operation : operations) {
                         text += (text.empty() ? "" : ", ") +
                                 outcome(set.control(operation, subject.own, EPOLLIN | EPOLLOUT));
                       }
                       return text + "; waits " + set.wait();
                     }});
  }
  calls.push_back(
      {"epoll_ctl on a socket", kStreams | kDatagrams, [](const Ground& ground, Subject& subject) {
         epoll_event event{};
         return outcome(api::epoll_ctl(subject.own, EPOLL_CTL_ADD, ground.occupied, &event));
       }});
  calls.push_back(
      {"epoll_ctl ADD null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         const EpollSet set;
         return outcome(
             api::epoll_ctl(set.set, EPOLL_CTL_ADD, subject.own, nowhere<epoll_event>()));
       }});
  calls.push_back(
      {"epoll_wait on a socket", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         epoll_event event{};
         return outcome(api::epoll_wait(subject.own, &event, 1, 0));
       }});
  calls.push_back(
      {"close in an epoll set", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         const EpollSet set;
         set.control(EPOLL_CTL_ADD, subject.own, EPOLLIN | EPOLLOUT);
         api::close(subject.own.release());
         return set.wait();
       }});
}

}  // namespace

void add_waiting_calls(std::vector<Call>& calls) {
  add_ioctl(calls);
  add_fcntl(calls);
  add_poll(calls);
  add_epoll_wait(calls);
  add_epoll_control(calls);
}

}  // namespace millrace::test
