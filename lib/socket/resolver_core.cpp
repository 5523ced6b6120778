// What is known is told soon; what is not, c-ares asks for. It goes by the machine's clock, and a
// timer of the worker wakes it; how long a name may take in all goes by the worker's clock.
#include "socket/resolver_core.hpp"

#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "base/deadline.hpp"
#include "socket/name_denial.hpp"

namespace millrace::socket {

namespace {

constexpr std::size_t kNameMax = 253;
constexpr Duration kTimeout = std::chrono::seconds{2};
constexpr std::uint32_t kTries = 3;
// Names that servers are asked for at once: a link whose neighbor is still asked for holds as many
// datagrams (net::NeighborTable), and one that is lost costs a timeout. The others wait for these,
// or until that is over: names that nobody answers for must not keep others from being asked.
constexpr std::ptrdiff_t kAskedAtOnce = 96;
// RFC 8767 §4 asks for a bound and leaves room for a smaller one than its week.
constexpr std::chrono::seconds kTtlMax = std::chrono::days{1};
// RFC 2308 §5 has one to three hours work well.
constexpr std::chrono::seconds kDenialMax = std::chrono::hours{3};

/// A process has one library of c-ares; it is never shut down.
bool start_library() {
  static const bool is_started = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return is_started;
}

Result<void, std::string> check_server(const Endpoint& server) {
  if (!server.address.is_v4() || server.address.is_unspecified() || server.port.is_unspecified()) {
    return fail("server " + server.to_string() + ": an IPv4 address and a port are needed");
  }
  if (server.address.is_loopback()) {
    return fail("server " + server.to_string() +
                " is a loopback address, where only the kernel is");
  }
  return {};
}

Result<void, std::string> check(const ResolverOptions& options) {
  using namespace std::chrono_literals;
  if (options.timeout && (*options.timeout < 1ms || *options.timeout > 1min)) {
    return fail(std::string{"timeout: give 1 ms to 1 minute"});
  }
  if (options.tries && (*options.tries < 1 || *options.tries > 16)) {
    return fail(std::string{"tries: give 1 to 16"});
  }
  if (options.limit < 1ms || options.limit > 1h) {
    return fail(std::string{"limit: give 1 ms to 1 hour"});
  }
  if (options.queries_max < 1 || options.queries_max > 4'096) {
    return fail(std::string{"queries_max: give 1 to 4096"});
  }
  if (options.cache_entries > 1U << 20U) {
    return fail(std::string{"cache_entries: give 0 to 1048576"});
  }
  for (const Endpoint& server : options.servers) {
    if (const auto sound = check_server(server); !sound) {
      return sound;
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ResolverCore>, std::string> ResolverCore::create(
    Worker& worker, const ResolverOptions& options) {
  if (const auto sound = check(options); !sound) {
    return fail(sound.error());
  }
  auto hosts = HostsFile::read(options.hosts_file);
  if (!hosts) {
    return fail(hosts.error());
  }
  const auto conf = ResolvConf::read(options.resolv_conf);
  if (!conf) {
    return fail(conf.error());
  }
  auto core = std::unique_ptr<ResolverCore>{new ResolverCore{worker, options, *std::move(hosts)}};
  if (const auto opened = core->open(options, *conf); !opened) {
    return fail(opened.error());
  }
  return core;
}

ResolverCore::ResolverCore(Worker& worker, const ResolverOptions& options, HostsFile hosts)
    : worker_{worker},
      queries_max_{options.queries_max},
      limit_{options.limit},
      hosts_{std::move(hosts)},
      cache_{options.cache_entries},
      wires_{
          worker,
          [this](ares_socket_t readable, ares_socket_t writable) { process(readable, writable); },
          [this](std::span<const std::byte> message) { note_reply(message); }} {}

ResolverCore::~ResolverCore() {
  is_closing_ = true;
  if (is_alive_ != nullptr) {
    *is_alive_ = false;
  }
  static_cast<void>(timer_.cancel());
  if (channel_ != nullptr) {
    ares_destroy(channel_);
  }
}

Result<void, std::string> ResolverCore::open(const ResolverOptions& options,
                                             const ResolvConf& conf) {
  ares_options wanted{};
  // The files are ours to read, once: none is left to c-ares.
  std::string lookups = "b";
  std::string no_file = "/dev/null";
  search_ = options.search.empty() ? conf.search : options.search;
  std::vector<char*> domains;
  for (std::string& domain : search_) {
    domains.push_back(domain.data());
  }
  timeout_ = options.timeout.value_or(conf.timeout.value_or(kTimeout));
  wanted.flags = ARES_FLAG_NOALIASES;
  wanted.timeout =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count());
  wanted.tries = static_cast<int>(options.tries.value_or(conf.attempts.value_or(kTries)));
  wanted.ndots = static_cast<int>(conf.ndots);
  wanted.lookups = lookups.data();
  wanted.resolvconf_path = no_file.data();
  wanted.domains = domains.data();
  wanted.ndomains = static_cast<int>(domains.size());
  wanted.sock_state_cb = &on_wish;
  wanted.sock_state_cb_data = this;
  constexpr int kMask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                        ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_DOMAINS |
                        ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB;
  if (!start_library() || ares_init_options(&channel_, &wanted, kMask) != ARES_SUCCESS) {
    channel_ = nullptr;
    return fail(std::string{"c-ares does not start"});
  }
  std::vector<Endpoint> servers = options.servers;
  if (servers.empty()) {
    servers.assign(worker_.name_servers().begin(), worker_.name_servers().end());
  }
  if (servers.empty()) {
    servers = conf.servers;
  }
  if (!set_servers(servers)) {
    return fail(std::string{"the name servers cannot be set"});
  }
  ares_set_socket_functions(channel_, &ResolverWires::functions(), &wires_);
  return {};
}

bool ResolverCore::set_servers(const std::vector<Endpoint>& servers) {
  has_servers_ = !servers.empty();
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    nodes[i].family = AF_INET;
    nodes[i].addr.addr4.s_addr = std::bit_cast<in_addr_t>(servers[i].address.v4_bytes());
    nodes[i].udp_port = servers[i].port.number();
    nodes[i].tcp_port = servers[i].port.number();
  }
  return !has_servers_ || ares_set_servers_ports(channel_, nodes.data()) == ARES_SUCCESS;
}

std::optional<ResolverCore::Answer> ResolverCore::known(std::string_view name) const {
  if (const auto address = IpAddress::parse(name); address && address->is_v4()) {
    return NameAnswer{.addresses = {*address}, .canonical = std::string{name}};
  }
  if (const auto* const listed = hosts_.find(name)) {
    return *listed;
  }
  // A dot at the end keeps search domains out, so such a name is another one.
  if (const auto* const remembered = cache_.find(worker_.now(), in_small_letters(name))) {
    return *remembered;
  }
  return std::nullopt;
}

Result<ResolverCore::Ticket> ResolverCore::resolve(std::string_view name, OnAnswer done) {
  if (name.empty() || name.size() > kNameMax || name.contains('\0')) {
    return fail(Error::InvalidArgument);
  }
  // Told or forgotten before c-ares was done with them.
  std::erase_if(queries_, [](const Query& query) { return !query.done && !query.is_at_ares; });
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
  Query& query = queries_.emplace_back(
      *this, ++last_ticket_, std::string{name}, in_small_letters(name), std::move(done),
      base::later(worker_.now(), limit_), wires_.replies(), known(name));
  const Ticket ticket = query.ticket;
  if (!query.answer && !has_servers_) {
    query.answer = fail(Error::NoNameServer);
  }
  ask_waiting();
  return ticket;
}

void ResolverCore::ask(Query& query) {
  // Addresses are not sorted by whether they can be reached: that would ask the kernel.
  const ares_addrinfo_hints hints{.ai_flags = ARES_AI_NOSORT | ARES_AI_CANONNAME,
                                  .ai_family = AF_INET,
                                  .ai_socktype = SOCK_STREAM,
                                  .ai_protocol = 0};
  query.was_asked = query.is_at_ares = true;
  query.replies_before = wires_.replies();
  query.late_from = base::later(worker_.now(), timeout_);
  ares_getaddrinfo(channel_, query.name.c_str(), nullptr, &hints, &on_answer, &query);
}

void ResolverCore::ask_waiting() {
  auto fresh = std::ranges::count_if(queries_, [now = worker_.now()](const Query& query) {
    return query.is_at_ares && now < query.late_from;
  });
  for (Query& query : queries_) {
    if (fresh >= kAskedAtOnce) {
      return;
    }
    if (!query.was_asked && !query.answer && query.done) {
      ask(query);
      // One that is answered at once makes room for the next.
      fresh += query.is_at_ares ? 1 : 0;
    }
  }
}

void ResolverCore::forget(Ticket ticket) {
  const auto query = std::ranges::find(queries_, ticket, &Query::ticket);
  if (query == queries_.end()) {
    return;
  }
  query->done = {};
  if (!query->is_at_ares) {
    queries_.erase(query);
  }
}

std::size_t ResolverCore::pending() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      queries_, [](const Query& query) { return static_cast<bool>(query.done); }));
}

