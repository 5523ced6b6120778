// TcpFile: one TCP socket as descriptors have it: Linux's states over a native connection or
// listener, the error that waits to be told, the options that were set before there was a
// connection. It hears of the connection's events; the calls on it are Sockets'.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <millrace/endpoint.hpp>
#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

#include "base/intrusive_list.hpp"
#include "base/slot_table.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_queue.hpp"
#include "posix/error_queue.hpp"
#include "posix/file.hpp"
#include "posix/send_notices.hpp"

namespace millrace::posix {

class TcpFile;

/// What accepted connections are made of. `make` may return null: there is no room.
class TcpFileSource {
 public:
  virtual ~TcpFileSource() = default;
  /// Charged for the packets that a file holds; it outlives all files.
  [[nodiscard]] virtual packet::PacketBudget& packet_budget() noexcept = 0;
  [[nodiscard]] virtual ErrorRecords& error_records() noexcept = 0;
  [[nodiscard]] virtual SendNoticePool& send_notices() noexcept = 0;
  [[nodiscard]] virtual TcpFile* make_accepted(TcpFile& listener, TcpSocket socket) = 0;
  /// The file has less to read than it waits for. Once the core has no room for more that is
  /// enough, of which no event of the connection tells.
  virtual void note_unsated(TcpFile& file) noexcept = 0;
};

/// Kept for a socket without connection, inherited by accepted ones.
struct TcpFileOptions {
  std::optional<Duration> receive_timeout;
  std::optional<Duration> send_timeout;
  std::optional<Duration> user_timeout;
  KeepaliveOptions keepalive;
  TcpTuning tuning;
  linger lingering{};
  std::optional<std::uint32_t> fast_open;                     // TCP_FASTOPEN, if it was set.
  std::optional<std::array<std::uint8_t, 16>> fast_open_key;  // TCP_FASTOPEN_KEY.
  std::uint32_t stamps = 0;                                   // SO_TIMESTAMPING as it was set.
  std::uint32_t stamp_base = 0;  // What their numbers count from, with SOF_TIMESTAMPING_OPT_ID.
  std::uint32_t unsent_low_water = 0;  // TCP_NOTSENT_LOWAT as it was set.
  int receive_low_water = 1;
  std::uint8_t deferred_timeouts = 0;  // TCP_DEFER_ACCEPT, as Linux counts it.
  std::uint8_t type_of_service = 0;
  std::uint8_t time_to_live = 0;  // 0: the configured one.
  std::uint8_t mtu_discovery = IP_PMTUDISC_WANT;
  bool has_keepalive = false;
  bool no_delay = false;
  bool cork = false;
  bool quick_acks = true;
  bool tells_unread = false;       // TCP_INQ.
  bool fast_open_connect = false;  // TCP_FASTOPEN_CONNECT.
  bool hears_path_errors = false;  // IP_RECVERR.
  bool urgent_inline = false;
  bool zero_copy = false;    // SO_ZEROCOPY.
  bool may_be_away = false;  // IP_FREEBIND.
  bool reuse_address = false;
  bool reuse_port = false;
  bool broadcast = false;
};

class TcpFile final : public File, public TcpHandler {
 public:
  /// As Linux's socket_state: what connect(2) goes by.
  enum class Link : std::uint8_t { Unconnected, Connecting, Connected, Disconnecting };
  static constexpr std::uint8_t kReceiveShut = 1;  // Linux's RCV_SHUTDOWN.
  static constexpr std::uint8_t kSendShut = 2;     // SEND_SHUTDOWN.

  explicit TcpFile(TcpFileSource& source) noexcept
      : File{FileKind::Tcp},
        errors{source.error_records()},
        notices{source.send_notices(), errors},
        source_{source},
        budget_{source.packet_budget()} {}
  ~TcpFile() override {
    drop_held();
    note_sated();
  }

  // The state.
  /// As Linux has it: a connection in TIME-WAIT is closed to its socket.
  [[nodiscard]] TcpState state() const;
  [[nodiscard]] bool is_listening() const noexcept { return phase_ == Phase::Listening; }
  [[nodiscard]] bool is_opening() const noexcept { return phase_ == Phase::Opening; }
  /// connect(2) was called, and the SYN is to leave with what is written first.
  [[nodiscard]] bool is_deferred() const noexcept { return phase_ == Phase::Deferred; }
  [[nodiscard]] bool has_connection() const noexcept {
    return phase_ == Phase::Opening || phase_ == Phase::Open;
  }
  /// Whether the port is its own: bound, or in use. A connection that has ended gives up a port
  /// that was chosen for it, and goes on to name it.
  [[nodiscard]] bool has_port();
  void set_has_port(bool has) noexcept { has_port_ = has; }
  /// What is shut of the two directions, by whoever.
  [[nodiscard]] std::uint8_t shut();
  void add_shut(std::uint8_t directions) noexcept { shut_ |= directions; }
  /// The peer's FIN, or the end, has come: reading ends with 0 and not with an error.
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] int take_error() noexcept;
  void set_error(int error) noexcept { error_ = error; }
  [[nodiscard]] std::uint32_t events(std::uint32_t asked) override;

