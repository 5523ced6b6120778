// Calls that move data.
#include <array>
#include <cerrno>
#include <cstdlib>

#include "subject.hpp"

namespace millrace::test {
namespace {

/// "'hell'" behind the number of bytes, where there are any.
std::string read_outcome(ssize_t got, const char* block) {
  if (got <= 0) {
    return outcome(got);
  }
  return outcome(got, "'" + std::string{block, static_cast<std::size_t>(got)} + "'");
}

std::string receive(Subject& subject, std::size_t room, int flags) {
  std::array<char, 64> block{};
  block.fill('*');  // So that bytes which are thrown away, not copied, show.
  const ssize_t got = api::recv(subject.own, block.data(), room, flags);
  return read_outcome(got, block.data());
}

std::string receive_message(Subject& subject, std::size_t parts, std::size_t room) {
  std::array<char, 64> block{};
  std::array<iovec, 2> vectors{{{block.data(), room}, {block.data() + room, room}}};
  sockaddr_in from{};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = vectors.data();
  message.msg_iovlen = parts;
  const ssize_t got = api::recvmsg(subject.own, &message, 0);
  const std::string text = read_outcome(got, block.data());
  return got < 0 ? text
                 : text + " name=" + std::to_string(message.msg_namelen) +
                       ((message.msg_flags & MSG_TRUNC) != 0 ? " TRUNC" : "");
}

std::string send_message(Subject& subject, sockaddr_in* to, std::size_t parts) {
  char text[] = "ab";
  std::array<iovec, 2> vectors{{{text, 1}, {text + 1, 1}}};
  msghdr message{};
  message.msg_name = to;
  message.msg_namelen = to == nullptr ? 0 : sizeof *to;
  message.msg_iov = vectors.data();
  message.msg_iovlen = parts;
  return outcome(api::sendmsg(subject.own, &message, MSG_NOSIGNAL));
}

struct Flag {
  const char* name;
  int value;
};

void add_reading(std::vector<Call>& calls) {
  for (const std::size_t room : {0U, 4U, 64U}) {
    calls.push_back({"read " + std::to_string(room), kStreams | kDatagrams,
                     [room](const Ground&, Subject& subject) {
                       std::array<char, 64> block{};
                       const ssize_t got = api::read(subject.own, block.data(), room);
                       return read_outcome(got, block.data());
                     }});
  }
  calls.push_back({"read 4 null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::read(subject.own, nowhere<void>(), 4));
                   }});
  calls.push_back({"recv 4 null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::recv(subject.own, nowhere<void>(), 4, 0));
                   }});
  constexpr Flag kFlags[] = {{"0", 0},
                             {"PEEK", MSG_PEEK},
                             {"DONTWAIT", MSG_DONTWAIT},
                             {"WAITALL", MSG_WAITALL},
                             {"PEEK|WAITALL", MSG_PEEK | MSG_WAITALL},
                             {"TRUNC", MSG_TRUNC},
                             {"OOB", MSG_OOB},
                             {"OOB|PEEK", MSG_OOB | MSG_PEEK},
                             {"ERRQUEUE", MSG_ERRQUEUE},
                             {"NOSIGNAL", MSG_NOSIGNAL}};
  for (const Flag flag : kFlags) {
    for (const std::size_t room : {0U, 4U, 64U}) {
      calls.push_back({"recv " + std::to_string(room) + ' ' + flag.name, kStreams | kDatagrams,
                       [room, flag](const Ground&, Subject& subject) {
                         return receive(subject, room, flag.value);
                       }});
    }
  }
  for (const int flags : {0, static_cast<int>(MSG_WAITALL)}) {
    calls.push_back({std::string{"recv 64 "} + (flags != 0 ? "WAITALL" : "0") + ", blocking 10 ms",
                     kStreams | kDatagrams, [flags](const Ground&, Subject& subject) {
                       let_block_briefly(subject.own);
                       return receive(subject, 64, flags);
                     }});
  }
  calls.push_back(
      {"read again to the end", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         std::string all;
         for (int i = 0; i < 4; ++i) {
           all += receive(subject, 64, 0) + (i < 3 ? ", " : "");
         }
         return all;
       }});
}

