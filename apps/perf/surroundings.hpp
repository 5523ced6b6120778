// What on this machine spoils figures: a core that others use, memory on another NUMA node, no
// hugepages, a link that is down. Looks and tells; it changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perf {

/// Of one processor since the machine's start, in clock ticks.
struct ProcessorTimes {
  std::uint64_t idle = 0;
  std::uint64_t total = 0;
};

/// Reads /proc and /sys below `root`, which tests may put elsewhere.
class Surroundings {
 public:
  explicit Surroundings(std::filesystem::path root = "/") : root_{std::move(root)} {}

  /// Empty when it cannot be told.
  [[nodiscard]] std::optional<ProcessorTimes> times(unsigned processor) const;
  /// The other hyperthreads of its core.
  [[nodiscard]] std::vector<unsigned> siblings(unsigned processor) const;
  [[nodiscard]] std::optional<int> node_of_processor(unsigned processor) const;
  /// Of what stands behind `--device`: a PCI address, or a driver's word and a kernel interface.
  [[nodiscard]] std::optional<int> node_of_device(std::string_view device) const;
  [[nodiscard]] bool is_link_down(std::string_view device) const;
  [[nodiscard]] bool has_hugepages() const;

 private:
  [[nodiscard]] std::optional<std::string> first_line(const std::filesystem::path& inside) const;

  std::filesystem::path root_;
};

/// "0-3,8": the numbers in it, in its order; empty when it is none.
[[nodiscard]] std::vector<unsigned> parse_processors(std::string_view text);

/// How a run is placed.
struct Placement {
  std::vector<unsigned> processors{};  ///< That the thread may run on.
  std::vector<std::string> devices{};  ///< As `--device` took them; none on the kernel's sockets.
  bool is_kernel = false;
  std::chrono::milliseconds watch{100};  ///< For so long the processors are watched.
};
/// Of the calling thread.
[[nodiscard]] std::vector<unsigned> own_processors();

/// Watches the processors for a while, the calling thread sleeping meanwhile; then a sentence for
/// each thing that is wrong.
[[nodiscard]] std::vector<std::string> warnings_about(const Surroundings& surroundings,
                                                      const Placement& placement);

/// A busy processor's sentence, empty if it was idle for at least 95 %.
[[nodiscard]] std::optional<std::string> busy_warning(unsigned processor, std::string_view what,
                                                      const ProcessorTimes& before,
                                                      const ProcessorTimes& after);

}  // namespace perf
