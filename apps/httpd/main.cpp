// millrace-httpd [ROOT]: serves the files below ROOT, or a page about Millrace when there is no
// ROOT.
#include <sodium/core.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/program.hpp>

#include "httpd/access_log.hpp"
#include "httpd/document_root.hpp"
#include "httpd/server.hpp"

namespace {

constexpr std::uint64_t kSecondsMax = 86'400;
constexpr std::uint64_t kFastOpenMax = 65'535;

// What the command line asks for, and what came of it.
struct Httpd {
  std::string root_folder;
  millrace::Port port{80};
  bool no_listing = false;
  std::string log_path;
  std::uint64_t idle_seconds = 60;
  std::uint64_t request_seconds = 20;
  std::uint64_t drain_seconds = 10;
  std::uint64_t fast_open = 0;
  std::uint64_t file_seconds = 0;
  std::uint64_t requests_max = httpd::Limits{}.requests_per_connection;
  std::optional<httpd::DocumentRoot> root;
  // One per worker. The logs outlive the servers, which write to them.
  std::vector<std::unique_ptr<httpd::AccessLog>> logs;
  std::vector<std::unique_ptr<httpd::Server>> servers;
};

millrace::Result<void, std::string> check(const Httpd& httpd) {
  const std::pair<const char*, std::uint64_t> spans[] = {
      {"--idle-seconds", httpd.idle_seconds}, {"--request-seconds", httpd.request_seconds}};
  for (const auto& [name, seconds] : spans) {
    if (seconds < 1 || seconds > kSecondsMax) {
      return millrace::fail(std::string{name} + ": " + std::to_string(seconds) +
                            " s is out of range; give 1 to " + std::to_string(kSecondsMax));
    }
  }
  if (httpd.drain_seconds > kSecondsMax) {
    return millrace::fail("--drain-seconds: " + std::to_string(httpd.drain_seconds) +
                          " s is out of range; give 0 to " + std::to_string(kSecondsMax));
  }
  if (httpd.file_seconds > kSecondsMax) {
    return millrace::fail("--file-seconds: " + std::to_string(httpd.file_seconds) +
                          " s is out of range; give 0 to " + std::to_string(kSecondsMax));
  }
  if (httpd.fast_open > kFastOpenMax) {
    return millrace::fail("--fast-open: " + std::to_string(httpd.fast_open) +
                          " is out of range; give 0 to " + std::to_string(kFastOpenMax));
  }
  if (httpd.requests_max == 0) {
    return millrace::fail("--max-requests: 0 would answer nothing; give at least 1");
  }
  return {};
}

millrace::Result<void, std::string> start(Httpd& httpd, millrace::Worker& worker,
                                          std::uint32_t max_connections) {
  if (!httpd.root_folder.empty() && !httpd.root) {
    auto opened = httpd::DocumentRoot::open(httpd.root_folder);
    if (!opened) {
      return millrace::fail(std::move(opened.error()));
    }
    httpd.root = std::move(*opened);
  }
  httpd::SiteSetup setup{.root = httpd.root ? &*httpd.root : nullptr,
                         .lists_folders = !httpd.no_listing};
  setup.limits.idle = std::chrono::seconds{httpd.idle_seconds};
  setup.limits.request = std::chrono::seconds{httpd.request_seconds};
  setup.limits.requests_per_connection = httpd.requests_max;
  setup.limits.file_lifetime = std::chrono::seconds{httpd.file_seconds};
  if (!httpd.log_path.empty()) {
    auto file = httpd::LogFile::open(httpd.log_path);
    if (!file) {
      return millrace::fail(std::move(file.error()));
    }
    httpd.logs.push_back(std::make_unique<httpd::AccessLog>(worker, *std::move(file)));
    setup.log = httpd.logs.back().get();
  }
  const millrace::ListenOptions where{.port = httpd.port,
                                      .fast_open = static_cast<std::uint32_t>(httpd.fast_open)};
  auto server = httpd::Server::start(worker, where, setup, max_connections);
  if (!server) {
    return millrace::fail(std::move(server.error()));
  }
  httpd.servers.push_back(std::move(*server));
  return {};
}

void declare_options(millrace::Program& program, Httpd& httpd) {
  program.option("ROOT", httpd.root_folder, "Folder whose files are served; none: a built-in page")
      .option("--port", httpd.port, "TCP port to listen on")
      .flag("--no-listing", httpd.no_listing, "A folder without index.html is not found")
      .option("--access-log", httpd.log_path,
              "File for a line per request, Combined Log Format; - is standard output. Rotate it "
              "by renaming")
      .option("--idle-seconds", httpd.idle_seconds, "Time a connection may rest between requests")
      .option("--request-seconds", httpd.request_seconds,
              "Time for a request's head to arrive; a body must bring 500 bytes a second over it")
      .option("--file-seconds", httpd.file_seconds,
              "Time for which a file of up to 16 KiB that was read is served from memory; a change "
              "shows after twice that at most. 0: every request reads it")
      .option("--max-requests", httpd.requests_max, "Requests that one connection may make")
      .option("--fast-open", httpd.fast_open,
              "Connections whose first request may come with the SYN, pending at a time; 0: none. "
              "A request may then come twice, which does no harm here")
      .option("--drain-seconds", httpd.drain_seconds,
              "Time for answers under way when a signal asks for the end; a second one ends it")
      .suggest("curl http://{address}/")
      .check([&httpd] { return check(httpd); });
}

}  // namespace

int main(int argc, char** argv) {
  if (sodium_init() < 0) {
    return 1;
  }
  Httpd httpd;
  millrace::Program program{"millrace-httpd", "Serves files, or a page about itself, over HTTP."};
  declare_options(program, httpd);
  program.on_stop([&httpd](millrace::Worker& worker) -> millrace::Duration {
    httpd.servers[worker.index()]->drain();
    return std::chrono::seconds{httpd.drain_seconds};
  });
  return program.run(argc, argv, [&](millrace::Worker& worker) {
    return start(httpd, worker, program.config().max_connections);
  });
}
