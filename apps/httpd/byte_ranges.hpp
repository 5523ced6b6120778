// Range requests (RFC 9110 §14): what a client asks for, and which bytes of a file that is. Pure
// values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/container/static_vector.hpp>

namespace httpd {

/// Bytes [offset, offset + length) of a file. Never empty.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) noexcept = default;
};

/// Ranges of one request that are answered at most; who asks for more gets the whole file.
inline constexpr std::size_t kRangesMax = 16;

/// What a Range field asks for, before the file's size is known.
class RangeRequest {
 public:
  // Not defaulted: then `RangeRequest{}` would clear all of its room.
  RangeRequest() noexcept {}

  /// Reads "bytes=0-99,200-,-50". RFC 9110 §14.2: a field that is malformed, of another unit, or
  /// asks for more than a server likes to give is ignored, so there is no error: then
  /// `is_present` is false.
  void assign(std::string_view value) noexcept;
  void clear() noexcept { specs_.clear(); }

  [[nodiscard]] bool is_present() const noexcept { return !specs_.empty(); }

 private:
  friend class RangeSet;

  struct Spec {
    std::optional<std::uint64_t> first;  // Empty: the last `last` bytes.
    std::uint64_t last = UINT64_MAX;     // Included.
  };

  [[nodiscard]] static std::optional<Spec> read(std::string_view text) noexcept;

  boost::container::static_vector<Spec, kRangesMax> specs_;
};

/// The ranges that are to be sent, in the order of the request.
class RangeSet {
 public:
  /// The whole file.
  [[nodiscard]] static RangeSet whole(std::uint64_t size) noexcept;
  /// What `request` means for a file of `size` bytes; without any range: nothing of it lies in the
  /// file (416). Ranges that overlap or come to more than the file are an attack or a mistake
  /// (RFC 9110 §17.15): the whole file then, `is_partial` false.
  [[nodiscard]] static RangeSet resolve(const RangeRequest& request, std::uint64_t size) noexcept;

  [[nodiscard]] std::span<const ByteRange> ranges() const noexcept {
    return {ranges_.data(), ranges_.size()};
  }
  /// Whether the answer is a 206.
  [[nodiscard]] bool is_partial() const noexcept { return is_partial_; }
  /// Several ranges travel as multipart/byteranges.
  [[nodiscard]] bool is_multipart() const noexcept { return is_partial_ && ranges_.size() > 1; }

 private:
  [[nodiscard]] bool is_reasonable(std::uint64_t size) const noexcept;

  bool is_partial_ = false;
  boost::container::static_vector<ByteRange, kRangesMax> ranges_;
};

/// Appends "bytes 0-99/1234", the value of Content-Range.
void append_content_range(std::string& out, const ByteRange& range, std::uint64_t size);

/// RFC 9110 §14.6: what stands around the parts of a multipart answer.
class Multipart {
 public:
  /// Its value must not occur in the file, so it is drawn for each answer.
  explicit Multipart(std::uint64_t boundary) noexcept : boundary_{boundary} {}

  void append_content_type(std::string& out) const;
  /// What comes before a part's bytes.
  void append_part_head(std::string& out, std::string_view media_type, const ByteRange& range,
                        std::uint64_t size) const;
  /// What comes after the last part's bytes.
  void append_end(std::string& out) const;
  /// Bytes of the whole answer.
  [[nodiscard]] std::uint64_t length(std::string_view media_type, const RangeSet& set,
                                     std::uint64_t size) const;

 private:
  void append_boundary(std::string& out) const;

  std::uint64_t boundary_;
};

}  // namespace httpd
