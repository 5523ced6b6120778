// Tester: sends numbered frames as fast as they come back, or as a rate allows, and has what
// arrives verified. What stands between sending and arriving is what is tested.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <millrace/time.hpp>

#include "loopback/arp_question.hpp"
#include "loopback/generator.hpp"
#include "loopback/pace.hpp"
#include "loopback/port.hpp"
#include "loopback/verifier.hpp"
#include "packet/burst.hpp"

namespace loopback {

/// How a tester goes about it.
struct TesterSetup {
  std::uint16_t burst = 32;       ///< Frames handed to the port at once.
  std::uint32_t in_flight = 256;  ///< Frames on their way, where it hears what arrives.
  std::uint64_t count = 0;        ///< Frames in all; zero: no limit.
  double rate = 0;                ///< Frames a second; zero: no limit.
  millrace::Duration loss_timeout = std::chrono::milliseconds{200};  ///< After so long without any
                                                                     ///< arrival the rest is lost.
};

/// Has a generator, or a verifier, or both.
class Tester {
 public:
  Tester(const TesterSetup& setup, std::optional<Verifier> verifier)
      : setup_{setup}, verifier_{std::move(verifier)}, pace_{setup.rate} {}

  /// Frames go out there, which must outlive it. With a question the far end is asked for first.
  void send_through(Port& port, Generator generator, std::optional<ArpQuestion> question);

  /// A frame that has arrived. False: it is none of the test's.
  [[nodiscard]] bool take(std::span<const std::byte> frame) noexcept;
  void note_foreign() noexcept;
  /// Sends what is due. Returns whether it has sent anything.
  bool turn(millrace::Instant now) noexcept;

  /// Nothing new is sent from here on; what is on its way may arrive.
  void stop() noexcept;
  [[nodiscard]] bool is_stopping() const noexcept { return is_stopping_; }
  /// Whether there are frames that the port has not taken yet.
  [[nodiscard]] bool has_unsent() const noexcept { return !waiting_.empty() || ends_left_ != 0; }
  /// Whether nothing is left to be sent or to arrive.
  [[nodiscard]] bool is_over() const noexcept;
  /// What has not arrived is lost. Also in the middle of a test.
  void write_off() noexcept;
  [[nodiscard]] Verification result() const noexcept;
  /// Why it cannot go on; empty as long as it can.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  static constexpr unsigned kBurstsPerTurn = 8;
  static constexpr std::uint32_t kEndRounds = 3;

  [[nodiscard]] std::uint64_t outstanding() const noexcept;
  [[nodiscard]] std::uint64_t wanted() const noexcept;
  [[nodiscard]] bool ask(millrace::Instant now);
  [[nodiscard]] bool send_due(millrace::Instant now) noexcept;
  [[nodiscard]] bool send_ends() noexcept;
  [[nodiscard]] bool flush() noexcept;
  void watch(millrace::Instant now) noexcept;

  TesterSetup setup_;
  std::optional<Verifier> verifier_;
  Port* out_ = nullptr;
  std::optional<Generator> generator_;
  std::optional<ArpQuestion> question_;  // Until it is answered.
  Pace pace_;
  millrace::packet::Burst waiting_;
  millrace::Instant last_arrival_{};
  bool has_arrived_ = true;  // Since the last turn; before the first one nothing is overdue.
  bool is_stopping_ = false;
  std::uint32_t ends_left_ = 0;
  std::string problem_;
};

}  // namespace loopback