void ResolverCore::on_answer(void* query, int status, int /*timeouts*/, ares_addrinfo* info) {
  Query& asked = *static_cast<Query*>(query);
  if (!asked.core.is_closing_) {
    asked.is_at_ares = false;
    asked.core.note_answer(asked, status, info);
  }
  if (info != nullptr) {
    ares_freeaddrinfo(info);
  }
}

void ResolverCore::note_answer(Query& query, int status, const ares_addrinfo* info) {
  NameAnswer found{.addresses = {}, .canonical = query.key};
  std::int64_t ttl = kTtlMax.count();
  const bool is_found = status == ARES_SUCCESS && info != nullptr;
  for (const auto* node = is_found ? info->nodes : nullptr; node != nullptr; node = node->ai_next) {
    if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(sockaddr_in)) {
      const auto& internet =
          *static_cast<const sockaddr_in*>(static_cast<const void*>(node->ai_addr));
      found.addresses.push_back(
          IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(internet.sin_addr.s_addr)));
      ttl = std::min<std::int64_t>(ttl, std::max(node->ai_ttl, 0));
    }
  }
  if (found.addresses.empty()) {
    const Error error = is_found ? Error::NameHasNoAddress : error_of(query, status);
    query.answer = fail(error);
    remember_failure(query, error);
    return;
  }
  if (info->name != nullptr) {
    found.canonical = info->name;  // What was asked for in the end, search domain included.
  }
  for (const auto* alias = info->cnames; alias != nullptr; alias = alias->next) {
    found.canonical = alias->name;
    ttl = std::min<std::int64_t>(ttl, std::max(alias->ttl, 0));
  }
  const Instant now = worker_.now();
  cache_.learn(now, query.key, found, now + std::chrono::seconds{ttl});
  query.answer = std::move(found);
}

