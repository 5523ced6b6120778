#include "device/capture.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/contract.hpp"

namespace millrace::device {

namespace {

constexpr std::size_t kBufferBytes = 1U << 20U;
constexpr std::size_t kBlockOverheadBytes =
    64;  // Of a frame's block: header, padding, options, trailer.
constexpr std::size_t kBurstBytes =
    packet::Burst::kCapacity * (CaptureFile::kBytesKeptMax + kBlockOverheadBytes);
static_assert(kBurstBytes <= kBufferBytes);
constexpr Duration kFlushInterval = std::chrono::seconds{1};

// pcapng (draft-ietf-opsawg-pcapng): block types, option codes, and values of ours. Numbers are in
// the writer's order.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kOptionApplication = 4;
constexpr std::uint16_t kOptionInterfaceName = 2;
constexpr std::uint16_t kOptionTimeResolution = 9;
constexpr std::uint16_t kOptionFrameFlags = 2;
constexpr std::uint16_t kLinkTypeEthernet = 1;
constexpr std::byte kNanoseconds{9};
constexpr std::size_t kInterfaceNameMax = 128;

}  // namespace

ClockAnchor ClockAnchor::at(Instant steady) {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {steady, std::chrono::duration_cast<std::chrono::nanoseconds>(wall)};
}

Result<std::unique_ptr<CaptureFile>, std::string> CaptureFile::create(const std::string& path,
                                                                      const ClockAnchor& anchor) {
  // Without O_NONBLOCK a named pipe would hold the start up until somebody reads from it.
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);
  if (descriptor < 0 && errno == ENXIO) {
    return fail("nobody reads from the pipe '" + path + "': start its reader first");
  }
  if (descriptor < 0) {
    return fail("cannot create the capture file '" + path + "': " + std::strerror(errno));
  }
  static_cast<void>(::fcntl(descriptor, F_SETFL, 0));  // From here on a slow reader is waited for.
  std::unique_ptr<CaptureFile> file{new CaptureFile{descriptor, path, anchor}};
  file->put_section_header();
  file->flush();
  if (!file->failure_.empty()) {
    return fail(file->failure_);
  }
  return file;
}

CaptureFile::CaptureFile(int descriptor, std::string path, const ClockAnchor& anchor)
    : descriptor_{descriptor}, path_{std::move(path)}, anchor_{anchor} {
  buffer_.reserve(kBufferBytes);
}

CaptureFile::~CaptureFile() {
  flush();
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::uint32_t CaptureFile::add_interface(const std::string& name) {
  make_room_for_burst();
  begin_block(kInterfaceDescription);
  put_number(kLinkTypeEthernet);
  put_number(std::uint16_t{0});
  put_number(kBytesKeptMax);
  put_option(kOptionInterfaceName,
             std::as_bytes(std::span{name}.first(std::min(name.size(), kInterfaceNameMax))));
  put_option(kOptionTimeResolution, std::span{&kNanoseconds, 1});
  put_option(kOptionEnd, {});
  end_block();
  return interfaces_++;
}

void CaptureFile::write(std::uint32_t interface_number, Direction direction, Instant now,
                        const rte_mbuf* frame) noexcept {
  base::expects(interface_number < interfaces_);
  if (descriptor_ < 0) {
    ++frames_lost_;
    return;
  }
  const std::uint32_t size = rte_pktmbuf_pkt_len(frame);
  std::uint32_t left = std::min(size, kBytesKeptMax);
  if (buffer_.capacity() - buffer_.size() < left + kBlockOverheadBytes) {
    flush();
  }
  const auto time =
      static_cast<std::uint64_t>((anchor_.since_epoch + (now - anchor_.steady)).count());
  begin_block(kEnhancedPacket);
  put_number(interface_number);
  put_number(static_cast<std::uint32_t>(time >> 32U));
  put_number(static_cast<std::uint32_t>(time));
  put_number(left);
  put_number(size);
  for (const rte_mbuf* segment = frame; segment != nullptr && left != 0; segment = segment->next) {
    const std::uint32_t length = std::min<std::uint32_t>(left, rte_pktmbuf_data_len(segment));
    put({rte_pktmbuf_mtod(segment, const std::byte*), length});
    left -= length;
  }
  put_padding();
  const auto flags = static_cast<std::uint32_t>(direction);
  put_option(kOptionFrameFlags, std::as_bytes(std::span{&flags, 1}));
  put_option(kOptionEnd, {});
  end_block();
  ++frames_;
}

void CaptureFile::flush() noexcept {
  std::size_t done = 0;
  while (descriptor_ >= 0 && done < buffer_.size()) {
    const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written > 0) {
      done += static_cast<std::size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      stop(written == 0 ? EIO : errno);
    }
  }
  if (descriptor_ >= 0) {
    bytes_written_ += done;
    frames_written_ = frames_;
  }
  buffer_.clear();
}

