// The options of a script's packet: words joined by commas, as "mss:1460,nop,wscale:7,sackok",
// "ts" (whatever its values), "fo:0123" (a Fast Open cookie), "foexp:0123" (the same as the drafts
// of RFC 7413 had it).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

/// Filled up with ends of the list. Throws std::runtime_error for words that it does not know.
[[nodiscard]] std::vector<std::uint8_t> option_bytes(const std::string& words);
/// Of what stands on the wire.
[[nodiscard]] std::string option_words(std::span<const std::uint8_t> bytes);

}  // namespace millrace::test