void ResolverCore::note_reply(std::span<const std::byte> message) {
  if (const auto denial = read_denial(message)) {
    const Instant now = worker_.now();
    cache_.learn(now, denial->name, fail(denial->error),
                 now + std::min<std::chrono::seconds>(denial->lifetime, kDenialMax));
  }
}

/// Where servers have denied all that the name can stand for, for as long as all of that holds.
void ResolverCore::remember_failure(const Query& query, Error error) {
  const bool is_denied = error == Error::NameNotFound || error == Error::NameHasNoAddress;
  if (!is_denied || query.key.ends_with('.')) {
    return;  // What stands for itself is known by that name already.
  }
  const Instant now = worker_.now();
  std::vector<std::string> tried{query.key + '.'};
  for (const std::string& domain : search_) {
    tried.push_back(
        in_small_letters(query.key + '.' + domain + (domain.ends_with('.') ? "" : ".")));
  }
  Instant expires = Instant::max();
  for (const std::string& name : tried) {
    const Instant* const holds_until = cache_.expiry_of(now, name);
    const NameCache::Known* const known = cache_.find(now, name);
    if (holds_until == nullptr || known->has_value()) {
      return;
    }
    expires = std::min(expires, *holds_until);
  }
  cache_.learn(now, query.key, fail(error), expires);
}

