// From a request target to a decision: TargetPath, choose_route, media types, and the texts of
// responses.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "httpd/http_date.hpp"
#include "httpd/mime_types.hpp"
#include "httpd/responses.hpp"
#include "httpd/router.hpp"
#include "httpd/sink.hpp"
#include "httpd/target_path.hpp"

namespace httpd {
namespace {

std::string path_of(std::string_view target) {
  TargetPath path;
  const auto outcome = path.assign(target);
  return outcome ? std::string{path.view()} : std::to_string(static_cast<int>(outcome.error()));
}

TEST(TargetPath, DecodesFirstAndRemovesDotsAfterwards) {
  const struct {
    std::string_view target;
    std::string_view path;  // A number: the status instead.
  } cases[] = {
      {"/", ""},
      {"/a", "a"},
      {"/a/", "a/"},
      {"//a///b", "a/b"},
      {"/a%20b.txt?x=/../", "a b.txt"},
      {"/a/./b/../c", "a/c"},
      {"/a/b/..", "a/"},
      {"/a/..", ""},
      {"/a/.", "a/"},
      {"/...", "..."},
      {"/a/%2e%2E/b", "b"},
      {"/a%2fb", "a/b"},
      {"http://host/a", "a"},
      {"http://host", ""},
      {"http://host?x", ""},
      {"/a#b", "a"},
      {"/%C3%A4", "\xC3\xA4"},
      {"/..", "400"},
      {"/../etc/passwd", "400"},
      {"/a/../../etc/passwd", "400"},
      {"/%2e%2e/etc/passwd", "400"},
      {"/%2e%2e%2fetc/passwd", "400"},
      {"/a/..%2f..%2fetc", "400"},
      {"/a%00.txt", "400"},
      {"/a%", "400"},
      {"/a%2", "400"},
      {"/a%zz", "400"},
      {"/%252e%252e/a", "%2e%2e/a"},
      {"/..\\..\\etc", "..\\..\\etc"},  // A backslash is a character like others.
      {"/%5c..%5c", "\\..\\"},
      {"a", "400"},
      {"*", "400"},
      {"", "400"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(path_of(c.target), c.path) << c.target;
  }
}

TEST(TargetPath, TakesTheLongestPath) {
  TargetPath path;
  ASSERT_TRUE(path.assign("/" + std::string(kTargetBytesMax - 2, 'a') + "/"));
  EXPECT_EQ(path.view().size(), kTargetBytesMax - 1);
  EXPECT_EQ(std::string_view{path.c_str()}, path.view());
  EXPECT_EQ(path_of("/" + std::string(kTargetBytesMax, 'a')), "414");
}

TEST(TargetPath, EncodesWhatARedirectMustNotCarry) {
  TargetPath path;
  ASSERT_TRUE(path.assign("//evil.example/a%0d%0ab"));
  std::string encoded;
  path.append_encoded(encoded);
  EXPECT_EQ(encoded, "/evil.example/a%0D%0Ab");
}

struct Ask {
  Method method;
  std::string_view target;
  bool has_root = false;
  std::optional<std::uint64_t> length{};
  bool is_chunked = false;
};

Route route(const Ask& ask) {
  Request request;
  request.method = ask.method;
  request.content_length = ask.length;
  request.is_chunked = ask.is_chunked;
  TargetPath path;
  EXPECT_TRUE(path.assign(ask.target));
  return choose_route(request, path, ask.has_root);
}

TEST(Router, AcceptsByMethodAndPath) {
  EXPECT_EQ(route({Method::Get, "/"}).action, Action::ServeWelcome);
  EXPECT_EQ(route({Method::Head, "/"}).action, Action::ServeWelcome);
  EXPECT_EQ(route({Method::Get, "/", true}).action, Action::ServeFile);
  EXPECT_EQ(route({Method::Head, "/a", true}).action, Action::ServeFile);
  EXPECT_EQ(route({Method::Get, "/", true, 1000}).action, Action::ServeFile);
  EXPECT_EQ(route({Method::Put, "/sink", false, 0}).action, Action::ReceiveSink);
  EXPECT_EQ(route({Method::Put, "/sink", true, kSinkBytesMax}).action, Action::ReceiveSink);
  EXPECT_EQ(route({.method = Method::Put, .target = "/sink", .is_chunked = true}).action,
            Action::ReceiveSink);
}

TEST(Router, RefusesWithTheRightStatus) {
  const struct {
    Ask ask;
    Status status;
    std::string_view allow;
  } cases[] = {
      {{Method::Get, "/a"}, Status::NotFound, ""},
      {{Method::Other, "/"}, Status::MethodNotAllowed, "GET, HEAD"},
      {{Method::Put, "/a", true, 1}, Status::MethodNotAllowed, "GET, HEAD"},
      {{Method::Get, "/sink"}, Status::MethodNotAllowed, "PUT"},
      {{Method::Unknown, "/sink"}, Status::NotImplemented, ""},
      {{Method::Put, "/sink"}, Status::LengthRequired, ""},
      {{Method::Put, "/sink", false, kSinkBytesMax + 1}, Status::ContentTooLarge, ""},
      {{Method::Get, "/", false, kIgnoredBytesMax + 1}, Status::ContentTooLarge, ""},
  };
  for (const auto& c : cases) {
    const Route r = route(c.ask);
    EXPECT_EQ(r.action, Action::Refuse);
    EXPECT_EQ(r.status, c.status) << c.ask.target;
    EXPECT_EQ(r.allow, c.allow);
  }
}

TEST(MimeTypes, GoByTheLastExtensionInAnyCase) {
  EXPECT_EQ(media_type("a/b.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(media_type("a.tar.gz"), "application/gzip");
  EXPECT_EQ(media_type("font.woff2"), "font/woff2");
  EXPECT_EQ(media_type("a.b/c"), "application/octet-stream");
  EXPECT_EQ(media_type(".html"), "application/octet-stream");
  EXPECT_EQ(media_type("a.extension"), "application/octet-stream");
  EXPECT_EQ(media_type("a."), "application/octet-stream");
  EXPECT_EQ(media_type(""), "application/octet-stream");
}

TEST(Responses, HeadHasItsFieldsInOrder) {
  std::string text;
  SecondText date{&append_http_date};
  append_head(text, {.status = Status::MethodNotAllowed,
                     .content_length = 12,
                     .keeps_alive = false,
                     .date = date.at(784'111'777),
                     .allow = "GET, HEAD"});
  EXPECT_EQ(text,
            "HTTP/1.1 405 Method Not Allowed\r\n"
            "Server: Millrace\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            "Content-Length: 12\r\n"
            "Allow: GET, HEAD\r\n"
            "Connection: close\r\n"
            "\r\n");
}

TEST(Responses, FilesHaveTheirOwnFields) {
  std::string text;
  append_head(text, {.status = Status::NotModified,
                     .content_type = {},
                     .content_length = std::nullopt,
                     .last_modified = "yesterday",
                     .entity_tag = "\"a\"",
                     .content_range = "bytes 0-1/2",
                     .accepts_ranges = true});
  EXPECT_EQ(text,
            "HTTP/1.1 304 Not Modified\r\n"
            "Server: Millrace\r\n"
            "Content-Range: bytes 0-1/2\r\n"
            "Last-Modified: yesterday\r\n"
            "ETag: \"a\"\r\n"
            "Accept-Ranges: bytes\r\n"
            "Connection: keep-alive\r\n"
            "\r\n");
}

TEST(Responses, ErrorPagesNameTheStatus) {
  std::string page;
  append_error_page(page, Status::NotFound);
  EXPECT_NE(page.find("404 Not Found"), std::string::npos);
}

std::string sink_answer(std::string_view body, std::size_t piece) {
  Sink sink;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    sink.add(std::as_bytes(std::span{body.substr(at, piece)}));
  }
  std::string answer;
  sink.append_answer(answer);
  return answer;
}

TEST(Sink, AnswersWithLengthAndHash) {
  EXPECT_EQ(sink_answer("", 1),
            "0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n");
  for (const std::size_t piece : {1, 2, 3}) {
    EXPECT_EQ(sink_answer("abc", piece),
              "3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  }
}

}  // namespace
}  // namespace httpd
