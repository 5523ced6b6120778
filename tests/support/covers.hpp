// What a test holds: the labels of RFC 9293 and the sections of other RFCs, recorded in its result,
// where the check of docs/rfc_compliance.md finds them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::test {

/// To be called once, as the first statement of a test: `covers({"MUST-8", "RFC 6528 §3"})`.
inline void covers(std::initializer_list<std::string_view> labels) {
  std::string list;
  for (const std::string_view label : labels) {
    list += list.empty() ? "" : ", ";
    list += label;
  }
  testing::Test::RecordProperty("covers", list);
}

}  // namespace millrace::test
