// One frame there and back between two processes, by DPDK alone: what a wire costs before any
// stack. One end asks, the other sends back what comes; numbers tell that each frame is the right
// one.
//
//     millrace-ping-pong ask|echo SECONDS FRAME_BYTES EAL-ARGUMENTS...
//
// The port is the first one that the EAL's arguments make. `ask` prints one JSON document. `echo`
// goes on for so many seconds, until it is asked no more, or until SIGTERM.
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

#include "perf/histogram.hpp"
#include "perf/stopwatch.hpp"

namespace {

using perf::Ticks;

constexpr std::uint16_t kPort = 0;
constexpr std::uint16_t kBurst = 32;
constexpr std::uint16_t kDescriptors = 1'024;  // As Millrace's devices ask for.
constexpr unsigned kPackets = 8'192;
constexpr unsigned kPacketCache = 256;
constexpr std::size_t kHeaderBytes = 14;
constexpr std::size_t kFrameBytesMax = 1'514;
constexpr std::uint16_t kEtherType = 0x88b5;  // IEEE 802: for experiments within one's own walls.
constexpr double kWarmUpSeconds = 0.2;
// For one frame. An end that others keep from its processor must not end a session of an hour.
constexpr double kPatienceSeconds = 20;
constexpr double kLinkSeconds = 20;
// The last frame's number. Behind it the other end polls no more: memif's driver takes the memory
// away when a peer goes, from another thread.
constexpr std::uint64_t kGoodbye = ~std::uint64_t{0};

std::atomic<bool> is_stopping{false};

struct Options {
  bool asks = false;
  double seconds = 0;
  std::size_t frame_bytes = 0;
};

std::optional<Options> read_options(int argc, char** argv) {
  if (argc < 4) {
    return std::nullopt;
  }
  const std::string_view role = argv[1];
  Options options{.asks = role == "ask"};
  const auto read = [](std::string_view text, auto& value) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && stop == text.data() + text.size();
  };
  const bool is_right = (options.asks || role == "echo") && read(argv[2], options.seconds) &&
                        read(argv[3], options.frame_bytes) && options.seconds > 0 &&
                        options.frame_bytes >= kHeaderBytes + sizeof(std::uint64_t) &&
                        options.frame_bytes <= kFrameBytesMax;
  return is_right ? std::optional{options} : std::nullopt;
}

int failure(const char* what) {
  std::fprintf(stderr, "millrace-ping-pong: %s\n", what);
  return 1;
}

bool start_port(rte_mempool* pool) {
  const rte_eth_conf conf{};
  if (rte_eth_dev_configure(kPort, 1, 1, &conf) != 0) {
    return false;
  }
  const auto node = static_cast<unsigned>(rte_eth_dev_socket_id(kPort));
  return rte_eth_rx_queue_setup(kPort, 0, kDescriptors, node, nullptr, pool) == 0 &&
         rte_eth_tx_queue_setup(kPort, 0, kDescriptors, node, nullptr) == 0 &&
         rte_eth_dev_start(kPort) == 0;
}

