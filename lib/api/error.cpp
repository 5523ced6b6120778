// What each Error is called.
#include <array>
#include <cstddef>
#include <millrace/error.hpp>
#include <utility>

namespace millrace {

namespace {

struct Name {
  Error error;
  std::string_view text;
};

constexpr std::array kNames{
    Name{Error::InvalidArgument, "invalid argument"},
    Name{Error::InvalidState, "not possible in this state"},
    Name{Error::StaleHandle, "no longer exists"},
    Name{Error::WrongCore, "called on the wrong core"},
    Name{Error::WouldBlock, "would block"},
    Name{Error::EndOfStream, "end of stream"},
    Name{Error::AddressInUse, "address in use"},
    Name{Error::AddressNotAvailable, "address not available"},
    Name{Error::NetworkUnreachable, "network unreachable"},
    Name{Error::HostUnreachable, "host unreachable"},
    Name{Error::ConnectionRefused, "connection refused"},
    Name{Error::ConnectionReset, "connection reset"},
    Name{Error::ConnectionAborted, "connection aborted"},
    Name{Error::TimedOut, "timed out"},
    Name{Error::OutOfConnections, "out of connections"},
    Name{Error::OutOfPackets, "out of packets"},
    Name{Error::OutOfTimers, "out of timers"},
    Name{Error::OutOfListeners, "out of listeners"},
    Name{Error::Unsupported, "unsupported"},
    Name{Error::OutOfSockets, "out of sockets"},
    Name{Error::MessageTooLong, "message too long"},
    Name{Error::NotPermitted, "not permitted"},
    Name{Error::NameNotFound, "name not found"},
    Name{Error::NameServerFailed, "name server failed"},
    Name{Error::NameHasNoAddress, "name has no address"},
    Name{Error::NoNameServer, "no name server"},
};

// Entry i must name the enumerator of value i.
consteval bool is_in_order() {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (std::to_underlying(kNames[i].error) != i || kNames[i].text.empty()) {
      return false;
    }
  }
  return kNames.size() == std::size_t{std::to_underlying(Error::NoNameServer)} + 1;
}
static_assert(is_in_order());

}  // namespace

std::string_view to_string(Error error) noexcept {
  const std::size_t index = std::to_underlying(error);
  return index < kNames.size() ? kNames[index].text : "unknown error";
}

}  // namespace millrace
