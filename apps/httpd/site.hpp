// What all connections of one core share: where files come from, who has been idle, what has been
// counted, and scratch memory for composing responses.
#pragma once

#include <cstdint>
#include <string>

#include <millrace/worker.hpp>

#include "httpd/file_reader.hpp"
#include "httpd/idle_list.hpp"
#include "httpd/responses.hpp"

namespace httpd {

struct Site {
  /// `root` may be null: then the built-in page is all there is. It must outlive the site.
  Site(millrace::Worker& on, const DocumentRoot* root)
      : worker{on}, has_root{root != nullptr}, files{on, root, has_root ? kReadsMax : 0} {}

  /// Reads that may be under way at a time, 64 KiB each.
  static constexpr std::size_t kReadsMax = 64;

  millrace::Worker& worker;
  bool has_root;
  FileReader files;
  IdleList idle;
  millrace::Instant started = worker.now();
  std::uint64_t connections = 0;  ///< Open now.
  std::uint64_t requests = 0;     ///< Answered since start.
  DateText date;
  std::string text;  ///< Scratch, valid during one call.
  std::string body;  ///< As above.
};

}  // namespace httpd