Error ResolverCore::error_of(const Query& query, int status) const noexcept {
  switch (status) {
    case ARES_ENOTFOUND: return Error::NameNotFound;
    case ARES_ENODATA: return Error::NameHasNoAddress;
    case ARES_ETIMEOUT: return Error::TimedOut;
    case ARES_EBADNAME:
    case ARES_EBADSTR: return Error::InvalidArgument;
    case ARES_ECONNREFUSED:
      // Also what c-ares says when the last server answered that it has trouble.
      return wires_.replies() == query.replies_before ? Error::NoNameServer
                                                      : Error::NameServerFailed;
    default: return Error::NameServerFailed;
  }
}

void ResolverCore::on_wish(void* self, ares_socket_t descriptor, int /*reads*/, int writes) {
  static_cast<ResolverCore*>(self)->wires_.note_wish(descriptor, writes != 0);
}

// Inside of a handler, whose owner c-ares may destroy, but not this.
void ResolverCore::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  ask_waiting();
  static_cast<void>(set_timer());
}

void ResolverCore::on_timer() {
  timer_ = {};
  wires_.write_what_waits();
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  give_up_late(worker_.now(), Error::TimedOut);
  ask_waiting();
  if (!set_timer()) {
    give_up_late(Instant::max(), Error::OutOfTimers);
  }
  tell();
}

/// False when one is needed and there is none: inside of a timer of ours, whose place others took.
bool ResolverCore::set_timer() {
  static_cast<void>(timer_.cancel());
  timer_ = {};
  const auto delay = next_delay();
  if (!delay) {
    return true;
  }
  const auto timer = worker_.after(*delay, [this] { on_timer(); });
  timer_ = timer.value_or(Timer{});
  return timer.has_value();
}

std::optional<Duration> ResolverCore::next_delay() const {
  const auto waits = [](const Query& query) { return query.done && !query.answer; };
  const auto is_due = [](const Query& query) { return query.done && query.answer; };
  if (std::ranges::any_of(queries_, is_due) || wires_.has_something_to_write()) {
    return Duration::zero();
  }
  std::optional<Duration> delay;
  if (timeval wait{}; ares_timeout(channel_, nullptr, &wait) != nullptr) {
    // c-ares rounds down, and finds nothing due when it is asked too early.
    delay = std::chrono::seconds{wait.tv_sec} + std::chrono::microseconds{wait.tv_usec} +
            std::chrono::milliseconds{1};
  }
  if (const auto first = std::ranges::find_if(queries_, waits); first != queries_.end()) {
    const Duration left = first->deadline - worker_.now();
    delay = std::min(delay.value_or(left), left);
  }
  const Instant now = worker_.now();
  const bool has_unasked = std::ranges::any_of(
      queries_, [&](const Query& query) { return waits(query) && !query.was_asked; });
  for (const Query& query : queries_) {
    if (has_unasked && query.is_at_ares && now < query.late_from) {
      delay = std::min(delay.value_or(limit_), Duration{query.late_from - now});
    }
  }
  return delay;
}

// c-ares cannot be told to leave one name alone; its answer, if it comes, is still remembered.
void ResolverCore::give_up_late(Instant limit, Error why) {
  for (Query& query : queries_) {
    if (!query.answer && query.deadline <= limit) {
      query.answer = fail(why);
    }
  }
}

// Each is looked for anew, as `done` may destroy the resolver, forget what others wait for, and
// resolve further names, whose turn comes with the timer.
void ResolverCore::tell() {
  const Ticket last = last_ticket_;
  const auto is_due = [last](const Query& query) {
    return query.ticket <= last && query.answer && query.done;
  };
  bool is_alive = true;
  is_alive_ = &is_alive;
  for (auto query = std::ranges::find_if(queries_, is_due); query != queries_.end();
       query = std::ranges::find_if(queries_, is_due)) {
    OnAnswer done = std::exchange(query->done, {});
    const Answer answer = *query->answer;
    if (!query->is_at_ares) {
      queries_.erase(query);
    }
    done(answer);
    if (!is_alive) {
      return;
    }
  }
  is_alive_ = nullptr;
  std::erase_if(queries_, [](const Query& query) { return !query.done && !query.is_at_ares; });
}

}  // namespace millrace::socket
