// One response: from the decision what is asked for to the last byte handed over. Reads files in
// chunks, each forgotten as soon as the socket took what it could, so that a slow peer holds no
// memory. When the connection goes on is not its business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "httpd/byte_ranges.hpp"
#include "httpd/file_reader.hpp"
#include "httpd/kept_files.hpp"
#include "httpd/output.hpp"
#include "httpd/request.hpp"
#include "httpd/router.hpp"
#include "httpd/sink.hpp"
#include "httpd/status.hpp"
#include "httpd/target_path.hpp"

namespace httpd {

struct Site;

/// Used again for each request of a connection. `on_file` goes to `client`, which passes it on.
class Response {
 public:
  Response(Site& site, Output& output, FileClient& client) noexcept
      : site_{site}, output_{output}, file_task_{client} {}

  enum class State : std::uint8_t {
    Ready,      ///< `step` goes on.
    AwaitFile,  ///< A helper is at work; `on_file` follows.
    Done,       ///< All is handed over.
    Broken,     ///< What was promised cannot be kept: only a reset tells the truth.
  };

  // One of these begins.
  /// The page of `status`. `allow` is for a 405.
  void refuse(const Request& request, bool keeps_alive, Status status, std::string_view allow = {});
  void serve_welcome(const Request& request, bool keeps_alive);
  void serve_sink(const Request& request, bool keeps_alive, Sink& sink);
  /// `path` and `request` must stay as they are until the response is done or dropped.
  void serve_file(const Request& request, bool keeps_alive, const TargetPath& path);

  /// Goes on as far as there is room.
  void step();
  void on_file(FileAnswer answer);
  /// Gives back what is the site's. Harmless at any time.
  void drop();

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] Status status() const noexcept { return status_; }
  /// Bytes of the body handed over so far.
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }

 private:
  void begin(const Request& request, bool keeps_alive) noexcept;
  void respond(Status status, std::string_view content_type, std::string_view allow = {});
  void redirect();
  void begin_listing(std::string page);
  void keep_file(const FileAnswer& answer);
  void say_kept(KeptFile& kept);
  void begin_file(Resource found, std::span<const std::byte> first_bytes);
  void say_file_head(Status status);
  void compose_file_head(Status status);
  void begin_range();
  void end_ranges();
  void send_bytes(std::span<const std::byte> bytes);
  void read_more();

  [[nodiscard]] bool is_head() const noexcept { return request_->method == Method::Head; }
  [[nodiscard]] std::string_view date() const;
  [[nodiscard]] std::string_view file_type() const noexcept;

  Site& site_;
  Output& output_;
  FileTask file_task_;
  State state_ = State::Done;
  Status status_ = Status::Ok;
  bool keeps_alive_ = false;
  bool has_begun_file_ = false;  // Its head is out.
  const Request* request_ = nullptr;
  const TargetPath* path_ = nullptr;
  std::uint64_t body_bytes_ = 0;

  File file_;
  FileFacts facts_;
  RangeSet ranges_;
  Multipart multipart_{0};
  std::size_t range_ = 0;  // The one that is being sent.
  std::uint64_t sent_of_range_ = 0;
  std::string page_;  // A listing.
  std::size_t sent_of_page_ = 0;
};

}  // namespace httpd