  // Changes of state.
  void start_listening(base::SlotHandle listener) noexcept;
  void start_opening(TcpSocket socket);
  void start_deferred(const Endpoint& destination);
  void start_accepted(TcpSocket socket);
  /// Back to what a new socket is; what was received is gone. The connection is the caller's to
  /// end.
  void forget() noexcept;

  // Data.
  [[nodiscard]] std::size_t readable();
  /// Copies out what is there, at most `into.size()` bytes.
  [[nodiscard]] std::size_t receive(std::span<std::byte> into);
  /// The same, and it stays: from `skip` bytes on.
  [[nodiscard]] std::size_t peek(std::size_t skip, std::span<std::byte> into);
  [[nodiscard]] std::size_t discard(std::size_t bytes);
  /// The next bytes that lie together.
  [[nodiscard]] std::span<const std::byte> front();
  [[nodiscard]] bool has_held() const noexcept { return !held_.empty(); }
  /// Whether the urgent byte has arrived, and was not taken or passed by.
  [[nodiscard]] bool has_urgent_byte();
  /// That byte, which stays when `is_peek`. Only when it is there.
  [[nodiscard]] std::byte urgent_byte(bool is_peek) noexcept;
  /// Reading has come to the place of the last urgent byte, where one read ends and the next
  /// begins.
  [[nodiscard]] bool is_at_mark();
  /// How many bytes one read may take at most: up to the mark, or from there on any.
  [[nodiscard]] std::size_t room_to_mark();
  /// Reads on from the mark, if that byte has arrived: whoever has not taken it has missed it.
  void pass_mark();
  /// Sending was refused, or took less than all: EPOLLOUT waits for room.
  void note_send_blocked() noexcept { is_send_blocked_ = true; }

  // The connection's events.
  void on_accepted(TcpSocket socket) override;
  void on_connected(TcpSocket socket) override;
  void on_readable(TcpSocket socket) override;
  void on_writable(TcpSocket socket) override;
  void on_urgent(TcpSocket socket) override;
  void on_soft_error(TcpSocket socket, Error error) override;
  void on_peer_finished(TcpSocket socket) override;
  void on_closed(TcpSocket socket, Result<void> outcome) override;

  TcpSocket native;
  base::SlotHandle listener;
  Endpoint local;  // What it is bound to; unspecified parts are open.
  Endpoint remote;
  TcpFileOptions options;
  Link link = Link::Unconnected;
  bool has_bound_port = false;  // By bind(2), so that dissolving a connection keeps it.
  bool has_bound_address = false;
  bool has_urgent = false;    // An urgent byte may be taken out of line.
  bool has_mark = false;      // Urgent data was announced, and reading is not past it.
  bool is_held_back = false;  // The last write had MSG_MORE.
  ErrorQueue errors;          // For MSG_ERRQUEUE.
  SendNotices notices;
  std::optional<TcpInfo> last_info;  // What the connection told when it ended.
  base::ListLink accept_link;
  base::ListLink unsated_link;
  base::IntrusiveList<TcpFile, &TcpFile::accept_link>
      waiting;  // Accepted by TCP, not by the application.

 private:
  enum class Phase : std::uint8_t { Idle, Listening, Deferred, Opening, Open, Over };

  /// As much as SO_RCVLOWAT asks for, or all that there can be.
  [[nodiscard]] bool has_enough_to_read();
  void hold_front(std::size_t bytes);
  void drop_held() noexcept;
  void note_sated() noexcept;
  void note_end() noexcept;
  [[nodiscard]] std::size_t bytes_to_mark() const;
  [[nodiscard]] bool is_urgent_here();

  TcpFileSource& source_;
  packet::PacketBudget& budget_;
  packet::PacketQueue
      held_;  // Read before what the connection has: peeked at, or left when it was reset.
  std::size_t held_bytes_ = 0;
  std::uint32_t held_charge_ = 0;  // Charged to the budget for them, as the connection's are.
  int error_ = 0;
  Phase phase_ = Phase::Idle;
  std::uint8_t shut_ = 0;
  bool is_done_ = false;
  bool is_send_blocked_ = false;
  bool has_port_ = false;
  bool has_ended_ = false;
  std::optional<std::byte> urgent_byte_;  // Looked at and not taken.
  std::optional<Error> open_error_;       // Why connecting was given up.
};

using UnsatedFiles = base::IntrusiveList<TcpFile, &TcpFile::unsated_link>;

inline void TcpFile::note_sated() noexcept {
  if (unsated_link.is_linked()) {
    UnsatedFiles::unlink(*this);
  }
}

}  // namespace millrace::posix
