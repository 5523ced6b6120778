// The capture file, read back by a reader of its own, written from the format's description and not
// from the writer.
#include "device/capture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "device/device_bed.hpp"
#include "device/ring.hpp"

namespace millrace::test {

namespace {

using device::CaptureFile;
using namespace std::chrono_literals;

struct CapturedFrame {
  std::uint32_t interface_number = 0;
  std::uint64_t time = 0;
  std::uint32_t original_size = 0;
  std::uint32_t flags = 0;
  Bytes bytes;
};

struct Capture {
  unsigned sections = 0;
  std::vector<std::string> interfaces;
  std::vector<unsigned> time_resolutions;
  std::vector<CapturedFrame> frames;
  std::string problem;
};

std::uint32_t u32(const std::string& text, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, text.data() + at, sizeof(value));
  return value;
}

std::uint16_t u16(const std::string& text, std::size_t at) {
  std::uint16_t value = 0;
  std::memcpy(&value, text.data() + at, sizeof(value));
  return value;
}

/// The value of option `code` in the list at `at`, or nothing.
std::string option(const std::string& block, std::size_t at, std::uint16_t code) {
  while (at + 4 <= block.size() - 4) {
    const std::uint16_t found = u16(block, at);
    const std::uint16_t size = u16(block, at + 2);
    if (found == code || found == 0) {
      return found == 0 ? "" : block.substr(at + 4, size);
    }
    at += 4 + (size + 3U) / 4 * 4;
  }
  return "";
}

void read_block(const std::string& block, Capture& capture) {
  switch (u32(block, 0)) {
    case 0x0a0d0d0a:
      ++capture.sections;
      capture.problem += u32(block, 8) == 0x1a2b3c4d ? "" : "bad byte-order magic; ";
      break;
    case 1:
      capture.problem += u16(block, 8) == 1 ? "" : "not Ethernet; ";
      capture.interfaces.push_back(option(block, 16, 2));
      capture.time_resolutions.push_back(static_cast<unsigned>(option(block, 16, 9).at(0)));
      break;
    case 6: {
      const std::uint32_t size = u32(block, 20);
      CapturedFrame frame{.interface_number = u32(block, 8),
                          .time = (std::uint64_t{u32(block, 12)} << 32U) | u32(block, 16),
                          .original_size = u32(block, 24),
                          .flags = u32(option(block, 28 + (size + 3) / 4 * 4, 2), 0),
                          .bytes = Bytes(size)};
      std::memcpy(frame.bytes.data(), block.data() + 28, size);
      capture.frames.push_back(std::move(frame));
      break;
    }
    default: capture.problem += "unknown block; ";
  }
}

Capture read_capture(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{stream}, {}};
  Capture capture;
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t length = at + 12 <= text.size() ? u32(text, at + 4) : 0;
    if (length < 12 || length % 4 != 0 || at + length > text.size() ||
        u32(text, at + length - 4) != length) {
      capture.problem += "broken block at " + std::to_string(at);
      break;
    }
    read_block(text.substr(at, length), capture);
    at += length;
  }
  return capture;
}

class CaptureTest : public ::testing::Test {
 protected:
  CaptureTest() : path_{::testing::TempDir() + "millrace_capture_test.pcapng"} {}
  ~CaptureTest() override { std::filesystem::remove(path_); }

  std::unique_ptr<CaptureFile> create(const device::ClockAnchor& anchor) {
    auto file = CaptureFile::create(path_, anchor);
    EXPECT_TRUE(file.has_value()) << file.error();
    return std::move(*file);
  }

  std::string path_;
  packet::CorePools pools_ = make_core_pools();
};

