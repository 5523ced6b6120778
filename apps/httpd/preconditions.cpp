// RFC 9110 §13.2.2, step by step.
#include "httpd/preconditions.hpp"

namespace httpd {
namespace {

// RFC 9110 §13.1.5: only a strong validator proves that the part which a client holds belongs to
// the same file; a date is one if it cannot have been given to two states.
bool is_same_file(const Conditions& conditions, const FileFacts& facts, std::time_t now) noexcept {
  const EntityTag tag = facts.tag(now);
  if (conditions.if_range.is_present()) {
    const EntityTag* const given = conditions.if_range.first();
    return given != nullptr && given->matches_strongly(tag);
  }
  return !tag.is_weak && *conditions.if_range_date == facts.changed_at();
}

}  // namespace

Verdict judge(const Conditions& conditions, const FileFacts& facts, std::time_t now, bool is_get,
              RangeSet& ranges) noexcept {
  const EntityTag tag = facts.tag(now);
  ranges = RangeSet::whole(facts.size);
  // Steps 1 and 2.
  if (conditions.if_match.is_present()) {
    if (!conditions.if_match.matches_strongly(tag)) {
      return Verdict::Failed;
    }
  } else if (conditions.if_unmodified_since &&
             facts.changed_at() > *conditions.if_unmodified_since) {
    return Verdict::Failed;
  }
  // Steps 3 and 4.
  if (conditions.if_none_match.is_present()) {
    if (conditions.if_none_match.matches_weakly(tag)) {
      return Verdict::NotModified;
    }
  } else if (conditions.if_modified_since && facts.changed_at() <= *conditions.if_modified_since) {
    return Verdict::NotModified;
  }
  // Step 5.
  const bool has_if_range = conditions.if_range.is_present() || conditions.if_range_date;
  if (!is_get || !conditions.range.is_present() ||
      (has_if_range && !is_same_file(conditions, facts, now))) {
    return Verdict::Whole;
  }
  ranges = RangeSet::resolve(conditions.range, facts.size);
  return ranges.is_partial() && ranges.ranges().empty() ? Verdict::NotSatisfiable : Verdict::Part;
}

}  // namespace httpd
