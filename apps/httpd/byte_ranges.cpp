// Numbers too large for 64 bits count as the largest: they lie beyond every file.
#include "httpd/byte_ranges.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace httpd {
namespace {

constexpr std::string_view kUnit = "bytes=";
// Width of a boundary, so that lengths can be told beforehand.
constexpr std::size_t kBoundaryDigits = 16;

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::optional<std::uint64_t> read_number(std::string_view text) noexcept {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !std::ranges::all_of(text, is_digit)) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? value : UINT64_MAX;
}

// RFC 9110 §14.1: names of units are compared without case.
bool has_unit(std::string_view text) noexcept {
  return text.size() >= kUnit.size() &&
         std::ranges::equal(text.substr(0, kUnit.size()), kUnit,
                            [](char c, char lower) { return (c == '=' ? c : c | 0x20) == lower; });
}

}  // namespace

void RangeRequest::assign(std::string_view value) noexcept {
  specs_.clear();
  if (!has_unit(value)) {
    return;
  }
  decltype(specs_) specs;
  for (std::string_view rest = value.substr(kUnit.size());;) {
    const std::size_t comma = rest.find(',');
    const std::string_view piece = trimmed(rest.substr(0, comma));
    if (!piece.empty()) {  // RFC 9110 §5.6.1.2: empty elements are skipped.
      const auto spec = read(piece);
      if (!spec || specs.size() == kRangesMax) {
        return;
      }
      specs.push_back(*spec);
    }
    if (comma == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(comma + 1);
  }
  specs_ = specs;
}

std::optional<RangeRequest::Spec> RangeRequest::read(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view last_text = text.substr(dash + 1);
  const auto last = read_number(last_text);
  if (dash == 0) {
    return last ? std::optional{Spec{.first = std::nullopt, .last = *last}} : std::nullopt;
  }
  const auto first = read_number(text.substr(0, dash));
  if (!first || (!last && !last_text.empty()) || last.value_or(UINT64_MAX) < *first) {
    return std::nullopt;
  }
  return Spec{.first = first, .last = last.value_or(UINT64_MAX)};
}

RangeSet RangeSet::whole(std::uint64_t size) noexcept {
  RangeSet set;
  if (size > 0) {
    set.ranges_.push_back({.offset = 0, .length = size});
  }
  return set;
}

RangeSet RangeSet::resolve(const RangeRequest& request, std::uint64_t size) noexcept {
  RangeSet set;
  set.is_partial_ = true;
  for (const RangeRequest::Spec& spec : request.specs_) {
    if (!spec.first) {
      const std::uint64_t length = std::min(spec.last, size);
      if (length > 0) {
        set.ranges_.push_back({.offset = size - length, .length = length});
      } else if (spec.last > 0) {
        return whole(size);  // The end of an empty file is all of it, and cannot be numbered.
      }
    } else if (*spec.first < size) {
      const std::uint64_t last = std::min(spec.last, size - 1);
      set.ranges_.push_back({.offset = *spec.first, .length = last - *spec.first + 1});
    }
  }
  return set.is_reasonable(size) ? set : whole(size);
}

bool RangeSet::is_reasonable(std::uint64_t size) const noexcept {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    total += ranges_[i].length;  // Cannot overflow: each step is held against the size.
    if (total > size) {
      return false;
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (ranges_[i].offset < ranges_[j].offset + ranges_[j].length &&
          ranges_[j].offset < ranges_[i].offset + ranges_[i].length) {
        return false;
      }
    }
  }
  return true;
}

void append_content_range(std::string& out, const ByteRange& range, std::uint64_t size) {
  out.append("bytes ").append(std::to_string(range.offset)).append("-");
  out.append(std::to_string(range.offset + range.length - 1)).append("/");
  out.append(std::to_string(size));
}

void Multipart::append_content_type(std::string& out) const {
  out.append("multipart/byteranges; boundary=");
  append_boundary(out);
}

void Multipart::append_part_head(std::string& out, std::string_view media_type,
                                 const ByteRange& range, std::uint64_t size) const {
  out.append("\r\n--");
  append_boundary(out);
  out.append("\r\nContent-Type: ").append(media_type).append("\r\nContent-Range: ");
  append_content_range(out, range, size);
  out.append("\r\n\r\n");
}

void Multipart::append_end(std::string& out) const {
  out.append("\r\n--");
  append_boundary(out);
  out.append("--\r\n");
}

std::uint64_t Multipart::length(std::string_view media_type, const RangeSet& set,
                                std::uint64_t size) const {
  std::string around;
  std::uint64_t length = 0;
  for (const ByteRange& range : set.ranges()) {
    append_part_head(around, media_type, range, size);
    length += range.length;
  }
  append_end(around);
  return length + around.size();
}

void Multipart::append_boundary(std::string& out) const {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  for (std::size_t digit = 0; digit < kBoundaryDigits; ++digit) {
    out += kHexDigits[(boundary_ >> (4 * (kBoundaryDigits - 1 - digit))) & 0xfU];
  }
}

}  // namespace httpd