bool wait_for_link(const perf::Stopwatch& clock) {
  const Ticks start = clock.now();
  rte_eth_link link{};
  while (!is_stopping && clock.seconds(clock.now() - start) < kLinkSeconds) {
    if (rte_eth_link_get_nowait(kPort, &link) == 0 && link.link_status == RTE_ETH_LINK_UP) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return false;
}

void send_all(rte_mbuf** frames, std::uint16_t count) {
  std::uint16_t sent = 0;
  while (sent < count && !is_stopping) {
    sent = static_cast<std::uint16_t>(
        sent + rte_eth_tx_burst(kPort, 0, frames + sent, static_cast<std::uint16_t>(count - sent)));
  }
  for (; sent < count; ++sent) {
    rte_pktmbuf_free(frames[sent]);
  }
}

std::uint64_t number_in(const rte_mbuf* frame) {
  std::uint64_t number = 0;
  if (rte_pktmbuf_pkt_len(frame) >= kHeaderBytes + sizeof(number)) {
    std::memcpy(&number, rte_pktmbuf_mtod_offset(frame, const char*, kHeaderBytes), sizeof(number));
  }
  return number;
}

/// Until somebody ends this process, or so many seconds are over.
void sleep_for(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!is_stopping && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

int echo(const Options& options, const perf::Stopwatch& clock) {
  std::array<rte_mbuf*, kBurst> frames{};
  const Ticks start = clock.now();
  while (!is_stopping && clock.seconds(clock.now() - start) < options.seconds) {
    // The clock is not what is measured: it is looked at once in a thousand empty polls.
    for (int polls = 0; polls < 1'000; ++polls) {
      if (const std::uint16_t count = rte_eth_rx_burst(kPort, 0, frames.data(), kBurst);
          count > 0) {
        const bool is_last = number_in(frames[count - 1U]) == kGoodbye;
        send_all(frames.data(), count);
        if (is_last) {
          sleep_for(options.seconds);
          return 0;
        }
        polls = 0;
      }
      if (is_stopping.load(std::memory_order_relaxed)) {
        break;
      }
    }
  }
  return 0;
}

class Asker {
 public:
  Asker(const Options& options, const perf::Stopwatch& clock, rte_mempool& pool)
      : options_{options}, clock_{clock}, pool_{pool} {}

  int run() {
    const Ticks start = clock_.now();
    Ticks measured_since = start;
    bool is_warm = false;
    Ticks now = start;
    while (!is_stopping && clock_.seconds(now - measured_since) < options_.seconds) {
      rte_mbuf* frame = make(number_ + 1);
      if (frame == nullptr) {
        return failure("no packet for a frame");
      }
      const Ticks sent = clock_.now();
      send_all(&frame, 1);
      if (!await(sent)) {
        return is_stopping ? 0 : failure("a frame has not come back, or another one");
      }
      now = clock_.now();
      times_.add(clock_.nanoseconds(now - sent));
      if (!is_warm && clock_.seconds(now - start) >= kWarmUpSeconds) {
        is_warm = true;
        times_.clear();
        measured_since = now;
      }
    }
    print(clock_.seconds(now - measured_since));
    return say_goodbye() ? 0 : failure("the other end was gone too soon");
  }

 private:
  rte_mbuf* make(std::uint64_t number) {
    rte_mbuf* const frame = rte_pktmbuf_alloc(&pool_);
    if (frame == nullptr) {
      return nullptr;
    }
    char* const bytes = rte_pktmbuf_append(frame, static_cast<std::uint16_t>(options_.frame_bytes));
    if (bytes == nullptr) {
      rte_pktmbuf_free(frame);
      return nullptr;
    }
    std::memset(bytes, 0xff, 6);
    std::memset(bytes + 6, 0x02, 6);
    bytes[12] = static_cast<char>(kEtherType >> 8U);
    bytes[13] = static_cast<char>(kEtherType & 0xffU);
    std::memset(bytes + kHeaderBytes, 0, options_.frame_bytes - kHeaderBytes);
    number_ = number;
    std::memcpy(bytes + kHeaderBytes, &number_, sizeof(number_));
    return frame;
  }

  bool say_goodbye() {
    rte_mbuf* frame = make(kGoodbye);
    if (frame == nullptr) {
      return false;
    }
    send_all(&frame, 1);
    return await(clock_.now());
  }

  // The frame with the last number, whole.
  bool await(Ticks since) {
    rte_mbuf* frame = nullptr;
    while (rte_eth_rx_burst(kPort, 0, &frame, 1) == 0) {
      if (is_stopping.load(std::memory_order_relaxed) ||
          clock_.seconds(clock_.now() - since) > kPatienceSeconds) {
        return false;
      }
    }
    const bool is_right =
        rte_pktmbuf_pkt_len(frame) == options_.frame_bytes && number_in(frame) == number_;
    rte_pktmbuf_free(frame);
    return is_right;
  }

  void print(double seconds) const {
    std::printf(
        "{\"round_trips\": %llu, \"seconds\": %.6f, \"frame_bytes\": %zu, \"latency_ns\": {",
        static_cast<unsigned long long>(times_.count()), seconds, options_.frame_bytes);
    for (const auto& share : perf::kShares) {
      std::printf("\"%s\": %llu, ", share.key,
                  static_cast<unsigned long long>(times_.at(share.value)));
    }
    std::printf("\"min\": %llu, \"max\": %llu, \"mean\": %.1f}}\n",
                static_cast<unsigned long long>(times_.smallest()),
                static_cast<unsigned long long>(times_.largest()), times_.mean());
  }

  const Options& options_;
  const perf::Stopwatch& clock_;
  rte_mempool& pool_;
  perf::Histogram times_;
  std::uint64_t number_ = 0;
};

int run(const Options& options) {
  const perf::Stopwatch clock = perf::Stopwatch::calibrated();
  if (rte_eth_dev_count_avail() != 1) {
    return failure("the EAL's arguments must make one port: --vdev=net_memif0,... say");
  }
  rte_mempool* const pool =
      rte_pktmbuf_pool_create("frames", kPackets, kPacketCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                              static_cast<int>(rte_socket_id()));
  if (pool == nullptr) {
    return failure("no memory for packets");
  }
  if (!start_port(pool)) {
    return failure("the port does not start");
  }
  if (!wait_for_link(clock)) {
    return is_stopping ? 0 : failure("the link does not come up: is somebody at the other end?");
  }
  return options.asks ? Asker{options, clock, *pool}.run() : echo(options, clock);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = read_options(argc, argv);
  if (!options) {
    std::fputs("millrace-ping-pong ask|echo SECONDS FRAME_BYTES EAL-ARGUMENTS...\n", stderr);
    return 2;
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(number, [](int) { is_stopping = true; });
  }
  // The EAL's arguments follow the program's name, which takes the place of ours.
  argv[3] = argv[0];
  if (rte_eal_init(argc - 3, argv + 3) < 0) {
    return failure("the EAL does not start");
  }
  const int status = run(*options);
  std::fflush(stdout);
  // Nothing is taken down: the memif driver's server still listens, on the EAL's interrupt thread,
  // when its port is closed, and would find its memory gone.
  std::_Exit(status);
}
