// Sockets: the calls of millrace/socket.h on one core, whoever makes them and however they wait.
// Each answers as a system call inside the kernel does: a result, or a negative errno. Descriptors
// that are not ours are EBADF here; who calls knows what to do with the kernel's.
//
// Defined by topic: socket_calls.cpp (their beginning), close_calls.cpp,
// connect.cpp, fast_open.cpp, data_calls.cpp, file_calls.cpp
// (sendfile, splice), options.cpp, tcp_options.cpp, ip_options.cpp, epoll.cpp (epoll and poll),
// control_calls.cpp (fcntl, ioctl); for UDP: udp_calls.cpp, udp_data.cpp,
// udp_moving.cpp, udp_options.cpp.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <linux/sock_diag.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/worker.hpp>

#include "base/deadline.hpp"
#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "posix/descriptor_table.hpp"
#include "posix/epoll_set.hpp"
#include "posix/names.hpp"
#include "posix/part_cursor.hpp"
#include "posix/select_sets.hpp"
#include "posix/tcp_file.hpp"
#include "posix/udp_file.hpp"
#include "posix/waiting.hpp"
#include "stack/stack.hpp"

namespace millrace::posix {

class Sockets final : public TcpFileSource, public stack::ProgressListener {
 public:
  struct Limits {
    std::uint32_t sockets = 16'384;
    std::uint32_t udp_sockets = 4'096;
    std::uint32_t error_records = 1'024;  // Of all sockets, for MSG_ERRQUEUE.
    std::uint32_t send_notices = 1'024;   // Writes that are still to be told of, of all sockets.
    std::uint32_t epoll_sets = 256;
    std::uint32_t watches = 32'768;
  };

  /// Where something is to go, as the caller has put it.
  struct Destination {
    const sockaddr* address = nullptr;
    socklen_t length = 0;
  };

  /// What has to be there, and outlive it.
  struct Parts {
    Worker& worker;
    stack::Stack& stack;
    Waiting& waiting;
    const Config& config;
  };

  explicit Sockets(const Parts& parts);
  Sockets(const Parts& parts, const Limits& limits);
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  /// Connections that are open are aborted.
  ~Sockets() override;

  [[nodiscard]] bool owns(int fd) const noexcept { return table_.owns(fd); }
  /// Closes all descriptors in order, as the end of a process does.
  void close_all();

  // Life.
  int socket(int domain, int type, int protocol);
  int bind(int fd, const sockaddr* address, socklen_t length);
  int listen(int fd, int backlog);
  int accept(int fd, sockaddr* address, socklen_t* length, int flags);
  int connect(int fd, const sockaddr* address, socklen_t length);
  int shutdown(int fd, int how);
  int close(int fd);
  int getsockname(int fd, sockaddr* address, socklen_t* length);
  int getpeername(int fd, sockaddr* address, socklen_t* length);

  // Data.
  ssize_t receive(int fd, const iovec* parts, std::size_t count, int flags);
  /// As `receive` and `send`, for calls that are about sockets only: an epoll set is ENOTSOCK to
  /// them.
  ssize_t socket_receive(int fd, const iovec* parts, std::size_t count, int flags);
  ssize_t socket_send(int fd, const iovec* parts, std::size_t count, int flags);
  /// What reading nothing answers.
  ssize_t nothing(int fd) const noexcept;
  ssize_t receive_message(int fd, msghdr* message, int flags);
  ssize_t send_message(int fd, const msghdr* message, int flags);
  /// recvfrom(2) and sendto(2): the address may be null.
  ssize_t receive_from(int fd, const iovec& part, int flags, sockaddr* address, socklen_t* length);
  ssize_t send_to(int fd, const iovec& part, int flags, const sockaddr* address, socklen_t length);
  /// Whether writing to it never raises SIGPIPE.
  [[nodiscard]] bool is_datagram(int fd) const noexcept { return find_udp(fd) != nullptr; }
  ssize_t send(int fd, const iovec* parts, std::size_t count, int flags);
  /// As `socket_send` with MSG_FASTOPEN: opens the connection, whose SYN carries what it can.
  ssize_t send_opening(int fd, const iovec* parts, std::size_t count, int flags,
                       const Destination& destination);
  ssize_t sendfile(int out, int in, off_t* offset, std::size_t count);
  ssize_t splice(int in, off_t* in_offset, int out, off_t* out_offset, std::size_t count,
                 unsigned flags);

