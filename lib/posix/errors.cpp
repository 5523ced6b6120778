#include "posix/errors.hpp"

#include <cerrno>

namespace millrace::posix {

int errno_of(Error error) noexcept {
  switch (error) {
    case Error::InvalidArgument: return EINVAL;
    case Error::InvalidState: return EINVAL;
    case Error::StaleHandle: return ENOTCONN;
    case Error::WrongCore: return EPERM;
    case Error::WouldBlock: return EAGAIN;
    case Error::EndOfStream: return ENOTCONN;
    case Error::AddressInUse: return EADDRINUSE;
    case Error::AddressNotAvailable: return EADDRNOTAVAIL;
    case Error::NetworkUnreachable: return ENETUNREACH;
    case Error::HostUnreachable: return EHOSTUNREACH;
    case Error::ConnectionRefused: return ECONNREFUSED;
    case Error::ConnectionReset: return ECONNRESET;
    case Error::ConnectionAborted: return ECONNABORTED;
    case Error::TimedOut: return ETIMEDOUT;
    case Error::OutOfConnections:
    case Error::OutOfPackets:
    case Error::OutOfTimers:
    case Error::OutOfListeners:
    case Error::OutOfSockets: return ENOBUFS;
    case Error::MessageTooLong: return EMSGSIZE;
    case Error::NotPermitted: return EACCES;
    case Error::Unsupported: return EOPNOTSUPP;
    // Of names, which getaddrinfo has numbers of its own for.
    case Error::NameNotFound:
    case Error::NameHasNoAddress: return ENOENT;
    case Error::NameServerFailed:
    case Error::NoNameServer: return EAGAIN;
  }
  return EINVAL;
}

}  // namespace millrace::posix
