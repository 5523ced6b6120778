// Transfer: an application that sends a seeded stream of bytes and checks the one it receives, in
// pieces of varied size and by every call that there is: the swarm's, with a plan of its own.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <millrace/worker.hpp>

#include "apps/sim/stream.hpp"
#include "apps/sim/talker.hpp"

namespace millrace::test {

using swarm::Ending;
using TransferPlan = swarm::EndPlan;

/// Keeps the plan where the talker finds it: a base, so that it is there first.
struct TransferPlanHolder {
  TransferPlan kept_plan;
};

/// The handler of one connection.
class Transfer final : private TransferPlanHolder, public swarm::Talker {
 public:
  Transfer(Worker& worker, TransferPlan plan)
      : TransferPlanHolder{std::move(plan)}, Talker{worker, kept_plan, [](TcpSocket) {}} {}

  /// What went wrong, or is missing, in words; empty when all came and the end was in order.
  [[nodiscard]] std::string verdict() const { return Talker::verdict(false); }
};

/// Accepts connections and gives each a Transfer of its own.
class TransferServer final : public TcpHandler {
 public:
  TransferServer(Worker& worker, TransferPlan plan) : worker_{worker}, plan_{std::move(plan)} {}

  void on_accepted(TcpSocket socket) override {
    transfers_.push_back(std::make_unique<Transfer>(worker_, plan_));
    static_cast<void>(socket.set_handler(*transfers_.back()));
    transfers_.back()->on_accepted(socket);
  }

  [[nodiscard]] const std::vector<std::unique_ptr<Transfer>>& transfers() const noexcept {
    return transfers_;
  }

 private:
  Worker& worker_;
  TransferPlan plan_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
};

}  // namespace millrace::test
