// Ledger: what became of all conversations of one end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pressure {

struct Ledger {
  std::uint64_t opened = 0;    ///< Conversations begun by this end.
  std::uint64_t accepted = 0;  ///< And by the other.
  std::uint64_t complete = 0;  ///< Both streams arrived whole, and both ends were orderly.
  std::uint64_t cut = 0;       ///< Ended early, as planned.
  std::uint64_t given_up = 0;  ///< The other end was to cut it short, and its reset was lost.
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::vector<std::string> violations;  ///< What must not have happened; the first ones.

  void violate(std::uint64_t conversation, const std::string& what);
  /// One line of JSON.
  [[nodiscard]] std::string to_json() const;
  /// Writes the line to standard output; 0 if nothing was violated and something was done.
  [[nodiscard]] int finish() const;
};

}  // namespace pressure
