// The bytes that connections carry: a sequence without end for each seed, of which any piece can be
// written or checked alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace swarm {

/// Writes the bytes from `offset` on of the stream that `seed` names.
void write_stream(std::uint64_t seed, std::uint64_t offset, std::span<std::byte> into) noexcept;

/// The position of the first byte of `bytes` that is not what the stream has there; `bytes.size()`
/// if all are.
[[nodiscard]] std::size_t first_wrong(std::uint64_t seed, std::uint64_t offset,
                                      std::span<const std::byte> bytes) noexcept;

}  // namespace swarm