  // Waiting.
  int poll(pollfd* fds, nfds_t count, int timeout);
  /// `limit`: null for none; what is left of it is written back.
  int select(int count, const SelectSets& sets, timeval* limit);
  int epoll_create(int flags);
  int epoll_control(int epoll, int operation, int fd, epoll_event* event);
  int epoll_wait(int epoll, epoll_event* events, int most, int timeout);
  int fcntl(int fd, int command, int argument);
  int ioctl(int fd, unsigned long request, int* argument);

  // Options.
  int setsockopt(int fd, int level, int option, const void* value, socklen_t length);
  int getsockopt(int fd, int level, int option, void* value, socklen_t* length);

  /// getaddrinfo.
  [[nodiscard]] Names& names() noexcept { return names_; }

  // For listeners, and what they accept.
  [[nodiscard]] packet::PacketBudget& packet_budget() noexcept override {
    return stack_.tcp().resources().budget;
  }
  [[nodiscard]] ErrorRecords& error_records() noexcept override { return error_records_; }
  [[nodiscard]] SendNoticePool& send_notices() noexcept override { return send_notices_; }
  [[nodiscard]] TcpFile* make_accepted(TcpFile& listener, TcpSocket socket) override;
  void note_unsated(TcpFile& file) noexcept override {
    if (!file.unsated_link.is_linked()) {
      unsated_.push_back(file);
    }
  }
  void on_progress(TcpHandler& handler) override;

 private:
  // Calls that answer EAGAIN until one of them lets a turn run.
  static constexpr unsigned kRefusalsBeforeTurn = 16;
  // How long a wait for the kernel's descriptors, too, may sleep before it looks at them.
  static constexpr Duration kKernelPace = std::chrono::milliseconds{1};

  /// What a call on a descriptor may wait for.
  struct Patience {
    bool may_wait = true;
    std::optional<Duration> timeout;
    int too_late = 0;  ///< The answer when time is up.
    /// How often it looks without having heard of anything: for what the kernel's descriptors say.
    Duration pace = Duration::max();
  };

  /// Keeps a file until a call is over that lets turns run or waits: whoever closes it meanwhile
  /// leaves it to the last such call.
  class Pin {
   public:
    Pin(Sockets& sockets, File& file) noexcept : sockets_{sockets}, file_{file} { ++file_.pins; }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() {
      if (--file_.pins == 0 && file_.is_closing) {
        sockets_.release(file_);
      }
    }

   private:
    Sockets& sockets_;
    File& file_;
  };

  /// What an opening takes along, and whether its SYN may carry it.
  struct OpeningData {
    std::span<const std::byte> data;
    bool is_fast = false;
  };

  [[nodiscard]] TcpFile* find_tcp(int fd, int& error) const noexcept;
  [[nodiscard]] EpollSet* find_set(int fd, int& error) const noexcept;
  /// Calls `try_once` until it answers other than -EAGAIN, or there is no more waiting. -EBADF once
  /// the file is closed. Who touches it afterwards holds a Pin.
  template <class Try>
  ssize_t persist(File& file, const Patience& patience, Try try_once);
  /// What a blocking descriptor's call has queued leaves at once.
  void let_leave(const File& file);
  void release(File& file);
  void drop_watches(File& file);
  void drop_watch(Watch& watch);

  // close_calls.cpp
  void end_connection(TcpFile& file);
  void linger(TcpFile& file);
  void stop_listening(TcpFile& file);
  void free_tcp(TcpFile& file);