TEST_F(CaptureTest, HoldsFramesOfBothDirectionsWithTheirTime) {
  const Instant start{1'000s};
  Instant now = start;
  auto file = create({.steady = start, .since_epoch = 1'700'000'000s});
  constexpr device::Capabilities kCapabilities{.mac = {}, .mtu = 1'500, .multi_segment = true};
  auto [a, b] =
      device::make_ring_pair(4, {kCapabilities, pools_.data}, {kCapabilities, pools_.data});
  device::CaptureDevice captured{std::move(a), *file, "ring0", [&now]() noexcept { return now; }};

  now += 1'500ns;
  packet::Burst burst;
  const Bytes whole = numbered_frame(0, 101);
  const packet::Packet payload = packet_of(std::span{whole}.subspan(50), pools_.data);
  const std::array<std::uint32_t, 1> cuts{3};
  burst.push_back(chain_of(std::span{whole}.first(50), payload, cuts, pools_));
  for (std::uint32_t i = 1; i < 6; ++i) {
    burst.push_back(packet_of(numbered_frame(i, 60), pools_.data));
  }
  captured.tx_burst(burst);
  ASSERT_EQ(burst.size(), 2U) << "the ring takes four";
  EXPECT_EQ(file->frames(), 4U) << "only what was taken is captured";

  packet::Burst answer;
  answer.push_back(packet_of(numbered_frame(77, 64), pools_.data));
  b->tx_burst(answer);
  now += 2s;
  EXPECT_EQ(receive_all(captured).size(), 1U);
  file.reset();

  const Capture capture = read_capture(path_);
  EXPECT_EQ(capture.problem, "");
  EXPECT_EQ(capture.sections, 1U);
  EXPECT_EQ(capture.interfaces, std::vector<std::string>{"ring0"});
  EXPECT_EQ(capture.time_resolutions, std::vector<unsigned>{9});
  ASSERT_EQ(capture.frames.size(), 5U);
  EXPECT_EQ(capture.frames[0].bytes, whole) << "a chain is gathered";
  EXPECT_EQ(capture.frames[3].bytes, numbered_frame(3, 60));
  EXPECT_EQ(capture.frames[4].bytes, numbered_frame(77, 64));
  EXPECT_EQ(capture.frames[0].time, 1'700'000'000'000'001'500U);
  EXPECT_EQ(capture.frames[4].time, 1'700'000'002'000'001'500U);
  EXPECT_EQ(capture.frames[0].flags, 2U) << "outbound";
  EXPECT_EQ(capture.frames[4].flags, 1U) << "inbound";
}

TEST_F(CaptureTest, CutsLongFramesAndSaysSo) {
  auto file = create({});
  const std::uint32_t number = file->add_interface("long");
  const packet::Packet payload = packet_of(Bytes(2'000, std::byte{1}), pools_.data);
  const std::vector<std::uint32_t> none;
  packet::Packet frame = chain_of(numbered_frame(1, 60), payload, none, pools_);
  for (int i = 0; i < 10; ++i) {
    packet::Packet more = pools_.references.reference(payload.get(), 0, 2'000);
    ASSERT_TRUE(frame.chain(more));
  }
  file->write(number, CaptureFile::Direction::Inbound, Instant{}, frame.get());
  file.reset();
  const Capture capture = read_capture(path_);
  EXPECT_EQ(capture.problem, "");
  ASSERT_EQ(capture.frames.size(), 1U);
  EXPECT_EQ(capture.frames[0].bytes.size(), CaptureFile::kBytesKeptMax);
  EXPECT_EQ(capture.frames[0].original_size, 22'060U);
}

TEST_F(CaptureTest, BuffersMoreThanItsSize) {
  auto file = create({});
  const std::uint32_t number = file->add_interface("many");
  const packet::Packet frame = packet_of(numbered_frame(1, 1'514), pools_.data);
  constexpr std::uint64_t kFrames = 3'000;
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    file->write(number, CaptureFile::Direction::Inbound, Instant{}, frame.get());
  }
  EXPECT_EQ(file->frames(), kFrames);
  file.reset();
  const Capture capture = read_capture(path_);
  EXPECT_EQ(capture.problem, "");
  EXPECT_EQ(capture.frames.size(), kFrames);
}

TEST_F(CaptureTest, RefusesAPathThatCannotBe) {
  const auto file = CaptureFile::create("/nonexistent/x.pcapng", {});
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error(),
            "cannot create the capture file '/nonexistent/x.pcapng': No such file or directory");
}

TEST_F(CaptureTest, FullDiskStopsItOnce) {
  const auto created = CaptureFile::create("/dev/full", {});
  ASSERT_FALSE(created.has_value()) << "the first block shows it";
  EXPECT_NE(created.error().find("No space left on device"), std::string::npos);
}

}  // namespace

}  // namespace millrace::test
