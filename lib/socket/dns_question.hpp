// What an answer of a name server has to repeat of what it was asked: the number and the question
// itself. For telling answers from forgeries before anybody believes them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace millrace::socket {

/// Number, name in small letters, type and class (RFC 1035 §4.1), of a question or of its answer:
/// the same for both. Empty for what is no message of one question, or abbreviates its name.
[[nodiscard]] std::vector<std::byte> question_of(std::span<const std::byte> message);

}  // namespace millrace::socket