  // socket_calls.cpp
  [[nodiscard]] bool is_own(const IpAddress& address) const noexcept;
  [[nodiscard]] bool conflicts(const TcpFile& file, const Endpoint& wanted);
  [[nodiscard]] std::optional<Port> choose_port(const TcpFile& file, const IpAddress& address);
  [[nodiscard]] int bind_to(TcpFile& file, Endpoint wanted);

  // connect.cpp
  int open(TcpFile& file, const sockaddr* address, socklen_t length);
  int open_to(TcpFile& file, const Endpoint& destination, const OpeningData& first);
  void dissolve(TcpFile& file);
  [[nodiscard]] int finish_connect(TcpFile& file);

  // fast_open.cpp
  [[nodiscard]] Result<Endpoint, int> where_to_open(TcpFile& file, const Destination& wanted) const;
  [[nodiscard]] ssize_t send_behind_syn(TcpFile& file, PartCursor& parts, int flags);
  [[nodiscard]] bool may_defer(const TcpFile& file, const Endpoint& destination);
  /// Where connect(2) has put the opening off: zero when it is under way, or was before.
  [[nodiscard]] int open_deferred(TcpFile& file);

  // data_calls.cpp
  [[nodiscard]] ssize_t take(TcpFile& file, PartCursor& parts, std::size_t target, int flags);
  [[nodiscard]] ssize_t take_urgent(TcpFile& file, PartCursor& parts, int flags);
  [[nodiscard]] int why_nothing(TcpFile& file);
  [[nodiscard]] ssize_t give(TcpFile& file, PartCursor& parts, int flags);
  [[nodiscard]] int why_not_sendable(TcpFile& file);

  // notice_calls.cpp
  [[nodiscard]] static bool wants_zero_copy(const TcpFile& file, int flags) noexcept {
    return (flags & MSG_ZEROCOPY) != 0 && file.options.zero_copy;
  }
  /// A write has queued something: it may be told of later.
  void note_write(TcpFile& file, int flags);
  void look_at_progress(TcpFile& file);
  ssize_t receive_notice(TcpFile& file, msghdr& message);
  [[nodiscard]] int set_stamps(TcpFile& file, int number);

  // file_calls.cpp
  ssize_t splice_out(TcpFile& file, int pipe, std::size_t count, bool may_wait);
  ssize_t splice_in(int pipe, TcpFile& file, std::size_t count, unsigned flags);
  void await_room(TcpFile& file);
  [[nodiscard]] ssize_t send_from(TcpFile& file, int source, off_t* offset, std::size_t count);

  // epoll.cpp
  [[nodiscard]] int poll_until(pollfd* fds, nfds_t count, Instant deadline);
  int add_watch(EpollSet& set, File& file, const epoll_event& event);
  [[nodiscard]] int collect(EpollSet& set, epoll_event* events, int most, bool asks_kernel);
  void tell_unsated() noexcept;
  [[nodiscard]] bool must_ask_kernel(int fd) const noexcept;
  [[nodiscard]] int look_at(pollfd* fds, nfds_t count, bool asks_kernel);

  // select.cpp
  [[nodiscard]] int select_until(int count, const SelectSets& sets, Instant deadline);

