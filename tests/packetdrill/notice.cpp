#include "notice.hpp"

#include <netinet/in.h>

#include <array>
#include <cmath>
#include <cstring>
#include <ctime>
#include <sstream>

// Behind <ctime>, which it needs.
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

namespace millrace::test {

namespace {

std::string words_of(const sock_extended_err& what, double time) {
  std::ostringstream words;
  if (what.ee_origin == SO_EE_ORIGIN_ZEROCOPY) {
    words << (what.ee_code == SO_EE_CODE_ZEROCOPY_COPIED ? "zerocopy:" : "uncopied:")
          << what.ee_info << "-" << what.ee_data;
    return words.str();
  }
  const char* const kinds[] = {"sent:", "sched:", "ack:"};
  words << (what.ee_info < 3 ? kinds[what.ee_info] : "unknown:") << what.ee_data << "@"
        << std::round(time * 100) / 100;
  return words.str();
}

}  // namespace

std::string read_notice(const packetdrill_interface& table, int fd, double start) {
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (table.recvmsg(table.userdata, fd, &message, MSG_ERRQUEUE) != 0) {
    return "none";
  }
  if ((message.msg_flags & MSG_ERRQUEUE) == 0) {
    return "unmarked";
  }
  double time = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPING) {
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
      time = static_cast<double>(stamp.tv_sec) + static_cast<double>(stamp.tv_nsec) / 1e9 - start;
    }
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) {
      sock_extended_err what{};
      std::memcpy(&what, CMSG_DATA(part), sizeof(what));
      return words_of(what, time);
    }
  }
  return "without a record";
}

}  // namespace millrace::test
