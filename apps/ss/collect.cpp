#include "ss/collect.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <utility>

#include "ss/printable.hpp"
#include "ss/telemetry_client.hpp"

namespace ss {

namespace {

using nlohmann::json;
using Error = TelemetryClient::Error;
using Failure = TelemetryClient::Failure;

std::unexpected<Error> confused(std::string text) {
  return std::unexpected{Error{.failure = Failure::Confused, .text = std::move(text)}};
}

std::uint64_t number_of(const json& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text_of(const json& fields, const char* name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->is_string() ? printable_word(found->get<std::string>())
                                                     : std::string{};
}

std::string address_of(const json& fields, const char* name) {
  std::string address = text_of(fields, name);
  // There is no IPv6 yet that could be meant.
  return address == "::" ? "0.0.0.0" : address;
}

Socket socket_of(const json& fields, bool with_info) {
  Socket socket;
  socket.protocol = text_of(fields, "proto");
  socket.state = text_of(fields, "state");
  socket.receive_queue = number_of(fields, "recv_q");
  socket.send_queue = number_of(fields, "send_q");
  socket.local = address_of(fields, "local");
  socket.local_port = static_cast<std::uint16_t>(number_of(fields, "lport"));
  socket.peer = address_of(fields, "peer");
  socket.peer_port = static_cast<std::uint16_t>(number_of(fields, "pport"));
  socket.congestion = text_of(fields, "congestion");
  socket.timer = text_of(fields, "timer");
  socket.timer_left_us = number_of(fields, "timer_left");
  socket.is_orphan = number_of(fields, "orphan") != 0;
  if (with_info && fields.contains("rto")) {
    for (const auto& [name, value] : fields.items()) {
      if (value.is_number_unsigned()) {
        socket.info[printable_word(name)] = value.get<std::uint64_t>();
      }
    }
    for (const char* const name :
         {"recv_q", "send_q", "lport", "pport", "sk", "orphan", "timer_left"}) {
      socket.info.erase(name);
    }
  }
  return socket;
}

/// Whom is asked for what; the sockets that came before a failure stay.
struct Questions {
  TelemetryClient& client;
  const Process& process;
  const std::string& program;
  bool with_info;
  const CollectLimits& limits;
  std::vector<Socket>& sockets;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + limits.time;
  std::size_t pages = 0;  // Of all cores.
};

/// One page more. Each alone is waited for with patience, so that all of them need a limit.
std::expected<void, Error> count_page(Questions& questions) {
  const CollectLimits& limits = questions.limits;
  if (++questions.pages > limits.pages) {
    return confused("it tells of more than " + std::to_string(limits.pages) +
                    " pages; those are shown");
  }
  if (std::chrono::steady_clock::now() >= questions.deadline) {
    return confused("it takes longer than " + std::to_string(limits.time.count()) +
                    " ms; what it has told by then is shown");
  }
  return {};
}

std::expected<void, Error> collect_core(Questions& questions, unsigned core) {
  std::uint64_t cursor = 0;
  do {
    if (const auto within = count_page(questions); !within) {
      return within;
    }
    const auto page =
        questions.client.ask("/millrace/sockets," + std::to_string(core) + "," +
                             std::to_string(cursor) + "," + (questions.with_info ? "1" : "0"));
    if (!page) {
      return std::unexpected{page.error()};
    }
    for (std::size_t i = 0; page->contains("s" + std::to_string(i)); ++i) {
      if (questions.sockets.size() >= questions.limits.sockets) {
        return confused("it tells of more than " + std::to_string(questions.limits.sockets) +
                        " sockets; those are shown");
      }
      Socket socket = socket_of((*page)["s" + std::to_string(i)], questions.with_info);
      socket.process = questions.process.id;
      socket.program = questions.program;
      socket.core = core;
      questions.sockets.push_back(std::move(socket));
    }
    const std::uint64_t next = number_of(*page, "next");
    if (next != 0 && next <= cursor) {
      return confused("its list of sockets has no end");
    }
    cursor = next;
  } while (cursor != 0);
  return {};
}

std::expected<void, Error> collect_cores(Questions questions) {
  const auto cores = questions.client.ask("/millrace/cores");
  if (!cores) {
    return std::unexpected{cores.error()};
  }
  const std::uint64_t count = number_of(*cores, "cores");
  for (unsigned core = 0; core < std::min(count, questions.limits.cores); ++core) {
    if (auto done = collect_core(questions, core); !done) {
      if (done.error().failure == Failure::HungUp) {
        done.error().text = "it ended while it was asked; not all of its sockets are shown";
      }
      return done;
    }
  }
  if (count > questions.limits.cores) {
    return confused("it tells of " + std::to_string(count) + " cores; the first " +
                    std::to_string(questions.limits.cores) + " are shown");
  }
  return {};
}

/// Whoever listens must be who the folder is of; who that is, a container's process ids do not say.
std::expected<std::string, Error> program_behind(const TelemetryClient& client,
                                                 const Process& process) {
  const TelemetryClient::Peer& peer = client.peer();
  if (peer.user != process.owner) {
    return confused("its folder is user " + std::to_string(process.owner) + "'s, but user " +
                    std::to_string(peer.user) + "'s process listens there; it was not asked");
  }
  return peer.process == process.id ? program_of(process.id) : "?";
}

std::expected<void, Error> collect_from(TelemetryClient& client, const Process& process,
                                        const std::string& program, bool with_info,
                                        const CollectLimits& limits, std::vector<Socket>& sockets) {
  if (auto greeted = client.await_greeting(); !greeted) {
    if (greeted.error().failure == Failure::HungUp) {
      greeted.error().text = "it hung up before it was asked; too many may be asking it";
    }
    return greeted;
  }
  return collect_cores({client, process, program, with_info, limits, sockets});
}

}  // namespace

Collected collect(const Process& process, bool with_info, const CollectLimits& limits) {
  Collected collected;
  std::string program = "?";
  const auto put_down = [&](const Error& error) {
    collected.error = "process " + std::to_string(process.id) + " (" + program + "): " + error.text;
  };
  auto client = TelemetryClient::connect(process.socket);
  if (!client) {
    collected.is_alive = client.error().failure != Failure::Gone;
    if (collected.is_alive) {
      program = program_of(process.id);
      put_down(client.error());
    }
    return collected;
  }
  auto behind = program_behind(*client, process);
  if (!behind) {
    put_down(behind.error());
    return collected;
  }
  program = *std::move(behind);
  if (const auto done =
          collect_from(*client, process, program, with_info, limits, collected.sockets);
      !done) {
    put_down(done.error());
  }
  return collected;
}

}  // namespace ss