void add_reading_in_parts(std::vector<Call>& calls) {
  calls.push_back(
      {"recvfrom 4 with address", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         std::array<char, 64> block{};
         sockaddr_in from{};
         socklen_t size = sizeof from;
         const ssize_t got = api::recvfrom(subject.own, block.data(), 4, 0, generic(from), &size);
         return got < 0 ? outcome(got)
                        : read_outcome(got, block.data()) + " name=" + std::to_string(size);
       }});
  for (const std::size_t parts : {0U, 1U, 2U, 1025U}) {
    calls.push_back(
        {"recvmsg of " + std::to_string(parts) + " parts", kStreams | kDatagrams,
         [parts](const Ground&, Subject& subject) { return receive_message(subject, parts, 2); }});
  }
  for (const int parts : {-1, 0, 1, 2, 1025}) {
    calls.push_back(
        {"readv of " + std::to_string(parts) + " parts", kStreams | kDatagrams,
         [parts](const Ground&, Subject& subject) {
           std::array<char, 64> block{};
           const std::array<iovec, 2> vectors{{{block.data(), 2}, {block.data() + 2, 2}}};
           const ssize_t got = api::readv(subject.own, vectors.data(), parts);
           return read_outcome(got, block.data());
         }});
  }
  calls.push_back({"readv null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::readv(subject.own, nowhere<const iovec>(), 1));
                   }});
}

void add_writing(std::vector<Call>& calls) {
  for (const std::size_t size : {0U, 4U}) {
    calls.push_back({"write " + std::to_string(size), kStreams | kDatagrams,
                     [size](const Ground&, Subject& subject) {
                       return outcome(api::write(subject.own, "abcd", size));
                     }});
  }
  constexpr Flag kFlags[] = {{"0", 0},
                             {"NOSIGNAL", MSG_NOSIGNAL},
                             {"MORE", MSG_MORE | MSG_NOSIGNAL},
                             {"OOB", MSG_OOB | MSG_NOSIGNAL},
                             {"DONTWAIT", MSG_DONTWAIT | MSG_NOSIGNAL},
                             {"DONTROUTE", MSG_DONTROUTE | MSG_NOSIGNAL}};
  for (const Flag flag : kFlags) {
    for (const std::size_t size : {0U, 4U}) {
      calls.push_back({"send " + std::to_string(size) + ' ' + flag.name, kStreams | kDatagrams,
                       [size, flag](const Ground&, Subject& subject) {
                         return outcome(api::send(subject.own, "abcd", size, flag.value));
                       }});
    }
  }
  calls.push_back({"write 4 null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::write(subject.own, nowhere<void>(), 4));
                   }});
  calls.push_back({"send 4 null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::send(subject.own, nowhere<void>(), 4, MSG_NOSIGNAL));
                   }});
  calls.push_back(
      {"send 4 0, blocking 10 ms", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         let_block_briefly(subject.own);
         return outcome(api::send(subject.own, "abcd", 4, MSG_NOSIGNAL));
       }});
  calls.push_back({"send 4 twice", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     const std::string first =
                         outcome(api::send(subject.own, "abcd", 4, MSG_NOSIGNAL));
                     return first + ", " + outcome(api::send(subject.own, "abcd", 4, MSG_NOSIGNAL));
                   }});
  calls.push_back({"send 70000", kDatagrams, [](const Ground&, Subject& subject) {
                     const std::string text(70000, 'x');
                     return outcome(api::send(subject.own, text.data(), text.size(), 0));
                   }});
}

std::string send_to(Subject& subject, const sockaddr_in& to, socklen_t size = sizeof(sockaddr_in)) {
  return outcome(api::sendto(subject.own, "abcd", 4, MSG_NOSIGNAL, generic(to), size));
}

