// DescriptorTable: which number names which file of ours. The numbers are the kernel's: each is
// reserved by a duplicate of an event descriptor, so that no file of the kernel's can have it. Some
// that are free are kept, and go from hand to hand without another system call; the others are the
// program's again.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace::posix {

class File;

class DescriptorTable {
 public:
  /// Free numbers that are kept, at most, and of the numbers that a process may have one in so
  /// many.
  static constexpr std::size_t kReserve = 1'024;
  static constexpr std::size_t kReserveShare = 16;

  /// Memory for as many numbers as the process may have now.
  DescriptorTable();
  DescriptorTable(const DescriptorTable&) = delete;
  DescriptorTable& operator=(const DescriptorTable&) = delete;
  /// Gives the numbers back to the kernel.
  ~DescriptorTable();

  /// Names `file`. A number, or -EMFILE, -ENFILE.
  [[nodiscard]] int add(File& file);
  /// The number is free, for the next or for the kernel.
  void remove(int number) noexcept;

  /// How many numbers the process may have, as it was at the start.
  [[nodiscard]] std::size_t limit() const noexcept { return entries_.size(); }
  /// Null: it names none of ours.
  [[nodiscard]] File* find(int number) const noexcept {
    const auto index = static_cast<std::size_t>(static_cast<unsigned>(number));
    return index < entries_.size() ? entries_[index].file : nullptr;
  }
  /// Whether the number is ours, named or free.
  [[nodiscard]] bool owns(int number) const noexcept {
    const auto index = static_cast<std::size_t>(static_cast<unsigned>(number));
    return index < entries_.size() && entries_[index].is_ours;
  }

 private:
  struct Entry {
    File* file = nullptr;
    bool is_ours = false;
  };
  static constexpr std::uint64_t kMost = 1U << 20U;

  [[nodiscard]] int reserve();
  [[nodiscard]] int duplicate() noexcept;

  int anchor_;  // What is duplicated.
  std::vector<Entry> entries_;
  std::vector<int> free_;  // Reserved, and naming nothing.
  std::size_t reserved_ = 0;
  // With more reserved than that, numbers are scarce: none is kept that is not in use.
  std::size_t most_at_ease_;
};

}  // namespace millrace::posix
