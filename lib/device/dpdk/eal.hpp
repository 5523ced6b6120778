// Eal: starts DPDK's environment quietly, once per process, and cleans up after it. Devices are
// configured elsewhere; here they are only named.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/error.hpp>

namespace millrace::device {

struct EalOptions {
  std::vector<std::string>
      device_arguments{};  ///< From `DeviceSpec::eal_arguments`, of all devices.
  std::string
      extra_arguments{};  ///< As typed by the user; quotes as in a shell. Come last, so they win.
  std::vector<unsigned>
      cores{};  ///< Processors, worker 0 first. Empty: one worker on any allowed one.
  std::uint64_t memory_bytes = 256ULL << 20U;    ///< What pools and devices are going to take,
  std::uint64_t hugepage_bytes = 256ULL << 20U;  ///< and in hugepages, where nothing is wasted.
  bool use_hugepages = true;  ///< If enough of them are free; ordinary memory otherwise.
  bool uses_pci = false;      ///< Whether a PCI device was named; otherwise the bus is not scanned.
  bool lends_memory = false;  ///< Whether a peer is to map our memory: `DeviceSpec::lends_memory`.
  bool is_verbose = false;    ///< Lets EAL's and the drivers' text through to standard error.
};

/// The running EAL. lcore number i is worker i, on processor `cores[i]`; lcore 0 is the thread that
/// called `start`. Destroyed last: after every pool and device.
class Eal {
 public:
  /// Error: one line, which says what was wrong and, where known, what would be right. A process
  /// can start it once.
  [[nodiscard]] static Result<Eal, std::string> start(const EalOptions& options);

  Eal(Eal&&) noexcept;
  Eal& operator=(Eal&&) noexcept;
  ~Eal();

  /// What is free of hugepages, as far as it is taken with those extra arguments.
  [[nodiscard]] static std::uint64_t usable_hugepage_bytes(const std::string& extra_arguments);

  /// "22.11.11", say.
  [[nodiscard]] static std::string version();
  /// "hugepages" or "ordinary pages", for the start-up report.
  [[nodiscard]] std::string_view memory_kind() const noexcept;
  [[nodiscard]] bool uses_hugepages() const noexcept;
  /// The last line of EAL's or a driver's text that tells a cause, without its prefix, and what
  /// helps where that is known. Empty if there was none since `forget_text`. This is how drivers
  /// say why they failed.
  [[nodiscard]] std::string last_cause() const;
  void forget_text() noexcept;
  /// Leaves EAL's memory to the end of the process. For drivers that leave something in it which
  /// DPDK's interrupt thread goes on reading.
  void keep_memory_until_exit() noexcept;

 private:
  struct Running;
  explicit Eal(std::unique_ptr<Running> running) noexcept;

  std::unique_ptr<Running> running_;
};

/// Splits text into arguments at spaces, as a shell does: single and double quotes and backslashes
/// protect. Error: one line (an open quote).
[[nodiscard]] Result<std::vector<std::string>, std::string> split_arguments(std::string_view text);

}  // namespace millrace::device
