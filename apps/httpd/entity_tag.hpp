// Entity tags (RFC 9110 §8.8.3) as values. A tag of ours is made from a file's size and time of
// change, so that a list of tags from a client keeps two numbers of each instead of its text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/container/static_vector.hpp>

namespace httpd {

/// What identifies one state of a file.
struct EntityTag {
  std::uint64_t size = 0;          ///< Bytes.
  std::int64_t changed_at_ns = 0;  ///< Nanoseconds since 1970.
  bool is_weak = false;            ///< The file may have changed again within its clock's grain.

  /// RFC 9110 §8.8.3.2.
  [[nodiscard]] bool matches_weakly(const EntityTag& other) const noexcept {
    return size == other.size && changed_at_ns == other.changed_at_ns;
  }
  [[nodiscard]] bool matches_strongly(const EntityTag& other) const noexcept {
    return matches_weakly(other) && !is_weak && !other.is_weak;
  }
};

/// Appends `"SIZE-TIME"` in hexadecimal, with W/ before it if it is weak.
void append_entity_tag(std::string& out, const EntityTag& tag);

/// The tags of an If-Match or If-None-Match field. Tags that are not of our making match nothing
/// and are not kept; of ours, the first eight are.
class TagList {
 public:
  // Not defaulted: then `TagList{}` would clear the room for tags, too, once for each request.
  TagList() noexcept {}

  /// Adds what a field holds; a field that comes again goes on with the list.
  void add(std::string_view value) noexcept;

  /// Whether there was a field at all.
  [[nodiscard]] bool is_present() const noexcept { return is_present_; }
  [[nodiscard]] bool matches_weakly(const EntityTag& tag) const noexcept;
  [[nodiscard]] bool matches_strongly(const EntityTag& tag) const noexcept;
  /// The one tag of a field that takes one, If-Range say; null if it is not of our making.
  [[nodiscard]] const EntityTag* first() const noexcept {
    return tags_.empty() ? nullptr : tags_.data();
  }

 private:
  static constexpr std::size_t kTagsMax = 8;

  bool is_present_ = false;
  bool is_any_ = false;  // "*".
  boost::container::static_vector<EntityTag, kTagsMax> tags_;
};

}  // namespace httpd
