// millrace-request-response: a server that spells words backwards, and a client that gives each
// answer a limit in time. Both halves in one process, over a ring, need no network at all:
//
//     millrace-request-response --device ring --serve --ask 198.18.0.2:7001 "some words"
//
// A request is a line "NUMBER WORD", its answer a line "NUMBER DROW", in any order.
#include <optional>
#include <string>

#include <millrace/program.hpp>

#include "client.hpp"
#include "server.hpp"

int main(int argc, char** argv) {
  bool serves = false;
  millrace::Port port{7001};
  std::optional<millrace::Endpoint> peer;
  std::string words = "level noon stats";
  millrace::Duration work = std::chrono::milliseconds{10};
  millrace::Duration timeout = std::chrono::seconds{1};

  millrace::Program program{"millrace-request-response", "Spells words backwards, or has it done."};
  program.option("WORDS", words, "What to ask for, separated by spaces")
      .flag("-s,--serve", serves, "Answer requests")
      .option("-p,--port", port, "Where to answer them")
      .option("--work", work, "How long the server takes for each letter")
      .option("-a,--ask", peer, "Ask this server, then end")
      .option("-t,--timeout", timeout, "How long to wait for each answer")
      .check([&]() -> millrace::Result<void, std::string> {
        return serves || peer ? millrace::Result<void, std::string>{}
                              : millrace::fail("say --serve, --ask, or both");
      });

  std::optional<example::Server> server;
  std::optional<example::Client> client;
  return program.run(argc, argv, [&](millrace::Worker& worker) {
    millrace::Result<void, std::string> started;
    if (serves) {
      started = server.emplace(worker, work).start(port);
    }
    if (started && peer) {
      started = client.emplace(worker, timeout).start(*peer, words);
    }
    return started;
  });
}
