// The table of the state matrix, state_matrix.txt: what RFC 9293 §3.10.7 wants of each state, for
// each kind of segment. Reads its text; the first rule that fits a cell decides. Playing cells is
// the test's; that the table has a rule for each is state_matrix_check.py's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// The words of the table's columns, as its head explains them.
inline constexpr std::array<std::string_view, 12> kMatrixStates{
    "CLOSED",     "LISTEN",     "SYN-SENT",   "SYN-RECEIVED-P", "SYN-RECEIVED-A", "ESTABLISHED",
    "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",        "LAST-ACK",       "TIME-WAIT"};
inline constexpr std::array<std::string_view, 6> kMatrixSeqs{
    "outside-left", "just-left", "left-edge", "inside", "right-edge", "outside-right"};
inline constexpr std::array<std::string_view, 5> kMatrixAcks{"old", "una", "inside", "nxt",
                                                             "future"};
inline constexpr std::size_t kMatrixFlagSets = 16;

/// One kind of segment in one state. Where the table has "any" or "-", all numbers are played.
struct MatrixCell {
  std::string_view state;
  std::string flags;  ///< As the table writes them: four places, "SA.F" for instance.
  std::string_view seq;
  std::string_view ack;
  bool has_data = false;

  [[nodiscard]] bool has(char flag) const { return flags.find(flag) != std::string::npos; }
  /// It differs from another only in numbers that the table does not tell apart.
  [[nodiscard]] std::string_view table_seq() const;
  [[nodiscard]] std::string_view table_ack() const;
};
[[nodiscard]] std::string to_string(const MatrixCell& cell);

/// What may come of it.
struct MatrixOutcome {
  std::string next_state;
  std::string reply;
  std::string text;
};

struct MatrixRule {
  std::array<std::string, 5> columns;   ///< State, flags, seq, ack, data.
  std::vector<MatrixOutcome> outcomes;  ///< The first is what the RFCs say or recommend.
  unsigned line = 0;

  [[nodiscard]] bool fits(const MatrixCell& cell) const;
};

class MatrixTable {
 public:
  /// Lines that are no rules are in `problems()`.
  explicit MatrixTable(const std::string& text);
  [[nodiscard]] static MatrixTable read(const std::string& path);

  /// Null if no rule fits.
  [[nodiscard]] const MatrixRule* find(const MatrixCell& cell) const;
  [[nodiscard]] const std::vector<MatrixRule>& rules() const { return rules_; }
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<MatrixRule> rules_;
  std::vector<std::string> problems_;
};

}  // namespace millrace::test
