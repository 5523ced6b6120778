// Reading is by hand, because a comma may stand inside a tag of somebody else's making.
#include "httpd/entity_tag.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <system_error>

namespace httpd {
namespace {

void append_hexadecimal(std::string& out, std::uint64_t value) {
  std::array<char, 16> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  out.append(digits.data(), end);
}

std::optional<std::uint64_t> read_hexadecimal(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{value}
                                                                  : std::nullopt;
}

// What stands between the quotation marks, if it is of our making.
std::optional<EntityTag> read_tag(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto size = read_hexadecimal(text.substr(0, dash));
  const auto time = read_hexadecimal(text.substr(dash + 1));
  if (!size || !time) {
    return std::nullopt;
  }
  return EntityTag{.size = *size, .changed_at_ns = static_cast<std::int64_t>(*time)};
}

}  // namespace

void append_entity_tag(std::string& out, const EntityTag& tag) {
  out.append(tag.is_weak ? "W/\"" : "\"");
  append_hexadecimal(out, tag.size);
  out += '-';
  append_hexadecimal(out, static_cast<std::uint64_t>(tag.changed_at_ns));
  out += '"';
}

void TagList::add(std::string_view value) noexcept {
  is_present_ = true;
  while (true) {
    const std::size_t start = value.find_first_not_of(" \t,");
    if (start == std::string_view::npos) {
      return;
    }
    value.remove_prefix(start);
    if (value.starts_with('*')) {
      is_any_ = true;
      return;
    }
    const bool is_weak = value.starts_with("W/");
    value.remove_prefix(is_weak ? 2 : 0);
    const std::size_t end = value.find('"', 1);
    if (!value.starts_with('"') || end == std::string_view::npos) {
      return;  // Not a list of tags from here on.
    }
    if (auto tag = read_tag(value.substr(1, end - 1)); tag && tags_.size() < kTagsMax) {
      tag->is_weak = is_weak;
      tags_.push_back(*tag);
    }
    value.remove_prefix(end + 1);
  }
}

bool TagList::matches_weakly(const EntityTag& tag) const noexcept {
  return is_any_ ||
         std::ranges::any_of(tags_, [&](const EntityTag& own) { return own.matches_weakly(tag); });
}

bool TagList::matches_strongly(const EntityTag& tag) const noexcept {
  return is_any_ || std::ranges::any_of(
                        tags_, [&](const EntityTag& own) { return own.matches_strongly(tag); });
}

}  // namespace httpd