void CaptureFile::make_room_for_burst() noexcept {
  if (buffer_.capacity() - buffer_.size() < kBurstBytes) {
    flush();
  }
}

void CaptureFile::rewind(const Mark& mark) noexcept {
  if (descriptor_ < 0) {
    return;
  }
  base::expects(mark.buffered_bytes <= buffer_.size());
  buffer_.resize(mark.buffered_bytes);
  frames_ = mark.frames;
}

/// Leaves a file that ends with a whole block, and says so once.
void CaptureFile::stop(int error) noexcept {
  static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(bytes_written_)));
  ::close(std::exchange(descriptor_, -1));
  frames_lost_ += frames_ - frames_written_;
  frames_ = frames_written_;
  failure_ = "capturing stopped: cannot write '" + path_ + "': " + std::strerror(error);
  if (on_failure_) {
    on_failure_(failure_);
  }
}

void CaptureFile::put_section_header() noexcept {
  constexpr std::string_view kApplication = "Millrace";
  constexpr std::uint64_t kLengthUnknown = ~std::uint64_t{0};
  begin_block(kSectionHeader);
  put_number(kByteOrderMagic);
  put_number(std::uint16_t{1});
  put_number(std::uint16_t{0});
  put_number(kLengthUnknown);
  put_option(kOptionApplication, std::as_bytes(std::span{kApplication}));
  put_option(kOptionEnd, {});
  end_block();
}

void CaptureFile::begin_block(std::uint32_t type) noexcept {
  block_start_ = buffer_.size();
  put_number(type);
  put_number(std::uint32_t{0});  // The length, known at the end.
}

void CaptureFile::end_block() noexcept {
  const auto length =
      static_cast<std::uint32_t>(buffer_.size() - block_start_ + sizeof(std::uint32_t));
  put_number(length);
  std::memcpy(buffer_.data() + block_start_ + sizeof(std::uint32_t), &length, sizeof(length));
}

void CaptureFile::put_option(std::uint16_t code, std::span<const std::byte> value) noexcept {
  put_number(code);
  put_number(static_cast<std::uint16_t>(value.size()));
  put(value);
  put_padding();
}

void CaptureFile::put_padding() noexcept {
  while (buffer_.size() % sizeof(std::uint32_t) != 0) {
    put_number(std::byte{0});
  }
}

template <class T>
void CaptureFile::put_number(T value) noexcept {
  put(std::as_bytes(std::span{&value, 1}));
}

void CaptureFile::put(std::span<const std::byte> bytes) noexcept {
  base::expects(bytes.size() <= buffer_.capacity() - buffer_.size());
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

CaptureDevice::CaptureDevice(std::unique_ptr<Device> inner, CaptureFile& file,
                             const std::string& name, Clock clock)
    : inner_{std::move(inner)},
      file_{file},
      interface_number_{file.add_interface(name)},
      clock_{std::move(clock)} {}

void CaptureDevice::rx_burst(packet::Burst& burst) noexcept {
  const std::uint16_t before = burst.size();
  inner_->rx_burst(burst);
  if (burst.size() == before) {
    return;
  }
  const Instant now = clock_();
  for (std::uint16_t i = before; i < burst.size(); ++i) {
    file_.write(interface_number_, CaptureFile::Direction::Inbound, now, burst.peek(i));
  }
  flush_now_and_then(now);
}

void CaptureDevice::tx_burst(packet::Burst& burst) noexcept {
  if (burst.empty()) {
    inner_->tx_burst(burst);
    return;
  }
  // What the device takes is out of our hands, so frames are written before, and those it left are
  // taken back.
  const Instant now = clock_();
  const std::uint16_t offered = burst.size();
  std::array<CaptureFile::Mark, packet::Burst::kCapacity + 1> marks;
  file_.make_room_for_burst();
  for (std::uint16_t i = 0; i < offered; ++i) {
    marks[i] = file_.mark();
    file_.write(interface_number_, CaptureFile::Direction::Outbound, now, burst.peek(i));
  }
  marks[offered] = file_.mark();
  inner_->tx_burst(burst);
  file_.rewind(marks[static_cast<std::size_t>(offered - burst.size())]);
  flush_now_and_then(now);
}

bool CaptureDevice::arm_wake() noexcept {
  file_.flush();
  return inner_->arm_wake();
}

void CaptureDevice::flush_now_and_then(Instant now) noexcept {
  if (now - last_flush_ >= kFlushInterval) {
    last_flush_ = now;
    file_.flush();
  }
}

}  // namespace millrace::device
