// kernel-pressure PEER_ADDRESS PEER_PORT PORT SEED LANES SECONDS: the kernel's end of many random
// conversations; millrace-pressure is the other. Waits for the other end to open the first.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "pressure/kernel_end.hpp"

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: kernel-pressure PEER_ADDRESS PEER_PORT PORT SEED LANES SECONDS\n", stderr);
    return 2;
  }
  const auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
  pressure::KernelEnd end{{.peer_address = argv[1],
                           .peer_port = static_cast<std::uint16_t>(number(2)),
                           .port = static_cast<std::uint16_t>(number(3)),
                           .seed = number(4),
                           .lanes = number(5),
                           .duration = std::chrono::seconds{number(6)}}};
  if (const auto started = end.start(); !started) {
    std::fprintf(stderr, "kernel-pressure: %s\n", started.error().c_str());
    return 1;
  }
  return end.run();
}
