// A core's listeners, connections and entries in TIME-WAIT as pages of plain records.
#include <algorithm>
#include <utility>

#include "stack/tcp_core.hpp"

namespace millrace::stack {

namespace {

using Table = SocketCursor::Table;

// Segments in flight that the records of one page may have made us look at.
constexpr std::uint32_t kSegmentsPerPage = 4'096;

SocketRecord record_of(const tcp::Listener& listener, base::SlotHandle handle) noexcept {
  SocketRecord record;
  record.state = TcpState::Listen;
  record.receive_queue = listener.waiting();
  record.send_queue = listener.backlog();
  record.tuple.local = listener.endpoint();
  record.handle = handle;
  return record;
}

SocketRecord record_of(const tcp::TimeWaitEntry& entry, std::uint32_t index, Instant now) noexcept {
  SocketRecord record;
  record.state = TcpState::TimeWait;
  record.timer = tcp::TimerKind::TimeWait;
  // Its time may be up, and its turn not have come.
  record.timer_left = std::max(entry.expires() - now, Duration::zero());
  record.tuple = entry.tuple;
  record.handle.index = index;
  return record;
}

}  // namespace

SocketPage TcpCore::list(Instant now, SocketCursor from, const PageLimits& limits) noexcept {
  now_ = std::max(now_, now);
  SocketPage page;
  page.next = from;
  std::uint32_t places = limits.places;
  std::uint32_t segments = kSegmentsPerPage;
  while (page.next.table() < Table::Udp && places > 0 && segments > 0 &&
         page.records.size() < limits.records && !page.records.full()) {
    std::uint32_t index = page.next.index();
    const Table table = page.next.table();
    bool is_end = false;
    switch (table) {
      case Table::Listeners: {
        if (const tcp::Listener* const listener = listeners_.next_from(index, places)) {
          static_cast<void>(
              page.records.push_back(record_of(*listener, listeners_.handle_of(*listener))));
          ++index;
        }
        is_end = index >= listeners_.touched();
        break;
      }
      case Table::Connections: {
        if (const ConnectionSlot* const slot = connections_.next_from(index, places)) {
          list_connection(*slot, limits.with_info, page, segments);
          ++index;
        }
        is_end = index >= connections_.touched();
        break;
      }
      case Table::TimeWait: {
        if (const tcp::TimeWaitEntry* const entry = time_wait_.next_from(index, places)) {
          static_cast<void>(page.records.push_back(record_of(*entry, index, now_)));
          ++index;
        }
        is_end = index >= time_wait_.touched();
        break;
      }
      case Table::Udp:
      case Table::Done: break;
    }
    page.next = is_end ? SocketCursor{static_cast<Table>(std::to_underlying(table) + 1), 0}
                       : SocketCursor{table, index};
  }
  return page;
}

TcpInfo TcpCore::describe(const ConnectionSlot& slot, Instant now) const noexcept {
  TcpInfo info;
  slot.connection.describe(resources_, info);
  slot.tally.describe(info, now);
  info.path_mtu = std::min<std::uint32_t>(info.path_mtu, slot.path.interface->mtu);
  return info;
}

void TcpCore::list_connection(const ConnectionSlot& slot, bool with_info, SocketPage& page,
                              std::uint32_t& segments) const noexcept {
  const tcp::Connection& connection = slot.connection;
  if (!slot.is_in_demux) {
    // Over, or in TIME-WAIT, which has an entry of its own.
    return;
  }
  SocketRecord record;
  record.state = connection.state();
  record.receive_queue = connection.unread();
  record.send_queue = connection.unacknowledged();
  record.tuple = connection.tuple();
  record.handle = connections_.handle_of(slot);
  record.is_orphan = connection.is_closed_by_application();
  const tcp::NextTimer timer = connection.next_timer();
  record.timer = timer.kind;
  if (timer.kind != tcp::TimerKind::None) {
    record.timer_left = std::max(timer.at - now_, Duration::zero());
  }
  record.has_info = with_info;
  if (with_info) {
    record.info = describe(slot, now_);
    segments -= std::min(segments, record.info.unacked);
  }
  static_cast<void>(page.records.push_back(record));
}

}  // namespace millrace::stack
