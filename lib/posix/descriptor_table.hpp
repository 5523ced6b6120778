// DescriptorTable: which number names which file of ours. The numbers are the kernel's: each was
// reserved once, by a duplicate of an event descriptor, so that no file of the kernel's can have
// it, and goes from hand to hand without another system call.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace::posix {

class File;

class DescriptorTable {
 public:
  /// Memory for as many numbers as the process may have now.
  DescriptorTable();
  DescriptorTable(const DescriptorTable&) = delete;
  DescriptorTable& operator=(const DescriptorTable&) = delete;
  /// Gives the numbers back to the kernel.
  ~DescriptorTable();

  /// Names `file`. A number, or -EMFILE, -ENFILE.
  [[nodiscard]] int add(File& file);
  /// The number is free for the next.
  void remove(int number) noexcept;

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

  int anchor_;  // What is duplicated.
  std::vector<Entry> entries_;
  std::vector<int> free_;  // Reserved, and naming nothing.
};

}  // namespace millrace::posix
