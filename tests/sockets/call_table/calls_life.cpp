// Calls that make, name, connect and end sockets.
#include <cerrno>

#include "subject.hpp"

namespace millrace::test {
namespace {

std::string bind_to(Subject& subject, const sockaddr_in& to, socklen_t size = sizeof(sockaddr_in)) {
  return outcome(api::bind(subject.own, generic(to), size));
}

std::string connect_to(Subject& subject, const sockaddr_in& to,
                       socklen_t size = sizeof(sockaddr_in)) {
  return outcome(api::connect(subject.own, generic(to), size));
}

sockaddr_in of_family(sa_family_t family, int port) {
  sockaddr_in made = peer_at(port);
  made.sin_family = family;
  return made;
}

/// Ports are chosen anew each time: one that is not zero is "*", the peer's is known.
std::string name_text(const Subject& subject, const sockaddr_in& name, socklen_t size) {
  const std::string address = text_of(name).substr(0, text_of(name).find(':'));
  const int port = ntohs(name.sin_port);
  return (address == own_address()    ? "own"
          : address == peer_address() ? "peer"
                                      : address) +
         (port == 0                   ? ":0"
          : port == subject.peer_port ? ":peer"
                                      : ":*") +
         " size=" + std::to_string(size);
}

template <typename NameCall>
std::string name_of(const Subject& subject, NameCall call, socklen_t room = sizeof(sockaddr_in)) {
  sockaddr_in name{};
  socklen_t size = room;
  const int result = call(subject.own, generic(name), &size);
  return outcome(result, result < 0 ? "" : name_text(subject, name, size));
}

/// What came is closed at once.
std::string accepted(const Subject& subject, int fd, const sockaddr_in& from, socklen_t size) {
  const std::string text = outcome(fd < 0 ? -1 : 0, fd < 0 ? "" : name_text(subject, from, size));
  if (fd >= 0) {
    const bool nonblocking = (api::fcntl(fd, F_GETFL, 0) & O_NONBLOCK) != 0;
    api::close(fd);
    return text + (nonblocking ? " nonblocking" : " blocking");
  }
  return text;
}

std::string accept_with(Subject& subject, int flags) {
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const int fd = api::accept4(subject.own, generic(from), &size, flags);
  return accepted(subject, fd, from, size);
}

void add_bind(std::vector<Call>& calls) {
  calls.push_back({"bind any port", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return bind_to(subject, internet_address("0.0.0.0", 0));
                   }});
  calls.push_back({"bind own address", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return bind_to(subject, internet_address(own_address(), 0));
                   }});
  calls.push_back({"bind a listener's port", kStreams, [](const Ground& ground, Subject& subject) {
                     return bind_to(subject, internet_address("0.0.0.0", ground.occupied_port));
                   }});
  calls.push_back({"bind the peer's address", kStreams | kDatagrams,
                   [](const Ground&, Subject& subject) { return bind_to(subject, peer_at(0)); }});
  calls.push_back({"bind AF_INET6", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return bind_to(subject, of_family(AF_INET6, 0));
                   }});
  calls.push_back({"bind family 99", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return bind_to(subject, of_family(99, 0));
                   }});
  calls.push_back({"bind size 8", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return bind_to(subject, internet_address("0.0.0.0", 0), 8);
                   }});
  calls.push_back({"bind null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(
                         api::bind(subject.own, nowhere<const sockaddr>(), sizeof(sockaddr_in)));
                   }});
}

void add_listen_and_accept(std::vector<Call>& calls) {
  for (const int backlog : {0, 5, -1}) {
    calls.push_back({"listen " + std::to_string(backlog), kStreams | kDatagrams,
                     [backlog](const Ground&, Subject& subject) {
                       return outcome(api::listen(subject.own, backlog));
                     }});
  }
  calls.push_back({"accept", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     sockaddr_in from{};
                     socklen_t size = sizeof from;
                     const int fd = api::accept(subject.own, generic(from), &size);
                     return accepted(subject, fd, from, size);
                   }});
  calls.push_back({"accept null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return accepted(subject, api::accept(subject.own, nullptr, nullptr), {}, 0);
                   }});
  calls.push_back({"accept4 NONBLOCK", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return accept_with(subject, SOCK_NONBLOCK);
                   }});
  calls.push_back({"accept4 bad flags", kStreams | kDatagrams,
                   [](const Ground&, Subject& subject) { return accept_with(subject, 0x10); }});
  calls.push_back({"accept, blocking 10 ms", kStreams, [](const Ground&, Subject& subject) {
                     let_block_briefly(subject.own);
                     return accept_with(subject, 0);
                   }});
}

