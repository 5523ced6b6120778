// What all connections of one core share: where files come from, who waits for what, what has been
// counted, and scratch memory for composing responses.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include <millrace/worker.hpp>

#include "httpd/access_log.hpp"
#include "httpd/file_reader.hpp"
#include "httpd/http_date.hpp"
#include "httpd/kept_files.hpp"
#include "httpd/limits.hpp"
#include "httpd/pool.hpp"
#include "httpd/reading.hpp"
#include "httpd/waits.hpp"

namespace httpd {

/// What a site is made of.
struct SiteSetup {
  const DocumentRoot* root = nullptr;  ///< Null: the built-in page is all there is.
  bool lists_folders = true;           ///< Whether folders without index.html have a page.
  AccessLog* log = nullptr;            ///< Null: none.
  Limits limits{};
};

struct Site {
  /// What `setup` points to must outlive the site.
  Site(millrace::Worker& on, const SiteSetup& setup, std::uint32_t max_connections)
      : worker{on},
        has_root{setup.root != nullptr},
        limits{setup.limits},
        log{setup.log},
        kept{setup.limits.file_lifetime},
        files{on, setup.root, setup.lists_folders, has_root ? kReadsMax : 0},
        readings{max_connections} {}

  /// Reads that may be under way at a time, 64 KiB each.
  static constexpr std::size_t kReadsMax = 64;

  millrace::Worker& worker;
  bool has_root;
  Limits limits;
  AccessLog* log;
  KeptFiles kept;
  FileReader files;
  Waits waits;
  Pool<Reading> readings;  ///< One for each connection, should all be busy.
  millrace::Instant started = worker.now();
  std::uint64_t connections = 0;  ///< Open now.
  std::uint64_t requests = 0;     ///< Answered since start.
  std::size_t listing_bytes = 0;  ///< Of folder pages that are being sent.
  bool is_draining = false;       ///< The program ends: answers are the last of their connection.
  bool lacks_packets = false;     ///< Somebody's send found no packet left.
  SecondText date{&append_http_date};
  std::mt19937_64 boundaries{std::random_device{}()};  ///< For multipart answers.
  std::string text;                                    ///< Scratch, valid during one call.
  std::string body;                                    ///< As above.
};

}  // namespace httpd
