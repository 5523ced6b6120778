// FrameTest: the modes without stack. It puts testers and targets on the ports as the mode says,
// and turns them; when to begin, to end and to tell is the run's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/time.hpp>

#include "loopback/options.hpp"
#include "loopback/port.hpp"
#include "loopback/target.hpp"
#include "loopback/tester.hpp"

namespace loopback {

/// Everything given must outlive it.
class FrameTest {
 public:
  /// The error is a sentence: a size that a port does not take.
  [[nodiscard]] static millrace::Result<std::unique_ptr<FrameTest>, std::string> make(
      const Options& options, std::vector<Port>& ports);
  FrameTest(const FrameTest&) = delete;
  FrameTest& operator=(const FrameTest&) = delete;

  /// One turn. Returns whether anything has moved.
  bool turn(millrace::Instant now) noexcept;

  /// Nothing new is sent; what is under way may come to its end.
  void stop() noexcept;
  [[nodiscard]] bool is_stopping() const noexcept;
  [[nodiscard]] bool is_over() const noexcept;
  /// Whether the tester has frames that its port has not taken.
  [[nodiscard]] bool has_unsent() const noexcept { return tester_ && tester_->has_unsent(); }
  /// What is still under way is lost.
  void write_off() noexcept;
  /// Empty where nothing is verified.
  [[nodiscard]] std::optional<Verification> verification() const noexcept;
  [[nodiscard]] std::string problem() const;

 private:
  struct Place {
    Port* port = nullptr;
    std::unique_ptr<Target> target;
    bool has_tester = false;
  };

  FrameTest(const Options& options, std::vector<Port>& ports);
  void put_target(std::size_t at, std::size_t out, const Station& self);
  void put_tester(std::size_t out, std::size_t in);
  [[nodiscard]] bool receive(Place& place) noexcept;
  void hand_out(Place& place, millrace::packet::Packet frame) noexcept;
  [[nodiscard]] bool is_outbound(const millrace::packet::Packet& frame) const noexcept;
  [[nodiscard]] Station station(std::size_t port) const;
  [[nodiscard]] Path path_from(std::size_t port) const;

  const Options& options_;
  std::vector<Port>& ports_;
  std::vector<Place> places_;
  std::optional<Tester> tester_;
  std::optional<millrace::MacAddress> outbound_;  // On a plug: who sent it to be turned around.
  bool verifies_ = false;
  bool is_stopped_ = false;  // Where there is no tester.
};

}  // namespace loopback
