// Flow: both ends of one connection of a plan, or of several in a row, from the first attempt to
// the verdict. What is said over it is the Talkers' business.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/worker.hpp>

#include "apps/sim/plan.hpp"
#include "apps/sim/talker.hpp"
#include "apps/sim/wire_observer.hpp"
#include "sim/world.hpp"

namespace swarm {

class Flow {
 public:
  /// All must outlive it.
  Flow(const FlowPlan& plan, millrace::sim::Host& client, millrace::sim::Host& server,
       WireObserver& observer);

  /// Listens now, and connects when the plan wants it.
  void start(millrace::sim::World& world);

  [[nodiscard]] bool is_done() const noexcept;
  /// Grows as long as anything moves.
  [[nodiscard]] std::uint64_t progress() const noexcept;
  /// Whether nothing is expected to move, because the application does not want it.
  [[nodiscard]] bool rests() const noexcept;
  /// After the end: what went wrong, or nothing.
  [[nodiscard]] std::string verdict() const;
  [[nodiscard]] const FlowPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] std::uint64_t received() const noexcept;

  template <class F>
  void for_each_talker(F&& visit) const {
    for (const auto& one : dialer_.talkers) {
      visit(*one, plan_.client);
    }
    for (const auto& one : acceptor_.talkers) {
      visit(*one, plan_.server);
    }
  }

 private:
  /// Opens the connections. It tries again while nobody answers address resolution: lost requests
  /// are bad luck, not a fault.
  struct Dialer final : millrace::TcpHandler {
    explicit Dialer(Flow& owner) noexcept : flow{owner} {}
    void on_connected(millrace::TcpSocket socket) override;
    void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;
    void dial();

    Flow& flow;
    std::vector<std::unique_ptr<Talker>> talkers;
    std::vector<std::unique_ptr<Talker>> unlucky;  // Their connections never came to be.
    std::vector<std::byte> data_in_syn;
    unsigned failures = 0;
    std::optional<millrace::Error> given_up;
  };
  struct Acceptor final : millrace::TcpHandler {
    explicit Acceptor(Flow& owner) noexcept : flow{owner} {}
    void on_accepted(millrace::TcpSocket socket) override;

    Flow& flow;
    std::vector<std::unique_ptr<Talker>> talkers;
  };

  static constexpr unsigned kFailuresMax = 500;

  [[nodiscard]] std::size_t rounds() const noexcept { return plan_.fast_open ? 2 : 1; }
  void dial_again_if_due();
  [[nodiscard]] bool has_cookies() const noexcept;
  [[nodiscard]] bool has_lost_its_cookie() const noexcept;
  [[nodiscard]] std::string server_verdict() const;

  const FlowPlan& plan_;
  millrace::sim::Host& client_;
  millrace::sim::Host& server_;
  WireObserver& observer_;
  Dialer dialer_{*this};
  Acceptor acceptor_{*this};
};

}  // namespace swarm
