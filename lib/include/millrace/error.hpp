// What can go wrong, as values. Nothing in Millrace throws.
#pragma once

#include <version>

#ifndef __cpp_lib_expected
#error "Millrace's headers are C++23: compile with --std=c++23, by gcc 12 or later"
#endif

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace millrace {

/// Every way in which a call of the public interface, or a connection, can fail. Beside the errors
/// that a call names, any call on a handle may answer StaleHandle, and any call at all WrongCore.
enum class Error : std::uint8_t {
  InvalidArgument,  ///< A value is outside what the call takes; nothing was changed.
  InvalidState,     ///< The call does not fit the state the object is in (sending after `shutdown`,
                    ///< say).
  StaleHandle,      ///< The object this handle named is gone.
  WrongCore,        ///< The call was made on a thread that does not own the object.
  WouldBlock,       ///< Nothing to read, or no room to write, for now. An event follows when that
                    ///< changes.
  EndOfStream,      ///< The peer has sent FIN and everything before it has been read.
  AddressInUse,     ///< A listener holds that address and port, or no source port is free.
  AddressNotAvailable,  ///< The local address asked for is not one of ours.
  NetworkUnreachable,   ///< No route leads to the destination.
  HostUnreachable,      ///< The next hop did not answer address resolution, or a router said so.
  ConnectionRefused,    ///< The peer answered the SYN with a reset.
  ConnectionReset,      ///< The peer aborted the connection.
  ConnectionAborted,    ///< This side aborted the connection (`abort`, linger, shut-down, broken
                        ///< invariant).
  TimedOut,             ///< The peer did not answer within the configured time.
  OutOfConnections,     ///< `Config::max_connections` are in use.
  OutOfPackets,         ///< The packet pool, or the share of it that queues may hold, is in use.
  OutOfTimers,          ///< `Config::max_timers` are in use.
  OutOfListeners,       ///< `Config::max_listeners` are in use.
  Unsupported,          ///< This build or this device cannot do that.
  OutOfSockets,         ///< `Config::max_udp_sockets` are in use.
  MessageTooLong,    ///< A datagram larger than IP can carry, or than its path takes in one piece.
  NotPermitted,      ///< The socket was not opened for that (sending to a broadcast address, say).
  NameNotFound,      ///< No name server knows an address of that name.
  NameServerFailed,  ///< The name servers cannot, or will not, answer.
  NameHasNoAddress,  ///< The name exists, without an IPv4 address.
  NoNameServer,      ///< No name server is known, or none of them is there.
};

/// A short lower-case sentence fragment in English, such as "connection refused". Never empty;
/// static storage.
[[nodiscard]] std::string_view to_string(Error error) noexcept;

/// A value or the reason why there is none. The one place that names `std::expected`.
///
///     millrace::Result<millrace::Port> lower(millrace::Port port) {
///       if (port.is_unspecified()) {
///         return millrace::fail(millrace::Error::InvalidArgument);
///       }
///       return millrace::Port{static_cast<std::uint16_t>(port.number() - 1)};
///     }
template <class T, class E = Error>
using Result = std::expected<T, E>;

/// Makes a failed `Result`: `return fail(Error::WouldBlock);`
template <class E>
[[nodiscard]] constexpr std::unexpected<E> fail(E error) noexcept {
  return std::unexpected<E>{error};
}

/// Makes a failed `Result<T, std::string>`, for people to read, that says what failed and why:
/// "port 80: address in use".
///
///     millrace::Result<void, std::string> answer(millrace::Result<millrace::Port> port) {
///       if (!port) {
///         return millrace::fail("which port", port.error());
///       }
///       return {};
///     }
[[nodiscard]] inline std::unexpected<std::string> fail(std::string_view what, Error why) {
  return std::unexpected<std::string>{std::string{what}.append(": ").append(to_string(why))};
}

}  // namespace millrace

#pragma GCC visibility pop
