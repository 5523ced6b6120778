// Names to addresses: hosts file, then name servers over Millrace's own UDP and TCP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>
#include <millrace/worker.hpp>

#pragma GCC visibility push(default)

namespace millrace {

namespace socket {
class ResolverCore;
}

/// Where a resolver looks, and for how long. What is empty comes from the place beside it.
struct ResolverOptions {
  std::vector<Endpoint> servers{};    ///< Asked in this order. Empty: those of
                                      ///< `Worker::name_servers`, else those of `resolv_conf`.
  std::vector<std::string> search{};  ///< Domains tried behind short names. Empty: as `resolv_conf`
                                      ///< says.
  std::string resolv_conf = "/etc/resolv.conf";  ///< Read once, at the start: servers, search
                                                 ///< domains, options ndots, timeout, attempts.
                                                 ///< Empty: none. This default may be missing.
  std::string hosts_file = "/etc/hosts";  ///< Read once, at the start; what it has is never asked
                                          ///< for. Empty: none. This default may be missing.
  std::optional<Duration> timeout{};      ///< Of the first question to a server; later ones wait
                                          ///< longer. 1 ms to 1 minute. Empty: as `resolv_conf`
                                          ///< says, else 2 s.
  std::optional<std::uint32_t> tries{};   ///< Questions to each server. 1 to 16. Empty: as
                                          ///< `resolv_conf` says, else 3.
  Duration limit = std::chrono::seconds{30};  ///< Of a name in all, whatever is still to be tried.
                                              ///< 1 ms to 1 hour.
  std::uint32_t cache_entries = 1'024;  ///< Names that are remembered for as long as their servers
                                        ///< allow. 0: none. To 1 M.
  std::uint32_t queries_max = 256;      ///< Names that may be under way at once. 1 to 4096.
};

/// Finds the IPv4 addresses of names, on the core of its worker. It asks by UDP, and again by TCP
/// when an answer was too long for that. Unlike most of the library it allocates while it runs.
///
///     void greet(millrace::Resolver& resolver) {
///       auto begun = resolver.resolve("example.net", [](const auto& addresses) {
///         std::puts(addresses ? addresses->front().to_string().c_str() : "unknown");
///       });
///     }
class Resolver {
 public:
  /// Called once for each name: at least one address, in the order of the answer, or the reason why
  /// there is none: NameNotFound, NameHasNoAddress, NameServerFailed, NoNameServer, TimedOut,
  /// InvalidArgument (no name at all), OutOfTimers.
  using OnResolved = std::move_only_function<void(const Result<std::vector<IpAddress>>&)>;

  /// Reads the files. `worker` must outlive it. The error is a sentence: a value out of its range,
  /// a file that cannot be read.
  [[nodiscard]] static Result<Resolver, std::string> create(Worker& worker,
                                                            const ResolverOptions& options = {});
  /// `other` must not be used any more.
  Resolver(Resolver&& other) noexcept;
  /// Forgets what is under way, then takes over what `other` has.
  Resolver& operator=(Resolver&& other) noexcept;
  /// What is under way is forgotten, its functions destroyed uncalled.
  ~Resolver();

  /// Starts to look for `name`; an address in figures is taken as it is. `done` is called later,
  /// never inside this call. Errors: InvalidArgument (empty, or longer than 253 characters),
  /// WouldBlock (`ResolverOptions::queries_max` are under way), OutOfTimers, WrongCore.
  Result<void> resolve(std::string_view name, OnResolved done);

  /// Names that are under way.
  [[nodiscard]] std::size_t pending() const noexcept;
  /// Names that are remembered.
  [[nodiscard]] std::size_t cached() const noexcept;

 private:
  [[gnu::visibility("hidden")]] explicit Resolver(
      std::unique_ptr<socket::ResolverCore> core) noexcept;

  std::unique_ptr<socket::ResolverCore> core_;
};

}  // namespace millrace

#pragma GCC visibility pop
