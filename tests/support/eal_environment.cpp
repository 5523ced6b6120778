// Starts the EAL for tests and names their pools.
#include "support/eal_environment.hpp"

#include <sched.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <rte_eal.h>
#include <rte_errno.h>

namespace millrace::test {

namespace {

[[noreturn]] void give_up(const std::string& reason) {
  std::fprintf(stderr, "test environment: %s\n", reason.c_str());
  std::abort();
}

/// The first processor this process may run on. Containers do not always include number 0.
int first_allowed_processor(const cpu_set_t& allowed) {
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(static_cast<std::size_t>(processor), &allowed)) {
      return processor;
    }
  }
  return 0;
}

/// The EAL from construction to the end of the process. Pools made after it are gone before it.
class Eal {
 public:
  Eal() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof(allowed), &allowed);
    const std::string lcores = "--lcores=0@" + std::to_string(first_allowed_processor(allowed));
    std::array<std::string, 9> arguments{"test",     lcores,        "--no-huge",
                                         "--no-pci", "--no-shconf", "--no-telemetry",
                                         "-m",       "256",         "--log-level=1"};
    std::array<char*, 10> argv{};
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      argv[i] = arguments[i].data();
    }
    if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
      give_up(std::string{"the EAL does not start: "} + rte_strerror(rte_errno));
    }
    // The EAL pins its caller, which would put all tests that run side by side on one processor.
    sched_setaffinity(0, sizeof(allowed), &allowed);
  }
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal() { rte_eal_cleanup(); }
};

/// Mempools must not share a name within a process.
std::string next_pool_name() {
  static unsigned made = 0;
  return "test" + std::to_string(made++);
}

}  // namespace

void start_eal() { static const Eal eal; }

packet::PacketPool make_pool(std::uint32_t count, std::uint16_t data_room_bytes) {
  start_eal();
  auto pool = packet::PacketPool::create(next_pool_name(), count, data_room_bytes, 0);
  if (!pool) {
    give_up(pool.error());
  }
  return std::move(*pool);
}

packet::CorePools make_core_pools(const packet::PoolSizes& sizes) {
  start_eal();
  auto pools = packet::CorePools::create(next_pool_name(), sizes, 0);
  if (!pools) {
    give_up(pools.error());
  }
  return std::move(*pools);
}

}  // namespace millrace::test
