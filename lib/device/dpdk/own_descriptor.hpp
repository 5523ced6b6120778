// OwnDescriptor: a file descriptor, closed with its owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace millrace::device {

class OwnDescriptor {
 public:
  /// Holds none.
  OwnDescriptor() noexcept = default;
  /// Takes it over; a negative number is none.
  explicit OwnDescriptor(int number) noexcept : number_{number} {}
  OwnDescriptor(OwnDescriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  OwnDescriptor& operator=(OwnDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~OwnDescriptor() { close(); }

  void close() noexcept {
    if (number_ >= 0) {
      ::close(std::exchange(number_, -1));
    }
  }
  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

}  // namespace millrace::device
