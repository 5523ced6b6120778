// What is known is told soon; what is not, c-ares asks for. Its time is the kernel's, ours the
// worker's: a timer of ours only wakes it.
#include <millrace/resolver.hpp>

#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "base/contract.hpp"
#include "socket/resolver_core.hpp"

namespace millrace {

namespace socket {

namespace {

constexpr std::size_t kNameMax = 253;

/// A process has one library of c-ares; it is never shut down.
bool start_library() {
  static const bool is_started = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return is_started;
}

Error error_of(int status) noexcept {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA: return Error::NameNotFound;
    case ARES_ETIMEOUT: return Error::TimedOut;
    case ARES_ECONNREFUSED: return Error::NetworkUnreachable;
    case ARES_EBADNAME:
    case ARES_EBADSTR: return Error::InvalidArgument;
    default: return Error::NameServerFailed;
  }
}

Result<void, std::string> check(const ResolverOptions& options) {
  using namespace std::chrono_literals;
  if (options.timeout < 1ms || options.timeout > 1min) {
    return fail(std::string{"timeout: give 1 ms to 1 minute"});
  }
  if (options.tries < 1 || options.tries > 16) {
    return fail(std::string{"tries: give 1 to 16"});
  }
  if (options.queries_max < 1 || options.queries_max > 4'096) {
    return fail(std::string{"queries_max: give 1 to 4096"});
  }
  if (options.cache_entries > 1U << 20U) {
    return fail(std::string{"cache_entries: give 0 to 1048576"});
  }
  for (const Endpoint& server : options.servers) {
    if (!server.address.is_v4() || server.address.is_unspecified() ||
        server.port.is_unspecified()) {
      return fail("server " + server.to_string() + ": an IPv4 address and a port are needed");
    }
  }
  return {};
}

}  // namespace

ResolverCore::ResolverCore(Worker& worker, const ResolverOptions& options, HostsFile hosts)
    : worker_{worker},
      queries_max_{options.queries_max},
      hosts_{std::move(hosts)},
      cache_{options.cache_entries},
      wires_{worker, [this](ares_socket_t readable, ares_socket_t writable) {
               process(readable, writable);
             }} {}

ResolverCore::~ResolverCore() {
  is_closing_ = true;
  static_cast<void>(timer_.cancel());
  if (channel_ != nullptr) {
    ares_destroy(channel_);
  }
}

Result<void, std::string> ResolverCore::open(const ResolverOptions& options) {
  ares_options wanted{};
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
             ARES_OPT_RESOLVCONF | ARES_OPT_NOROTATE;
  std::string lookups = "b";  // The hosts file is ours to read, once.
  std::string resolv_conf = options.resolv_conf;
  std::vector<std::string> search = options.search;
  std::vector<char*> domains;
  for (std::string& domain : search) {
    domains.push_back(domain.data());
  }
  wanted.flags = ARES_FLAG_NOALIASES;
  wanted.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count());
  wanted.tries = static_cast<int>(options.tries);
  wanted.lookups = lookups.data();
  wanted.resolvconf_path = resolv_conf.data();
  if (!domains.empty()) {
    wanted.domains = domains.data();
    wanted.ndomains = static_cast<int>(domains.size());
    mask |= ARES_OPT_DOMAINS;
  }
  if (!start_library() || ares_init_options(&channel_, &wanted, mask) != ARES_SUCCESS) {
    channel_ = nullptr;
    return fail("cannot read " + options.resolv_conf);
  }
  std::vector<ares_addr_port_node> servers(options.servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const Endpoint& server = options.servers[i];
    servers[i].next = i + 1 < servers.size() ? &servers[i + 1] : nullptr;
    servers[i].family = AF_INET;
    servers[i].addr.addr4.s_addr = std::bit_cast<in_addr_t>(server.address.v4_bytes());
    servers[i].udp_port = server.port.number();
    servers[i].tcp_port = server.port.number();
  }
  if (!servers.empty() && ares_set_servers_ports(channel_, servers.data()) != ARES_SUCCESS) {
    return fail(std::string{"the name servers cannot be set"});
  }
  ares_set_socket_functions(channel_, &ResolverWires::functions(), &wires_);
  return {};
}

Result<void> ResolverCore::resolve(std::string_view name, Resolver::OnResolved done) {
  if (name.empty() || name.size() > kNameMax) {
    return fail(Error::InvalidArgument);
  }
  if (queries_.size() >= queries_max_) {
    return fail(Error::WouldBlock);
  }
  // Taken first, so that what is begun can be told.
  const auto timer = worker_.after(Duration::zero(), [this] { on_timer(); });
  if (!timer) {
    return fail(timer.error());
  }
  static_cast<void>(timer_.cancel());
  timer_ = *timer;
  Query& query = queries_.emplace_back(*this, canonical_name(name), std::move(done), known(name));
  query.place = std::prev(queries_.end());
  if (!query.answer) {
    // Addresses are not sorted by whether they can be reached: that would ask the kernel.
    const ares_addrinfo_hints hints{.ai_flags = ARES_AI_NOSORT,
                                    .ai_family = AF_INET,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = 0};
    ares_getaddrinfo(channel_, std::string{name}.c_str(), nullptr, &hints, &on_answer, &query);
  }
  return {};
}

