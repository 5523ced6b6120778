// SocketPage: a core's sockets as plain records, a bounded number at a time, for whoever wants to
// look at them from outside.
#pragma once

#include <cstdint>

#include <millrace/endpoint.hpp>
#include <millrace/tcp.hpp>
#include <millrace/tcp_info.hpp>
#include <millrace/time.hpp>

#include "base/fixed_vector.hpp"
#include "base/slot_table.hpp"
#include "tcp/next_timer.hpp"

namespace millrace::stack {

/// One socket, listener or entry in TIME-WAIT. A UDP socket is ESTABLISHED while it has a peer,
/// and CLOSED otherwise.
struct SocketRecord {
  enum class Protocol : std::uint8_t { Tcp, Udp };

  Protocol protocol = Protocol::Tcp;
  TcpState state = TcpState::Closed;
  tcp::TimerKind timer = tcp::TimerKind::None;
  bool has_info = false;
  bool is_orphan = false;  ///< The application has closed it.
  /// Bytes that wait to be read, of UDP with their packets; of a listener, connections that wait to
  /// be accepted.
  std::uint32_t receive_queue = 0;
  /// Bytes not acknowledged; of a listener, how many connections may wait.
  std::uint32_t send_queue = 0;
  FourTuple tuple;          ///< A listener's peer is unspecified.
  base::SlotHandle handle;  ///< In its table; of an entry in TIME-WAIT the index alone.
  Duration timer_left{};    ///< Until the timer goes off.
  TcpInfo info;             ///< Of a connection, if it was asked for.
};

/// Where a listing goes on. A plain number to pass around; zero is the start.
class SocketCursor {
 public:
  enum class Table : std::uint8_t { Listeners, Connections, TimeWait, Udp, Done };

  constexpr SocketCursor() noexcept = default;
  constexpr explicit SocketCursor(std::uint64_t number) noexcept : number_{number} {}
  constexpr SocketCursor(Table table, std::uint32_t index) noexcept
      : number_{static_cast<std::uint64_t>(table) << 32U | index} {}

  [[nodiscard]] constexpr std::uint64_t number() const noexcept { return number_; }
  /// Done for numbers that no cursor has.
  [[nodiscard]] constexpr Table table() const noexcept {
    return number_ >> 32U < static_cast<std::uint64_t>(Table::Done)
               ? static_cast<Table>(number_ >> 32U)
               : Table::Done;
  }
  [[nodiscard]] constexpr std::uint32_t index() const noexcept {
    return static_cast<std::uint32_t>(number_);
  }

 private:
  std::uint64_t number_ = 0;
};

/// What one look returns. A socket that stays is in exactly one page of a listing; one that comes
/// or goes meanwhile may be in none.
struct SocketPage {
  static constexpr std::size_t kRecordsMax = 32;

  base::FixedVector<SocketRecord, kRecordsMax> records;
  SocketCursor next;  ///< Where the next page begins; Done: there is none.
};

/// How much of a turn a page may take.
struct PageLimits {
  std::uint32_t records = SocketPage::kRecordsMax;
  std::uint32_t places = 4'096;  ///< Places in tables that are looked at, empty ones included.
  bool with_info = false;        ///< Ends a page early where much is in flight.
};

}  // namespace millrace::stack