  // options.cpp, tcp_options.cpp, ip_options.cpp
  void apply_options(TcpFile& file);
  void apply_tuning(TcpFile& file);
  void apply_ip_options(const TcpFile& file);
  /// The connection behind a file; null: there is none.
  [[nodiscard]] stack::ConnectionSlot* find_slot(const TcpFile& file);
  /// The listener behind a file; null: there is none, or the stack has been shut down.
  [[nodiscard]] tcp::Listener* find_listener(const TcpFile& file);
  [[nodiscard]] TcpInfo describe(TcpFile& file);
  [[nodiscard]] bool has_quick_acks(const TcpFile& file);
  void set_low_water(TcpFile& file, int number);
  [[nodiscard]] int set_buffer(TcpFile& file, int option, int number);
  [[nodiscard]] int buffer_size(TcpFile& file, int option);
  [[nodiscard]] int get_memory(TcpFile& file, void* value, socklen_t* length);
  void set_no_delay(TcpFile& file, bool on);
  /// A write has queued something; MSG_MORE: what is not a full segment waits for the next one.
  void note_more(TcpFile& file, bool has_more);
  void set_cork(TcpFile& file, bool on);
  int set_opening_option(TcpFile& file, int option, int number);
  int set_fast_open_key(TcpFile& file, const void* value, socklen_t length);
  int get_fast_open_key(const TcpFile& file, void* value, socklen_t* length);
  [[nodiscard]] std::uint32_t fast_open_of(const TcpFile& file);
  int get_tcp_info(TcpFile& file, void* value, socklen_t* length);
  int set_socket_option(TcpFile& file, int option, const void* value, socklen_t length);
  int set_tcp_option(TcpFile& file, int option, const void* value, socklen_t length);
  int set_ip_option(TcpFile& file, int option, const void* value, socklen_t length);
  int get_socket_option(TcpFile& file, int option, void* value, socklen_t* length);
  int get_tcp_option(TcpFile& file, int option, void* value, socklen_t* length);
  int get_ip_option(TcpFile& file, int option, void* value, socklen_t* length);

  // udp_calls.cpp
  [[nodiscard]] UdpFile* find_udp(int fd) const noexcept;
  /// Null while it has no native socket.
  [[nodiscard]] stack::UdpSlot* slot_of(const UdpFile& file) noexcept;
  int make_udp(int type);
  void free_udp(UdpFile& file);
  [[nodiscard]] bool conflicts(const UdpFile& file, const Endpoint& wanted);
  [[nodiscard]] int ensure_port(UdpFile& file);
  [[nodiscard]] int open_udp(UdpFile& file, const Endpoint& wanted);
  int bind(UdpFile& file, const sockaddr* address, socklen_t length);
  int connect(UdpFile& file, const sockaddr* address, socklen_t length);
  [[nodiscard]] int connect_to_host(UdpFile& file, const IpAddress& host);
  [[nodiscard]] int disconnect(UdpFile& file);
  [[nodiscard]] static int getsockname(const UdpFile& file, sockaddr* address, socklen_t* length);
  [[nodiscard]] static int getpeername(const UdpFile& file, sockaddr* address, socklen_t* length);
  int shutdown(UdpFile& file, int how);
  int ioctl(UdpFile& file, unsigned long request, int* argument);
  void apply_options(UdpFile& file);

  // udp_data.cpp
  [[nodiscard]] static int check_message(const msghdr* message) noexcept;
  ssize_t receive(UdpFile& file, msghdr& message, int flags);
  [[nodiscard]] ssize_t receive_once(UdpFile& file, msghdr& message, int flags, bool may_wait);
  [[nodiscard]] ssize_t take(stack::UdpSlot& slot, msghdr& message, int flags);
  [[nodiscard]] static ssize_t receive_error(UdpFile& file, msghdr& message);
  ssize_t send(UdpFile& file, const msghdr& message, int flags);
  [[nodiscard]] ssize_t give(UdpFile& file, const msghdr& message, const Endpoint& destination,
                             int flags);
  [[nodiscard]] int why_not_sendable(UdpFile& file, const Endpoint& destination, std::size_t bytes);
  [[nodiscard]] std::span<const std::byte> gather(PartCursor& parts) noexcept;
  [[nodiscard]] ssize_t hold(UdpFile& file, std::span<const std::byte> piece,
                             const Endpoint& destination, bool is_held);
  [[nodiscard]] int uncork(UdpFile& file);

