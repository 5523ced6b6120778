// TelemetryClient: asks a process through DPDK's telemetry socket, question by question, and waits
// for each answer with a limit.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace ss {

class TelemetryClient {
 public:
  /// Longer than the process itself waits for its core.
  static constexpr std::chrono::milliseconds kPatience{2'000};

  enum class Failure {
    Gone,      ///< Nobody listens there: the process is dead.
    HungUp,    ///< It has ended since, or does not want to talk.
    Refused,   ///< Somebody else's.
    Silent,    ///< No answer in time.
    Confused,  ///< An answer that is none, or the process's own word on what went wrong.
  };
  struct Error {
    Failure failure;
    std::string text;  ///< One line, without the process.
  };

  /// Who listens, in the kernel's word. From another PID namespace the process is zero.
  struct Peer {
    pid_t process = 0;
    uid_t user = 0;
  };

  [[nodiscard]] static std::expected<TelemetryClient, Error> connect(
      const std::filesystem::path& socket);
  TelemetryClient(TelemetryClient&& other) noexcept;
  TelemetryClient& operator=(TelemetryClient&&) = delete;
  ~TelemetryClient();

  [[nodiscard]] const Peer& peer() const noexcept { return peer_; }
  /// Before the first question: waits until the process has introduced itself.
  [[nodiscard]] std::expected<void, Error> await_greeting();
  /// What the process says to `command`: an object.
  [[nodiscard]] std::expected<nlohmann::json, Error> ask(const std::string& command);

 private:
  explicit TelemetryClient(int descriptor) : descriptor_{descriptor} {}
  [[nodiscard]] bool ask_who_listens() noexcept;
  [[nodiscard]] std::expected<nlohmann::json, Error> receive();

  int descriptor_;
  Peer peer_;
  std::vector<char> answer_ = std::vector<char>(64 * 1024);
};

}  // namespace ss
