// What went wrong during a test, in sentences: the first few in full, the others by number.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace perf {

class Problems {
 public:
  static constexpr std::size_t kKept = 8;

  void add(std::string sentence) {
    ++count_;
    if (kept_.size() < kKept) {
      kept_.push_back(std::move(sentence));
    }
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// In the order of their coming; a last one says how many more there were.
  [[nodiscard]] std::vector<std::string> all() const {
    std::vector<std::string> made = kept_;
    if (count_ > kept_.size()) {
      made.push_back("and " + std::to_string(count_ - kept_.size()) + " more");
    }
    return made;
  }

 private:
  std::vector<std::string> kept_;
  std::size_t count_ = 0;
};

}  // namespace perf
