// millrace-http-get SERVER [PATH]: fetches a page by HTTP/1.0 and writes its body to standard
// output. It shows a name looked up, an active open that brings its first data along, a reply of
// any length, a limit in time and an exit status.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <millrace/program.hpp>
#include <millrace/resolver.hpp>

namespace {

struct Options {
  std::string server;  // As typed: HOST:PORT.
  std::string host;
  millrace::Port port;
  std::string path = "/";
  millrace::Duration timeout = std::chrono::seconds{30};
  std::uint64_t times = 1;
  bool fast_open = false;
};

/// Splits what was typed.
millrace::Result<void, std::string> read_server(Options& options) {
  const std::size_t colon = options.server.rfind(':');
  std::uint16_t port = 0;
  if (colon != std::string::npos && colon > 0) {
    const char* const last = options.server.data() + options.server.size();
    const auto [end, error] = std::from_chars(options.server.data() + colon + 1, last, port);
    port = end == last && error == std::errc{} ? port : std::uint16_t{0};
  }
  if (port == 0) {
    return millrace::fail("SERVER: '" + options.server +
                          "' is no HOST:PORT, such as 198.18.0.1:80");
  }
  options.host = options.server.substr(0, colon);
  options.port = millrace::Port{port};
  return {};
}

/// The value of Content-Length in the head of a reply.
std::optional<unsigned long long> content_length(const std::string& head) {
  const char* const field = ::strcasestr(head.c_str(), "\ncontent-length:");
  return field == nullptr ? std::nullopt
                          : std::optional{std::strtoull(std::strchr(field, ':') + 1, nullptr, 10)};
}

class Fetch final : public millrace::TcpHandler {
 public:
  millrace::Result<void, std::string> start(millrace::Worker& worker, const Options& options) {
    worker_ = &worker;
    options_ = &options;
    left_ = options.times;
    request_ = "GET " + options.path + " HTTP/1.0\r\nHost: " + options.server + "\r\n\r\n";
    if (const auto address = millrace::IpAddress::parse(options.host); address) {
      address_ = *address;
    } else if (auto resolver = millrace::Resolver::create(worker); resolver) {
      resolver_.emplace(*std::move(resolver));
    } else {
      return millrace::fail(std::move(resolver.error()));
    }
    if (const auto begun = begin(); !begun) {
      return millrace::fail(options.host, begun.error());
    }
    const auto timer = worker.after(options.timeout, [this] {
      socket_.is_open() ? give_up(socket_, "not complete in time") : end("not found in time");
    });
    return timer ? millrace::Result<void, std::string>{} : millrace::fail("timer", timer.error());
  }

  void on_readable(millrace::TcpSocket socket) override {
    for (auto bytes = socket.peek(); !bytes.empty() && problem_.empty(); bytes = socket.peek()) {
      const std::string_view text = millrace::as_text(bytes);
      has_head_ ? write_body(socket, text) : read_head(socket, text);
      socket.consume(bytes.size());
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    if (problem_.empty() && !outcome) {
      problem_ = to_string(outcome.error());
    }
    if (problem_.empty() && (!has_head_ || body_bytes_ < length_.value_or(0))) {
      problem_ = has_head_ ? "the body is cut short" : "the head is cut short";
    }
    if (problem_.empty() && --left_ > 0) {
      if (const auto begun = begin(); !begun) {
        problem_ = to_string(begun.error());
      } else {
        return;
      }
    }
    end(problem_);
  }

 private:
  static constexpr std::size_t kHeadBytesMax = 64 * 1024;

  /// One fetch. A name is looked up for each; the resolver remembers it for as long as it may.
  millrace::Result<void> begin() {
    if (!resolver_) {
      return open();
    }
    return resolver_->resolve(options_->host, [this](const auto& addresses) {
      if (!addresses) {
        return end("cannot resolve " + options_->host + ": " +
                   std::string{to_string(addresses.error())});
      }
      address_ = addresses->front();
      if (const auto opened = open(); !opened) {
        end(std::string{to_string(opened.error())});
      }
    });
  }

  void end(const std::string& problem) {
    if (!problem.empty()) {
      std::fprintf(stderr, "millrace-http-get: %s\n", problem.c_str());
    }
    worker_->stop(problem.empty() ? 0 : 1);
  }

  /// The request leaves as soon as the server can take it. A first Fast Open only asks the server
  /// for its cookie; with that, the next one's request goes with its SYN.
  millrace::Result<void> open() {
    head_.clear();
    has_head_ = false;
    length_.reset();
    body_bytes_ = 0;
    const auto socket = worker_->connect(
        {.address = address_, .port = options_->port}, *this,
        {.data = std::as_bytes(std::span{request_}), .fast_open = options_->fast_open});
    if (!socket) {
      return millrace::fail(socket.error());
    }
    socket_ = *socket;
    return {};
  }

  void read_head(millrace::TcpSocket socket, std::string_view text) {
    head_ += text;
    const std::size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) {
      return head_.size() > kHeadBytesMax ? give_up(socket, "the head has no end") : void();
    }
    const std::string body = head_.substr(end + 4);
    head_.resize(end);
    has_head_ = true;
    length_ = content_length(head_);
    if (!head_.starts_with("HTTP/1.") || head_.substr(0, 10).find(" 2") == std::string::npos) {
      return give_up(socket, head_.substr(0, head_.find("\r\n")));
    }
    write_body(socket, body);
  }

  void write_body(millrace::TcpSocket socket, std::string_view text) {
    body_bytes_ += text.size();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
      give_up(socket, "cannot write to standard output");
    }
  }

  void give_up(millrace::TcpSocket socket, std::string problem) {
    problem_ = std::move(problem);
    socket.abort();  // on_closed follows and tells.
  }

  millrace::Worker* worker_ = nullptr;
  const Options* options_ = nullptr;
  std::optional<millrace::Resolver> resolver_;
  millrace::IpAddress address_;
  millrace::TcpSocket socket_;
  std::uint64_t left_ = 0;  // Fetches, this one included.
  std::string request_;
  std::string head_;
  bool has_head_ = false;
  std::optional<unsigned long long> length_;
  unsigned long long body_bytes_ = 0;
  std::string problem_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  Fetch fetch;
  millrace::Program program{"millrace-http-get", "Fetches a page and prints it."};
  program.option("SERVER", options.server, "Where from, as HOST:PORT").required("SERVER");
  program.option("PATH", options.path, "What to ask for")
      .option("-t,--timeout", options.timeout, "How long all of it may take")
      .option("--times", options.times, "How often to fetch it, one after another")
      .flag("--fast-open", options.fast_open,
            "Send the request with the SYN where the server allows it: from the second time on")
      .check([&options]() -> millrace::Result<void, std::string> {
        return options.times > 0 ? read_server(options)
                                 : millrace::fail("--times: give at least 1");
      })
      .report_to_stderr(true);
  return program.run(argc, argv, [&](auto& worker) { return fetch.start(worker, options); });
}
