// What libxdp and libbpf, which the AF_XDP driver stands on, print of their own accord.
#pragma once

namespace millrace::device {

/// Sends their warnings to DPDK's log instead of to standard error, for the whole process and from
/// now on. Without effect where the driver, and so the libraries, are not loaded.
void redirect_xdp_text() noexcept;

}  // namespace millrace::device
