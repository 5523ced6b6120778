// millrace-ss: the sockets of every Millrace process on this machine, as ss shows the kernel's.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "ss/collect.hpp"
#include "ss/options.hpp"
#include "ss/print.hpp"
#include "ss/printable.hpp"
#include "ss/processes.hpp"

namespace {

void complain(const std::string& line) {
  std::fprintf(stderr, "millrace-ss: %s\n", ss::printable(line).c_str());
}

std::string nobody_there(const ss::Options& options, const ss::Processes& processes) {
  std::string places;
  for (const std::string& folder : processes.looked_into) {
    places += (places.empty() ? "" : ", ") + folder;
  }
  const std::string who = options.process == 0
                              ? "no Millrace process is running"
                              : "there is no Millrace process " + std::to_string(options.process);
  return who +
         (places.empty() ? "; DPDK has no run-time folder here" : " (looked into " + places + ")");
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = ss::read_options(argc, argv);
  if (!options) {
    return options.error();
  }
  const ss::Processes processes = options->folders.empty()
                                      ? ss::find_processes(ss::usual_folders(), false)
                                      : ss::find_processes(options->folders, true);
  bool is_complete = processes.errors.empty();
  for (const std::string& error : processes.errors) {
    complain(error);
  }
  bool is_anybody_there = false;
  std::vector<ss::Socket> sockets;
  for (const ss::Process& process : processes.found) {
    if (options->process != 0 && options->process != process.id) {
      continue;
    }
    if (!process.refusal.empty()) {
      complain("process " + std::to_string(process.id) + ": " + process.refusal);
      is_complete = false;
      is_anybody_there = true;
      continue;
    }
    ss::Collected collected = ss::collect(process, options->info || options->json);
    is_anybody_there = is_anybody_there || collected.is_alive;
    if (!collected.error.empty()) {
      complain(collected.error);
      is_complete = false;
    }
    for (ss::Socket& socket : collected.sockets) {
      if (options->summary || options->shows(socket)) {
        sockets.push_back(std::move(socket));
      }
    }
  }
  if (!is_anybody_there) {
    complain(nobody_there(*options, processes));
  }
  std::string text;
  if (options->summary) {
    text = options->json ? ss::json_summary_of(sockets) : ss::summary_of(sockets);
  } else {
    text = options->json ? ss::json_of(sockets) : ss::table_of(sockets, *options);
  }
  const bool is_written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return is_complete && is_anybody_there && is_written ? 0 : 1;
}
