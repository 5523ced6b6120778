// millrace-httpd [ROOT]: serves the files below ROOT, or a page about Millrace when there is no
// ROOT.
#include <sodium/core.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/program.hpp>

#include "httpd/document_root.hpp"
#include "httpd/server.hpp"

namespace {

// What the command line asks for, and what came of it.
struct Httpd {
  std::string root_folder;
  millrace::Port port{80};
  std::optional<httpd::DocumentRoot> root;
  std::vector<std::unique_ptr<httpd::Server>> servers;  // One per worker.
};

millrace::Result<void, std::string> start(Httpd& httpd, millrace::Worker& worker,
                                          std::uint32_t max_connections) {
  if (!httpd.root_folder.empty() && !httpd.root) {
    auto opened = httpd::DocumentRoot::open(httpd.root_folder);
    if (!opened) {
      return millrace::fail(std::move(opened.error()));
    }
    httpd.root = std::move(*opened);
  }
  auto server = httpd::Server::start(worker, httpd.port, httpd.root ? &*httpd.root : nullptr,
                                     max_connections);
  if (!server) {
    return millrace::fail(std::move(server.error()));
  }
  httpd.servers.push_back(std::move(*server));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (sodium_init() < 0) {
    return 1;
  }
  Httpd httpd;
  millrace::Program program{"millrace-httpd", "Serves files, or a page about itself, over HTTP."};
  program.option("ROOT", httpd.root_folder, "Folder whose files are served; none: a built-in page")
      .option("--port", httpd.port, "TCP port to listen on")
      .suggest("curl http://{address}/");
  return program.run(argc, argv, [&](millrace::Worker& worker) {
    return start(httpd, worker, program.config().max_connections);
  });
}
