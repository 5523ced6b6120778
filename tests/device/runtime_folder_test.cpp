// EAL's folders that nobody needs any more go, and no others.
#include "device/dpdk/runtime_folder.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace millrace::device {

namespace {

namespace fs = std::filesystem;

/// A process that has ended, and whom nobody has taken the number of yet.
pid_t ended_process() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return child;
}

class RuntimeFolder : public ::testing::Test {
 protected:
  RuntimeFolder() {
    std::string name = ::testing::TempDir() + "millrace_runtime_XXXXXX";
    parent_ = ::mkdtemp(name.data());
  }
  ~RuntimeFolder() override { fs::remove_all(parent_); }

  [[nodiscard]] fs::path make(const std::string& name) const {
    fs::create_directories(parent_ / name);
    std::ofstream{parent_ / name / "net_memif0.sock"} << "left";
    return parent_ / name;
  }

  fs::path parent_;
};

TEST_F(RuntimeFolder, OfAProcessThatIsNoMoreGoes) {
  const fs::path left = make("millrace-" + std::to_string(ended_process()));
  remove_abandoned_folders(parent_);
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(RuntimeFolder, OfOthersStays) {
  const std::string over = std::to_string(ended_process());
  const std::vector<std::string> names{"millrace-" + std::to_string(::getppid()),
                                       runtime_folder_name(),
                                       "other-" + over,
                                       "millrace-" + over + "x",
                                       "millrace-",
                                       "millrace-0",
                                       "millrace--1",
                                       "millrace-99999999999999999999",
                                       over};
  for (const std::string& name : names) {
    const fs::path folder = make(name);
    remove_abandoned_folders(parent_);
    EXPECT_TRUE(fs::exists(folder / "net_memif0.sock")) << name;
  }
}

TEST_F(RuntimeFolder, ThatIsMarkedStays) {
  const fs::path folder = make("millrace-" + std::to_string(ended_process()));
  OwnDescriptor mark = mark_in_use(folder);
  ASSERT_TRUE(mark);
  EXPECT_FALSE(mark_in_use(folder)) << "marked twice";
  remove_abandoned_folders(parent_);
  EXPECT_TRUE(fs::exists(folder));
  mark.close();
  remove_abandoned_folders(parent_);
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(RuntimeFolder, BehindALinkStays) {
  const fs::path folder = make("elsewhere");
  const fs::path link = parent_ / ("millrace-" + std::to_string(ended_process()));
  fs::create_directory_symlink(folder, link);
  remove_abandoned_folders(parent_);
  EXPECT_TRUE(fs::exists(folder / "net_memif0.sock"));
  EXPECT_TRUE(fs::is_symlink(link));
}

TEST_F(RuntimeFolder, AParentThatIsMissingIsNoMatter) {
  remove_abandoned_folders(parent_ / "none");
}

}  // namespace

}  // namespace millrace::device
