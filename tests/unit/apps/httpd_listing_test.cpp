// Folders: what is looked up for a path, what a listing holds, and how its page is written.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "httpd/listing.hpp"
#include "httpd/resource.hpp"

namespace httpd {
namespace {

namespace fs = std::filesystem;

class ListingTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "millrace-httpd-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    outside_ = name;
    root_ = outside_ / "root";
    fs::create_directories(root_ / "zoo");
    fs::create_directories(root_ / "with");
    fs::create_directories(root_ / "odd" / "index.html");
    std::ofstream{outside_ / "secret.txt"} << "secret";
    std::ofstream{root_ / "b.txt"} << "hello";
    std::ofstream{root_ / "a.txt"} << "";
    std::ofstream{root_ / ".hidden"} << "x";
    std::ofstream{root_ / "with" / "index.html"} << "page";
    fs::create_symlink("b.txt", root_ / "inside");
    fs::create_symlink("zoo", root_ / "folder");
    fs::create_symlink("../secret.txt", root_ / "outside");
    fs::create_symlink("missing", root_ / "dangling");
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  }
  void TearDown() override { fs::remove_all(outside_); }

  [[nodiscard]] DocumentRoot open() const { return *DocumentRoot::open(root_.string()); }

  // "file 5", "page", "folder" or the status.
  [[nodiscard]] std::string find(std::string_view path, bool lists_folders = true) const {
    const auto found = find_resource(open(), path, lists_folders);
    if (!found) {
      return std::to_string(static_cast<int>(found.error()));
    }
    switch (found->kind) {
      case Resource::Kind::File: return "file " + std::to_string(found->facts.size);
      case Resource::Kind::Listing: return "page";
      case Resource::Kind::Folder: return "folder";
    }
    return {};
  }

  fs::path outside_;
  fs::path root_;
};

TEST_F(ListingTest, ResourcesAreFound) {
  EXPECT_EQ(find("b.txt"), "file 5");
  EXPECT_EQ(find("with/"), "file 4");
  EXPECT_EQ(find("with"), "folder");
  EXPECT_EQ(find("zoo/"), "page");
  EXPECT_EQ(find(""), "page");
  EXPECT_EQ(find("folder/"), "page");
  EXPECT_EQ(find("odd/"), "page") << "a folder is no index page";
  EXPECT_EQ(find("b.txt/"), "404");
  EXPECT_EQ(find("missing/"), "404");
  EXPECT_EQ(find("../"), "403");
  EXPECT_EQ(find("fifo"), "403");
  EXPECT_EQ(find("zoo/", false), "404");
  EXPECT_EQ(find("with/", false), "file 4");
}

TEST_F(ListingTest, HoldsFoldersFirstAndNothingFromOutside) {
  const auto listing = read_folder(open(), "");
  ASSERT_TRUE(listing.has_value());
  std::string text;
  for (const FolderEntry& entry : listing->entries) {
    text += entry.name + (entry.is_folder ? "/ " : ":" + std::to_string(entry.size) + " ");
  }
  EXPECT_EQ(text, "folder/ odd/ with/ zoo/ a.txt:0 b.txt:5 inside:5 ");
  EXPECT_FALSE(listing->is_cut);
}

TEST_F(ListingTest, LinksOfAFolderAreLookedAtFromThere) {
  fs::create_symlink("../b.txt", root_ / "zoo" / "up");
  fs::create_symlink("../../secret.txt", root_ / "zoo" / "out");
  const auto listing = read_folder(open(), "zoo/");
  ASSERT_TRUE(listing.has_value());
  ASSERT_EQ(listing->entries.size(), 1U);
  EXPECT_EQ(listing->entries[0].name, "up");
}

TEST_F(ListingTest, IsCutAtItsLimit) {
  for (std::size_t i = 0; i < kListedMax + 5; ++i) {
    fs::create_symlink("../b.txt", root_ / "zoo" / std::to_string(i));
  }
  const auto listing = read_folder(open(), "zoo/");
  ASSERT_TRUE(listing.has_value());
  EXPECT_EQ(listing->entries.size(), kListedMax);
  EXPECT_TRUE(listing->is_cut);
}

TEST(ListingPage, EscapesNamesForWhereTheyStand) {
  std::string page;
  append_listing_page(page, "a<b/",
                      {.entries = {{.name = "x\"y'<i>&amp", .size = 5, .changed_at = 784'111'777},
                                   {.name = "c:d?e#f%", .is_folder = true}}});
  EXPECT_TRUE(page.contains("<h1>/a&lt;b/</h1>"));
  EXPECT_TRUE(
      page.contains("<a href=\"./x%22y%27%3Ci%3E%26amp\">x&quot;y&#39;&lt;i&gt;&amp;amp</a>"));
  EXPECT_TRUE(page.contains("<a href=\"./c%3Ad%3Fe%23f%25/\">c:d?e#f%/</a>"));
  EXPECT_TRUE(page.contains("title=\"5 bytes\">5 B<"));
  EXPECT_TRUE(page.contains("1994-11-06 08:49"));
  EXPECT_TRUE(page.contains("href=\"../\""));
  EXPECT_FALSE(page.contains("<i>"));
  std::string root;
  append_listing_page(root, "", {.is_cut = true});
  EXPECT_FALSE(root.contains("href=\"../\""));
  EXPECT_TRUE(root.contains("There are more"));
}

TEST(ListingPage, SizesHaveThreeDigitsAtMost) {
  const struct {
    std::uint64_t size;
    std::string_view text;
  } cases[] = {
      {0, ">0 B<"},           {999, ">999 B<"},
      {1000, ">1.0 KiB<"},    {1024, ">1.0 KiB<"},
      {10'240, ">10 KiB<"},   {1'023'999, ">1.0 MiB<"},
      {1 << 20, ">1.0 MiB<"}, {~std::uint64_t{0}, ">16 EiB<"},
  };
  for (const auto& c : cases) {
    std::string page;
    append_listing_page(page, "", {.entries = {{.name = "f", .size = c.size}}});
    EXPECT_TRUE(page.contains(c.text)) << c.size << page.substr(page.find("bytes\""), 20);
  }
}

}  // namespace
}  // namespace httpd
