// Small files that are served from memory: for how long, how many, and who reads them anew.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "httpd/kept_files.hpp"

namespace httpd {
namespace {

using namespace std::chrono_literals;
using millrace::Instant;

constexpr Instant kStart{1'000s};

void keep(KeptFiles& kept, const std::string& path, const std::string& text, Instant now) {
  kept.keep(path, {.size = text.size(), .changed_at_ns = 7}, std::as_bytes(std::span{text}), now);
}

std::string found(KeptFiles& kept, const std::string& path, Instant now) {
  const KeptFile* const file = kept.find(path, now);
  return file == nullptr ? "nothing" : file->bytes;
}

TEST(KeptFiles, AFileIsThereForItsLifetime) {
  KeptFiles kept{1s};
  EXPECT_EQ(found(kept, "a", kStart), "nothing");
  keep(kept, "a", "text", kStart);
  EXPECT_EQ(found(kept, "a", kStart + 999ms), "text");
  EXPECT_EQ(kept.find("a", kStart)->facts.changed_at_ns, 7);
  EXPECT_EQ(found(kept, "b", kStart), "nothing");
  EXPECT_EQ(found(kept, "a", kStart + 1s), "nothing");
}

TEST(KeptFiles, OneReadsItAnewAndTheOthersGoOnForAsLongAgain) {
  KeptFiles kept{1s};
  keep(kept, "a", "old", kStart);
  EXPECT_EQ(found(kept, "a", kStart + 1s), "nothing");
  EXPECT_EQ(found(kept, "a", kStart + 1s), "old");
  EXPECT_EQ(found(kept, "a", kStart + 1'999ms), "old");
  keep(kept, "a", "new", kStart + 1'999ms);
  EXPECT_EQ(found(kept, "a", kStart + 2'500ms), "new");
}

TEST(KeptFiles, AReaderThatNeverCameBackHoldsNobodyUp) {
  KeptFiles kept{1s};
  keep(kept, "a", "old", kStart);
  EXPECT_EQ(found(kept, "a", kStart + 1s), "nothing");
  EXPECT_EQ(found(kept, "a", kStart + 2s), "nothing");
  EXPECT_EQ(found(kept, "a", kStart + 2s), "nothing");
}

TEST(KeptFiles, WhatIsGoneIsForgotten) {
  KeptFiles kept{1s};
  keep(kept, "a", "text", kStart);
  kept.forget("a");
  kept.forget("a");
  EXPECT_EQ(found(kept, "a", kStart), "nothing");
  EXPECT_EQ(kept.bytes(), 0U);
}

TEST(KeptFiles, WithoutLifetimeNothingIsKept) {
  KeptFiles kept{0s};
  keep(kept, "a", "text", kStart);
  EXPECT_EQ(found(kept, "a", kStart), "nothing");
  EXPECT_EQ(kept.bytes(), 0U);
}

TEST(KeptFiles, LargeFilesAreNotKeptAndTakeTheirSmallPastWithThem) {
  KeptFiles kept{1s};
  keep(kept, "a", std::string(KeptFiles::kFileBytesMax, 'x'), kStart);
  EXPECT_EQ(found(kept, "a", kStart).size(), KeptFiles::kFileBytesMax);
  keep(kept, "a", std::string(KeptFiles::kFileBytesMax + 1, 'x'), kStart);
  EXPECT_EQ(found(kept, "a", kStart), "nothing");
}

TEST(KeptFiles, TheFirstOneKeptGoesWhenRoomEnds) {
  KeptFiles kept{1s};
  const std::string text(KeptFiles::kFileBytesMax, 'x');
  const std::size_t many = KeptFiles::kBytesMax / text.size();
  for (std::size_t i = 0; i <= many; ++i) {
    keep(kept, std::to_string(i), text, kStart);
    EXPECT_LE(kept.bytes(), KeptFiles::kBytesMax);
  }
  EXPECT_EQ(found(kept, "0", kStart), "nothing");
  EXPECT_EQ(found(kept, std::to_string(many), kStart), text);
}

TEST(KeptFiles, EmptyFilesCostRoomToo) {
  KeptFiles kept{1s};
  for (int i = 0; i < 40'000; ++i) {
    keep(kept, std::to_string(i), "", kStart);
  }
  EXPECT_LE(kept.bytes(), KeptFiles::kBytesMax);
  EXPECT_EQ(found(kept, "0", kStart), "nothing");
  EXPECT_EQ(found(kept, "39999", kStart), "");
}

}  // namespace
}  // namespace httpd
