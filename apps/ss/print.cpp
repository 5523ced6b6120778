#include "ss/print.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <vector>

#include <nlohmann/json.hpp>

#include "ss/info_words.hpp"
#include "ss/printable.hpp"

namespace ss {

namespace {

using nlohmann::ordered_json;

struct Column {
  std::string title;
  bool is_right = false;        ///< Its text stands at the right edge.
  std::string separator = " ";  ///< Behind it.
  std::size_t width = 0;
};

using Row = std::vector<std::string>;

std::string port_text(std::uint16_t port, const std::string& protocol, bool is_numeric) {
  if (port == 0) {
    return "*";
  }
  if (!is_numeric) {
    if (const servent* const service = ::getservbyport(htons(port), protocol.c_str())) {
      return service->s_name;
    }
  }
  return std::to_string(port);
}

std::string process_words(const Socket& socket) {
  return "users:((" + quoted(socket.program) + ",pid=" + std::to_string(socket.process) +
         ",core=" + std::to_string(socket.core) + "))";
}

Row row_of(const Socket& socket, const Options& options) {
  Row row;
  if (options.shows_protocol()) {
    row.push_back(socket.protocol);
  }
  const auto port = [&](std::uint16_t number) {
    return port_text(number, socket.protocol, options.numeric);
  };
  std::string rest = options.processes ? process_words(socket) : std::string{};
  if (const std::string timer = timer_words(socket); options.timers && !timer.empty()) {
    rest += (rest.empty() ? "" : " ") + timer;
  }
  for (std::string text :
       {socket.state, std::to_string(socket.receive_queue), std::to_string(socket.send_queue),
        socket.local, port(socket.local_port), socket.peer, port(socket.peer_port), rest}) {
    row.push_back(std::move(text));
  }
  return row;
}

std::vector<Column> columns_for(const Options& options) {
  std::vector<Column> columns;
  if (options.shows_protocol()) {
    columns.push_back({.title = "Netid"});
  }
  columns.push_back({.title = "State"});
  columns.push_back({.title = "Recv-Q"});
  columns.push_back({.title = "Send-Q"});
  columns.push_back({.title = "Local Address", .is_right = true, .separator = ":"});
  columns.push_back({.title = "Port"});
  columns.push_back({.title = "Peer Address", .is_right = true, .separator = ":"});
  columns.push_back({.title = "Port"});
  columns.push_back({.title = "Process"});
  return columns;
}

std::string line_of(const Row& row, const std::vector<Column>& columns) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string padding(columns[i].width - row[i].size(), ' ');
    line += columns[i].is_right ? padding + row[i] : row[i] + padding;
    line += i + 1 < columns.size() ? columns[i].separator : "";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

struct Counts {
  std::size_t tcp = 0;
  std::size_t udp = 0;
  std::size_t established = 0;
  std::size_t closed = 0;
  std::size_t orphaned = 0;
  std::size_t time_wait = 0;
};

Counts count(std::span<const Socket> sockets) {
  Counts counts;
  for (const Socket& socket : sockets) {
    if (socket.protocol == "udp") {
      ++counts.udp;
      continue;
    }
    ++counts.tcp;
    counts.established += socket.state == "ESTAB" ? 1 : 0;
    // ss counts those in TIME-WAIT among the closed ones, too.
    counts.closed += socket.state == "UNCONN" || socket.state == "TIME-WAIT" ? 1 : 0;
    counts.orphaned += socket.is_orphan ? 1 : 0;
    counts.time_wait += socket.state == "TIME-WAIT" ? 1 : 0;
  }
  return counts;
}

}  // namespace

std::string table_of(std::span<const Socket> sockets, const Options& options) {
  std::vector<Column> columns = columns_for(options);
  std::vector<Row> rows;
  if (!options.no_header) {
    Row titles;
    std::ranges::transform(columns, std::back_inserter(titles), &Column::title);
    rows.push_back(std::move(titles));
  }
  const std::size_t first = rows.size();
  for (const Socket& socket : sockets) {
    rows.push_back(row_of(socket, options));
  }
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].width = std::max(columns[i].width, row[i].size());
    }
  }
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += line_of(rows[i], columns);
    const std::string words = i >= first && options.info ? info_words(sockets[i - first]) : "";
    text += words.empty() ? "" : "\t" + words + "\n";
  }
  return text;
}

std::string summary_of(std::span<const Socket> sockets) {
  const Counts counts = count(sockets);
  const auto text = [](std::size_t number) { return std::to_string(number); };
  std::string summary = "Total: " + text(counts.tcp + counts.udp) + "\nTCP:   " + text(counts.tcp) +
                        " (estab " + text(counts.established) + ", closed " + text(counts.closed) +
                        ", orphaned " + text(counts.orphaned) + ", timewait " +
                        text(counts.time_wait) + ")\n\n" + "Transport Total     IP        IPv6\n";
  const std::array lines{std::pair{"UDP", counts.udp}, std::pair{"TCP", counts.tcp},
                         std::pair{"INET", counts.tcp + counts.udp}};
  for (const auto& [name, number] : lines) {
    const auto padded = [](std::string cell) {
      return cell.append(10 - std::min<std::size_t>(cell.size(), 9), ' ');
    };
    // There is no IPv6 yet.
    summary += padded(name) + padded(text(number)) + padded(text(number)) + "0\n";
  }
  return summary;
}

std::string json_of(std::span<const Socket> sockets) {
  ordered_json all = ordered_json::array();
  for (const Socket& socket : sockets) {
    ordered_json one{
        {"netid", socket.protocol},
        {"state", socket.state},
        {"recv_q", socket.receive_queue},
        {"send_q", socket.send_queue},
        {"local", {{"address", socket.local}, {"port", socket.local_port}}},
        {"peer", {{"address", socket.peer}, {"port", socket.peer_port}}},
        {"program", socket.program},
        {"pid", socket.process},
        {"core", socket.core},
        {"orphan", socket.is_orphan},
    };
    if (!socket.timer.empty()) {
      one["timer"] = {{"name", socket.timer}, {"left", socket.timer_left_us}};
    }
    if (!socket.info.empty()) {
      one["congestion"] = socket.congestion;
      one["info"] = socket.info;
    }
    all.push_back(std::move(one));
  }
  // A program may be named by bytes that are no text.
  return all.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string json_summary_of(std::span<const Socket> sockets) {
  const Counts counts = count(sockets);
  const ordered_json summary{{"total", counts.tcp + counts.udp},
                             {"tcp",
                              {{"total", counts.tcp},
                               {"estab", counts.established},
                               {"closed", counts.closed},
                               {"orphaned", counts.orphaned},
                               {"timewait", counts.time_wait}}},
                             {"udp", {{"total", counts.udp}}}};
  return summary.dump(2) + "\n";
}

}  // namespace ss
