// Sockets as lines in the columns of Linux's ss, as its summary, and as JSON.
#pragma once

#include <span>
#include <string>

#include "ss/options.hpp"
#include "ss/socket.hpp"

namespace ss {

[[nodiscard]] std::string table_of(std::span<const Socket> sockets, const Options& options);
[[nodiscard]] std::string summary_of(std::span<const Socket> sockets);
/// An array of objects: times in microseconds, sizes in bytes.
[[nodiscard]] std::string json_of(std::span<const Socket> sockets);
/// The summary as an object.
[[nodiscard]] std::string json_summary_of(std::span<const Socket> sockets);

}  // namespace ss