std::optional<ResolverCore::Answer> ResolverCore::known(std::string_view name) const {
  if (const auto address = IpAddress::parse(name); address && address->is_v4()) {
    return std::vector{*address};
  }
  if (const auto* const listed = hosts_.find(name)) {
    return *listed;
  }
  if (const auto* const remembered = cache_.find(worker_.now(), canonical_name(name))) {
    return *remembered;
  }
  return std::nullopt;
}

void ResolverCore::on_answer(void* query, int status, int /*timeouts*/, ares_addrinfo* info) {
  Query& asked = *static_cast<Query*>(query);
  if (!asked.core.is_closing_) {
    asked.core.note_answer(asked, status, info);
  }
  if (info != nullptr) {
    ares_freeaddrinfo(info);
  }
}

void ResolverCore::note_answer(Query& query, int status, const ares_addrinfo* info) {
  std::vector<IpAddress> addresses;
  std::int64_t ttl = std::numeric_limits<std::int32_t>::max();
  const ares_addrinfo_node* node =
      status == ARES_SUCCESS && info != nullptr ? info->nodes : nullptr;
  for (; node != nullptr; node = node->ai_next) {
    if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(sockaddr_in)) {
      const auto& internet =
          *static_cast<const sockaddr_in*>(static_cast<const void*>(node->ai_addr));
      addresses.push_back(
          IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(internet.sin_addr.s_addr)));
      ttl = std::min<std::int64_t>(ttl, std::max(node->ai_ttl, 0));
    }
  }
  if (addresses.empty()) {
    query.answer = fail(status == ARES_SUCCESS ? Error::NameNotFound : error_of(status));
    return;
  }
  const Instant now = worker_.now();
  cache_.learn(now, query.name, addresses, now + std::chrono::seconds{ttl});
  query.answer = std::move(addresses);
}

void ResolverCore::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  set_timer();
}

void ResolverCore::on_timer() {
  timer_ = {};
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  set_timer();
  tell();
}

void ResolverCore::set_timer() {
  static_cast<void>(timer_.cancel());
  const bool has_answers =
      std::ranges::any_of(queries_, [](const Query& query) { return query.answer.has_value(); });
  timeval wait{};
  if (has_answers || ares_timeout(channel_, nullptr, &wait) != nullptr) {
    // c-ares rounds down, and finds nothing due when it is asked too early.
    const Duration delay = has_answers ? Duration::zero()
                                       : std::chrono::seconds{wait.tv_sec} +
                                             std::chrono::microseconds{wait.tv_usec} +
                                             std::chrono::milliseconds{1};
    timer_ = worker_.after(delay, [this] { on_timer(); }).value_or(Timer{});
  }
}

// `done` may destroy the resolver, and resolve further names.
void ResolverCore::tell() {
  std::vector<std::pair<Resolver::OnResolved, Answer>> told;
  for (auto query = queries_.begin(); query != queries_.end();) {
    if (query->answer) {
      told.emplace_back(std::move(query->done), *std::move(query->answer));
      query = queries_.erase(query);
    } else {
      ++query;
    }
  }
  for (auto& [done, answer] : told) {
    done(answer);
  }
}

}  // namespace socket

Result<Resolver, std::string> Resolver::create(Worker& worker, const ResolverOptions& options) {
  if (const auto sound = socket::check(options); !sound) {
    return fail(sound.error());
  }
  auto hosts = socket::HostsFile::read(options.hosts_file);
  if (!hosts) {
    return fail(hosts.error());
  }
  auto core = std::make_unique<socket::ResolverCore>(worker, options, *std::move(hosts));
  if (const auto opened = core->open(options); !opened) {
    return fail(opened.error());
  }
  return Resolver{std::move(core)};
}

Resolver::Resolver(std::unique_ptr<socket::ResolverCore> core) noexcept : core_{std::move(core)} {}
Resolver::Resolver(Resolver&& other) noexcept = default;
Resolver& Resolver::operator=(Resolver&& other) noexcept = default;
Resolver::~Resolver() = default;

Result<void> Resolver::resolve(std::string_view name, OnResolved done) {
  return core_->resolve(name, std::move(done));
}

std::size_t Resolver::pending() const noexcept { return core_->pending(); }

std::size_t Resolver::cached() const noexcept { return core_->cached(); }

}  // namespace millrace
