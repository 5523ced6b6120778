#include "ss/collect.hpp"

#include <cstdint>
#include <expected>
#include <utility>

#include "ss/telemetry_client.hpp"

namespace ss {

namespace {

using nlohmann::json;
using Failure = TelemetryClient::Failure;

std::uint64_t number_of(const json& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_of(const json& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string address_of(const json& fields, const char* name) {
  std::string address = text_of(fields, name);
  // There is no IPv6 yet that could be meant.
  return address == "::" ? "0.0.0.0" : address;
}

Socket socket_of(const json& fields, const Process& process, unsigned core, bool with_info) {
  Socket socket;
  socket.process = process.id;
  socket.program = process.program;
  socket.core = core;
  socket.protocol = text_of(fields, "proto");
  socket.state = text_of(fields, "state");
  socket.receive_queue = number_of(fields, "recv_q");
  socket.send_queue = number_of(fields, "send_q");
  socket.local = address_of(fields, "local");
  socket.local_port = static_cast<std::uint16_t>(number_of(fields, "lport"));
  socket.peer = address_of(fields, "peer");
  socket.peer_port = static_cast<std::uint16_t>(number_of(fields, "pport"));
  socket.timer = text_of(fields, "timer");
  socket.timer_left_us = number_of(fields, "timer_left");
  socket.is_orphan = number_of(fields, "orphan") != 0;
  if (with_info && fields.contains("rto")) {
    for (const auto& [name, value] : fields.items()) {
      if (value.is_number_unsigned()) {
        socket.info[name] = value.get<std::uint64_t>();
      }
    }
    for (const char* const name :
         {"recv_q", "send_q", "lport", "pport", "sk", "orphan", "timer_left"}) {
      socket.info.erase(name);
    }
  }
  return socket;
}

/// Error as in `Collected`; the sockets that came before stay.
std::expected<void, TelemetryClient::Error> collect_core(TelemetryClient& client,
                                                         const Process& process, unsigned core,
                                                         bool with_info,
                                                         std::vector<Socket>& sockets) {
  std::uint64_t cursor = 0;
  do {
    const auto page = client.ask("/millrace/sockets," + std::to_string(core) + "," +
                                 std::to_string(cursor) + "," + (with_info ? "1" : "0"));
    if (!page) {
      return std::unexpected{page.error()};
    }
    for (std::size_t i = 0; page->contains("s" + std::to_string(i)); ++i) {
      sockets.push_back(socket_of((*page)["s" + std::to_string(i)], process, core, with_info));
    }
    const std::uint64_t next = number_of(*page, "next");
    if (next != 0 && next <= cursor) {
      return std::unexpected{TelemetryClient::Error{.failure = Failure::Confused,
                                                    .text = "its list of sockets has no end"}};
    }
    cursor = next;
  } while (cursor != 0);
  return {};
}

}  // namespace

Collected collect(const Process& process, bool with_info) {
  Collected collected;
  const auto put_down = [&](const TelemetryClient::Error& error) {
    collected.error =
        "process " + std::to_string(process.id) + " (" + process.program + "): " + error.text;
  };
  auto client = TelemetryClient::connect(process.socket);
  if (!client) {
    collected.is_alive = client.error().failure != Failure::Gone;
    if (collected.is_alive) {
      put_down(client.error());
    }
    return collected;
  }
  const auto cores = client->ask("/millrace/cores");
  if (!cores) {
    put_down(cores.error());
    return collected;
  }
  const std::uint64_t count = number_of(*cores, "cores");
  for (unsigned core = 0; core < count; ++core) {
    if (auto done = collect_core(*client, process, core, with_info, collected.sockets); !done) {
      if (done.error().failure == Failure::Gone) {
        done.error().text = "it ended while it was asked; not all of its sockets are shown";
      }
      put_down(done.error());
      break;
    }
  }
  return collected;
}

}  // namespace ss