void add_writing_to(std::vector<Call>& calls) {
  calls.push_back({"sendto the same", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return send_to(subject, peer_at(subject.peer_port));
                   }});
  calls.push_back(
      {"sendto another", kStreams | kDatagrams, [](const Ground& ground, Subject& subject) {
         return send_to(subject, peer_at(ground.datagram_port));
       }});
  calls.push_back({"sendto port 0", kStreams | kDatagrams,
                   [](const Ground&, Subject& subject) { return send_to(subject, peer_at(0)); }});
  calls.push_back({"sendto broadcast", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return send_to(subject, internet_address("255.255.255.255", 9));
                   }});
  calls.push_back({"sendto size 8", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return send_to(subject, peer_at(subject.peer_port), 8);
                   }});
  calls.push_back({"sendto AF_INET6", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     sockaddr_in to = peer_at(subject.peer_port);
                     to.sin_family = AF_INET6;
                     return send_to(subject, to);
                   }});
  for (const std::size_t parts : {0U, 1U, 2U, 1025U}) {
    calls.push_back({"sendmsg of " + std::to_string(parts) + " parts", kStreams | kDatagrams,
                     [parts](const Ground&, Subject& subject) {
                       return send_message(subject, nullptr, parts);
                     }});
  }
  calls.push_back(
      {"sendmsg with address", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         sockaddr_in to = peer_at(subject.peer_port);
         return send_message(subject, &to, 2);
       }});
  for (const int parts : {-1, 0, 1, 2, 1025}) {
    calls.push_back({"writev of " + std::to_string(parts) + " parts", kStreams | kDatagrams,
                     [parts](const Ground&, Subject& subject) {
                       char text[] = "ab";
                       const std::array<iovec, 2> vectors{{{text, 1}, {text + 1, 1}}};
                       return outcome(api::writev(subject.own, vectors.data(), parts));
                     }});
  }
  calls.push_back({"writev null", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
                     return outcome(api::writev(subject.own, nowhere<const iovec>(), 1));
                   }});
}

/// A file of ten bytes that has no name.
Descriptor small_file() {
  char path[] = "/tmp/mill-sockets-XXXXXX";
  Descriptor file{::mkstemp(path)};
  ::unlink(path);
  if (::write(file, "0123456789", 10) != 10) {
    std::abort();
  }
  return file;
}

void add_moving(std::vector<Call>& calls) {
  for (const std::size_t size : {0U, 6U, 100U}) {
    calls.push_back({"sendfile " + std::to_string(size) + " of 10", kStreams | kDatagrams,
                     [size](const Ground&, Subject& subject) {
                       const int file = small_file().release();
                       off_t offset = 2;
                       const ssize_t sent = api::sendfile(subject.own, file, &offset, size);
                       const std::string text = outcome(sent, "offset=" + std::to_string(offset));
                       ::close(file);
                       return text;
                     }});
  }
  calls.push_back(
      {"sendfile from no descriptor", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         return outcome(api::sendfile(subject.own, -1, nullptr, 4));
       }});
  calls.push_back(
      {"splice 4 from a pipe", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         int ends[2];
         if (api::pipe(ends) < 0 || api::write(ends[1], "pipe", 4) != 4) {
           return std::string{"no pipe"};
         }
         const ssize_t moved =
             api::splice(ends[0], nullptr, subject.own, nullptr, 4, SPLICE_F_NONBLOCK);
         const std::string text = outcome(moved);
         api::close(ends[0]);
         api::close(ends[1]);
         return text;
       }});
  calls.push_back(
      {"splice 4 into a pipe", kStreams | kDatagrams, [](const Ground&, Subject& subject) {
         int ends[2];
         if (api::pipe(ends) < 0) {
           return std::string{"no pipe"};
         }
         const ssize_t moved =
             api::splice(subject.own, nullptr, ends[1], nullptr, 4, SPLICE_F_NONBLOCK);
         const std::string text = outcome(moved);
         api::close(ends[0]);
         api::close(ends[1]);
         return text;
       }});
  calls.push_back({"splice between sockets", kStreams, [](const Ground& ground, Subject& subject) {
                     return outcome(api::splice(subject.own, nullptr, ground.occupied, nullptr, 4,
                                                SPLICE_F_NONBLOCK));
                   }});
}

}  // namespace

void add_data_calls(std::vector<Call>& calls) {
  add_reading(calls);
  add_reading_in_parts(calls);
  add_writing(calls);
  add_writing_to(calls);
  add_moving(calls);
}

}  // namespace millrace::test