  // udp_moving.cpp
  struct Splice {
    bool may_wait = true;
    bool has_more = false;  // SPLICE_F_MORE.
  };
  ssize_t sendfile(UdpFile& file, int in, off_t* offset, std::size_t count);
  ssize_t splice_out(UdpFile& file, int pipe, std::size_t count, bool may_wait);
  ssize_t splice_in(int pipe, UdpFile& file, std::size_t count, const Splice& how);
  [[nodiscard]] ssize_t give_gathered(UdpFile& file, std::size_t bytes, int flags);
  [[nodiscard]] int why_not_movable(UdpFile& file, std::size_t bytes);

  // udp_options.cpp
  struct OptionName {
    int level = 0;
    int option = 0;
  };
  int setsockopt(UdpFile& file, const OptionName& name, const void* value, socklen_t length);
  int getsockopt(UdpFile& file, const OptionName& name, void* value, socklen_t* length);
  int set_socket_option(UdpFile& file, int option, const void* value, socklen_t length);
  int set_ip_option(UdpFile& file, int option, const void* value, socklen_t length);
  int set_udp_option(UdpFile& file, int option, const void* value, socklen_t length);
  int get_socket_option(UdpFile& file, int option, void* value, socklen_t* length);
  int get_ip_option(UdpFile& file, int option, void* value, socklen_t* length);
  [[nodiscard]] std::uint32_t receive_buffer_of(const UdpFile& file) const noexcept;
  [[nodiscard]] static std::uint32_t send_buffer_of(const UdpFile& file) noexcept;
  [[nodiscard]] std::array<std::uint32_t, SK_MEMINFO_VARS> memory_of(const UdpFile& file) noexcept;
  [[nodiscard]] static std::uint32_t path_mtu_of(const UdpFile& file) noexcept;

  Worker& worker_;
  stack::Stack& stack_;
  Waiting& waiting_;
  const Config& config_;
  base::Random random_;
  Names names_;
  DescriptorTable table_;
  ErrorRecords error_records_;
  SendNoticePool send_notices_;
  UnsatedFiles unsated_;  // Behind SO_RCVLOWAT; before the files, which leave it when they go.
  base::SlotTable<TcpFile> tcp_files_;
  base::SlotTable<UdpFile> udp_files_;
  base::SlotTable<EpollSet> epoll_sets_;
  base::SlotTable<Watch> watches_;
  TcpHandler& nobody_;               // Hears of connections that no descriptor names any more.
  std::vector<std::byte> gathered_;  // A datagram of several parts.
  unsigned refusals_ = 0;
};

template <class Try>
ssize_t Sockets::persist(File& file, const Patience& patience, Try try_once) {
  const auto attempt = [&]() -> ssize_t { return file.is_closing ? -EBADF : try_once(); };
  ssize_t result = attempt();
  if (result != -EAGAIN) {
    return result;
  }
  const Pin pin{*this, file};
  if (!patience.may_wait) {
    if (++refusals_ < kRefusalsBeforeTurn) {
      return patience.too_late;
    }
    refusals_ = 0;
    waiting_.turn();
    result = attempt();
    return result == -EAGAIN ? patience.too_late : result;
  }
  const Instant deadline =
      patience.timeout ? base::later(waiting_.now(), *patience.timeout) : Waiting::kForEver;
  while (result == -EAGAIN) {
    if (waiting_.now() >= deadline) {
      return patience.too_late;
    }
    const Instant until = std::min(deadline, base::later(waiting_.now(), patience.pace));
    const int woken = waiting_.wait(until, Waiting::kNoDescriptor);
    result = attempt();
    // As Linux: what has happened meanwhile goes before a signal; and after one that lets calls go
    // on, those do that have no limit of time.
    const bool goes_on = woken >= 0 || (woken == -ERESTART && !patience.timeout);
    if (result == -EAGAIN && !goes_on) {
      return woken == -ERESTART ? -EINTR : woken;
    }
  }
  return result;
}

}  // namespace millrace::posix
