// The public face of ResolverCore.
#include <millrace/resolver.hpp>

#include <utility>

#include "socket/resolver_core.hpp"

namespace millrace {

Result<Resolver, std::string> Resolver::create(Worker& worker, const ResolverOptions& options) {
  auto core = socket::ResolverCore::create(worker, options);
  if (!core) {
    return fail(std::move(core).error());
  }
  return Resolver{*std::move(core)};
}

Resolver::Resolver(std::unique_ptr<socket::ResolverCore> core) noexcept : core_{std::move(core)} {}
Resolver::Resolver(Resolver&& other) noexcept = default;
Resolver& Resolver::operator=(Resolver&& other) noexcept = default;
Resolver::~Resolver() = default;

Result<void> Resolver::resolve(std::string_view name, OnResolved done) {
  const auto begun = core_->resolve(
      name, [done = std::move(done)](const socket::ResolverCore::Answer& answer) mutable {
        done(answer ? Result<std::vector<IpAddress>>{answer->addresses} : fail(answer.error()));
      });
  return begun ? Result<void>{} : fail(begun.error());
}

std::size_t Resolver::pending() const noexcept { return core_->pending(); }

std::size_t Resolver::cached() const noexcept { return core_->cached(); }

}  // namespace millrace
