// DocumentRoot against a real folder with everything in it that could lead out or get stuck.
#include "httpd/document_root.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace httpd {
namespace {

namespace fs = std::filesystem;

class DocumentRootTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "millrace-httpd-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    outside_ = name;
    root_ = outside_ / "root";
    fs::create_directories(root_ / "sub");
    std::ofstream{outside_ / "secret.txt"} << "secret";
    std::ofstream{root_ / "a.txt"} << "hello";
    std::ofstream{root_ / "sub" / "b.txt"} << "deep";
    fs::create_symlink("a.txt", root_ / "inside");
    fs::create_symlink("../a.txt", root_ / "sub" / "up");
    fs::create_symlink("../secret.txt", root_ / "outside");
    fs::create_symlink(outside_ / "secret.txt", root_ / "absolute");
    fs::create_symlink("..", root_ / "parent");
    fs::create_symlink("circle", root_ / "circle");
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  }
  void TearDown() override { fs::remove_all(outside_); }

  // "5 hello", "folder", or the status.
  std::string look(const char* path) const {
    const auto root = DocumentRoot::open(root_.string());
    EXPECT_TRUE(root.has_value());
    const auto opened = root->open_file(path);
    if (!opened) {
      return std::to_string(static_cast<int>(opened.error()));
    }
    if (opened->is_folder) {
      return "folder";
    }
    std::array<std::byte, 100> bytes;
    std::string text = std::to_string(opened->facts.size) + " ";
    for (std::size_t i = 0; i < opened->file.read(0, bytes).value_or(0); ++i) {
      text += std::to_integer<char>(bytes[i]);
    }
    return text;
  }

  fs::path outside_;
  fs::path root_;
};

TEST_F(DocumentRootTest, ServesWhatLiesBeneathAndNothingElse) {
  const struct {
    const char* path;
    const char* outcome;
  } cases[] = {
      {"a.txt", "5 hello"}, {"sub/b.txt", "4 deep"},  {"sub", "folder"},
      {"sub/", "folder"},   {"inside", "5 hello"},    {"sub/up", "5 hello"},
      {"missing", "404"},   {"a.txt/", "404"},        {"a.txt/b", "404"},
      {"", "404"},          {"../secret.txt", "403"}, {"/etc/passwd", "403"},
      {"outside", "403"},   {"absolute", "403"},      {"parent/secret.txt", "403"},
      {"circle", "403"},    {"fifo", "403"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(look(c.path), c.outcome) << c.path;
  }
}

TEST_F(DocumentRootTest, ReadsFromAnOffsetUpToTheEnd) {
  const auto root = DocumentRoot::open(root_.string());
  const auto opened = root->open_file("a.txt");
  ASSERT_TRUE(opened.has_value());
  std::array<std::byte, 3> bytes;
  EXPECT_EQ(opened->file.read(1, bytes), 3U);
  EXPECT_EQ(opened->file.read(4, bytes), 1U);
  EXPECT_EQ(opened->file.read(5, bytes), 0U);
}

TEST_F(DocumentRootTest, FileWithoutPermissionIsForbidden) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "the superuser may read everything";
  }
  fs::permissions(root_ / "a.txt", fs::perms::none);
  EXPECT_EQ(look("a.txt"), "403");
}

TEST_F(DocumentRootTest, BadRootsAreNamed) {
  for (const fs::path& folder : {root_ / "missing", root_ / "a.txt", root_ / "fifo"}) {
    const auto root = DocumentRoot::open(folder.string());
    ASSERT_FALSE(root.has_value()) << folder;
    EXPECT_NE(root.error().find(folder.string()), std::string::npos) << root.error();
    EXPECT_NE(root.error().find("must be a folder"), std::string::npos) << root.error();
  }
}

}  // namespace
}  // namespace httpd
