#include "protocol/state_matrix_table.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace millrace::test {

namespace {

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find(separator, start);
    parts.emplace_back(text.substr(start, end - start));
    if (end == std::string_view::npos) {
      return parts;
    }
    start = end + separator.size();
  }
}

bool is_one_of(const std::string& pattern, std::string_view word) {
  return pattern == "*" || std::ranges::count(split(pattern, "|"), word) > 0;
}

bool do_flags_fit(std::string_view pattern, std::string_view flags) {
  return std::ranges::equal(pattern, flags,
                            [](char wanted, char flag) { return wanted == '?' || wanted == flag; });
}

/// Alternatives belong together by position; a single value is in all of them.
std::vector<MatrixOutcome> outcomes_of(const std::vector<std::string>& columns) {
  const auto states = split(columns[5], "/");
  const auto replies = split(columns[6], "/");
  const auto texts = split(columns[7], "/");
  const std::size_t count = std::max({states.size(), replies.size(), texts.size()});
  const auto at = [](const std::vector<std::string>& values, std::size_t index) {
    return values.size() == 1 ? values[0] : values.at(index);
  };
  std::vector<MatrixOutcome> outcomes;
  for (std::size_t i = 0; i < count; ++i) {
    outcomes.push_back({at(states, i), at(replies, i), at(texts, i)});
  }
  return outcomes;
}

bool has_no_window(std::string_view state) {
  return state == "CLOSED" || state == "LISTEN" || state == "SYN-SENT";
}

}  // namespace

std::string_view MatrixCell::table_seq() const { return has_no_window(state) ? "any" : seq; }

std::string_view MatrixCell::table_ack() const {
  if (!has('A')) {
    return "-";
  }
  return state == "CLOSED" || state == "LISTEN" ? "any" : ack;
}

std::string to_string(const MatrixCell& cell) {
  std::string text{cell.state};
  for (const std::string_view word : {std::string_view{cell.flags}, cell.seq, cell.ack,
                                      std::string_view{cell.has_data ? "with" : "without"}}) {
    text += " | ";
    text += word;
  }
  return text;
}

bool MatrixRule::fits(const MatrixCell& cell) const {
  return is_one_of(columns[0], cell.state) && do_flags_fit(columns[1], cell.flags) &&
         is_one_of(columns[2], cell.table_seq()) && is_one_of(columns[3], cell.table_ack()) &&
         is_one_of(columns[4], cell.has_data ? "with" : "without");
}

MatrixTable::MatrixTable(const std::string& text) {
  unsigned number = 0;
  for (const std::string& line : split(text, "\n")) {
    ++number;
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    const std::vector<std::string> columns = split(line, " | ");
    if (columns.size() != 9) {
      problems_.push_back("line " + std::to_string(number) + ": not nine columns");
      continue;
    }
    rules_.push_back({.columns = {columns[0], columns[1], columns[2], columns[3], columns[4]},
                      .outcomes = outcomes_of(columns),
                      .line = number});
  }
}

MatrixTable MatrixTable::read(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  MatrixTable table{text.str()};
  if (!file.is_open()) {
    table.problems_.push_back(path + " cannot be read");
  }
  return table;
}

const MatrixRule* MatrixTable::find(const MatrixCell& cell) const {
  const auto found =
      std::ranges::find_if(rules_, [&](const MatrixRule& rule) { return rule.fits(cell); });
  return found == rules_.end() ? nullptr : &*found;
}

}  // namespace millrace::test
