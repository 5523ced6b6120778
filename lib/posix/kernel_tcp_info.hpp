// What getsockopt(TCP_INFO) hands out: Linux's struct tcp_info as bytes, filled from a TcpInfo.
// What this stack cannot know is zero; docs/sockets.md says which fields those are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <millrace/tcp_info.hpp>

namespace millrace::posix {

/// As long as Linux's since 6.7: the system's header may know fewer fields.
inline constexpr std::size_t kKernelTcpInfoSize = 248;

/// `state` instead of the one in `info`: a socket's is Linux's CLOSE where its connection is in
/// TIME-WAIT.
[[nodiscard]] std::array<std::byte, kKernelTcpInfoSize> kernel_tcp_info(const TcpInfo& info,
                                                                        TcpState state) noexcept;

/// What getsockopt(TCP_CC_INFO) hands out: the part of Linux's union tcp_cc_info that is the
/// controller's; empty where it has none.
struct KernelCongestionInfo {
  std::array<std::byte, 20> bytes{};
  std::size_t size = 0;
};
[[nodiscard]] KernelCongestionInfo kernel_congestion_info(const TcpInfo& info) noexcept;

/// Of a socket without connection: what a new one begins with.
[[nodiscard]] TcpInfo initial_tcp_info() noexcept;
/// Of a listener, as Linux: how many wait, how many may, and hardly anything else.
[[nodiscard]] TcpInfo listener_tcp_info(std::uint32_t waiting, std::uint32_t backlog) noexcept;

}  // namespace millrace::posix
