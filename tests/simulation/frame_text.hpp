// One line of text for a frame, for people who follow a run.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace millrace::test {

[[nodiscard]] std::string to_text(std::span<const std::byte> frame);

}  // namespace millrace::test