void add_connect(std::vector<Call>& calls) {
  calls.push_back({"connect the same", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return connect_to(subject, peer_at(subject.peer_port));
                   }});
  calls.push_back(
      {"connect another", kStreams | kDatagrams, [](const Ground& ground, Subject& subject) {
         return connect_to(subject, peer_at(ground.silent_port));
       }});
  calls.push_back(
      {"connect another, blocking 10 ms", kStreams, [](const Ground& ground, Subject& subject) {
         let_block_briefly(subject.own);
         return connect_to(subject, peer_at(ground.silent_port));
       }});
  calls.push_back({"connect AF_UNSPEC", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return connect_to(subject, of_family(AF_UNSPEC, 0));
                   }});
  calls.push_back({"connect AF_INET6", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return connect_to(subject, of_family(AF_INET6, 1));
                   }});
  calls.push_back({"connect broadcast", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return connect_to(subject, internet_address("255.255.255.255", 9));
                   }});
  calls.push_back({"connect size 8", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return connect_to(subject, peer_at(subject.peer_port), 8);
                   }});
  calls.push_back({"connect size 1", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return connect_to(subject, peer_at(subject.peer_port), 1);
                   }});
  calls.push_back({"connect null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(
                         api::connect(subject.own, nowhere<const sockaddr>(), sizeof(sockaddr_in)));
                   }});
}

void add_ends(std::vector<Call>& calls) {
  constexpr std::pair<const char*, int> kHows[] = {
      {"RD", SHUT_RD}, {"WR", SHUT_WR}, {"RDWR", SHUT_RDWR}, {"3", 3}, {"-1", -1}};
  for (const auto& [name, how] : kHows) {
    calls.push_back({std::string{"shutdown "} + name, kStreams | kDatagrams,
                     [how](const Ground&, Subject& subject) {
                       return outcome(api::shutdown(subject.own, how));
                     }});
    calls.push_back({std::string{"shutdown "} + name + " twice", kStreams | kDatagrams,
                     [how](const Ground&, Subject& subject) {
                       api::shutdown(subject.own, how);
                       return outcome(api::shutdown(subject.own, how));
                     }});
  }
  calls.push_back({"close", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::close(subject.own.release()));
                   }});
  calls.push_back({"close twice", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     api::close(subject.own.release());
                     return outcome(api::close(subject.number));
                   }});
}

template <typename NameCall>
void add_name(std::vector<Call>& calls, const std::string& name, NameCall call) {
  calls.push_back({name, kStreams | kDatagrams,
                   [call](const Ground&, Subject& subject) { return name_of(subject, call); }});
  calls.push_back({name + " size 4", kStreams | kDatagrams,
                   [call](const Ground&, Subject& subject) { return name_of(subject, call, 4); }});
  calls.push_back(
      {name + " size -1", kStreams | kDatagrams, [call](const Ground&, Subject& subject) {
         return name_of(subject, call, static_cast<socklen_t>(-1));
       }});
  calls.push_back({name + " null", kStreams | kDatagrams, [call](const Ground&, Subject& subject) {
                     socklen_t size = sizeof(sockaddr_in);
                     return outcome(call(subject.own, nowhere<sockaddr>(), &size));
                   }});
  calls.push_back(
      {name + " null size", kStreams | kDatagrams, [call](const Ground&, Subject& subject) {
         sockaddr_in found{};
         return outcome(call(subject.own, generic(found), nowhere<socklen_t>()));
       }});
}

}  // namespace

void add_life_calls(std::vector<Call>& calls) {
  add_bind(calls);
  add_listen_and_accept(calls);
  add_connect(calls);
  add_ends(calls);
  add_name(calls, "getsockname",
           [](int fd, sockaddr* to, socklen_t* size) { return api::getsockname(fd, to, size); });
  add_name(calls, "getpeername",
           [](int fd, sockaddr* to, socklen_t* size) { return api::getpeername(fd, to, size); });
}

}  // namespace millrace::test
