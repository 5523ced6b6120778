// CoreWorker: what the public Worker is on its own core: a thin face of the stack and the
// background pool.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include <millrace/function.hpp>
#include <millrace/worker.hpp>

#include "runtime/background_pool.hpp"
#include "stack/stack.hpp"

namespace millrace::socket {

/// All that is passed must outlive it.
class CoreWorker final : public Worker {
 public:
  /// `stop` is called by `Worker::stop`, on the core.
  CoreWorker(stack::Stack& stack, runtime::BackgroundPool& background, unsigned index,
             InlineFunction stop, std::vector<Endpoint> name_servers = {});

  Result<TcpListener> listen(const ListenOptions& options, TcpHandler& handler) override;
  Result<TcpSocket> connect(const Endpoint& destination, TcpHandler& handler,
                            const ConnectOptions& options) override;
  Result<UdpSocket> open_udp(const UdpOptions& options, UdpHandler& handler) override;
  Result<Timer> after(Duration delay, InlineFunction function) override;
  Result<void> background(InlineFunction work, InlineFunction done) override;
  Result<Buffer> allocate_buffer() override;
  void stop(int exit_status) noexcept override;
  [[nodiscard]] Instant now() const noexcept override { return stack_.now(); }
  [[nodiscard]] const CoreStats& stats() const noexcept override { return stack_.stats(); }
  [[nodiscard]] CoreUsage usage() const noexcept override { return stack_.usage(); }
  [[nodiscard]] std::span<const InterfaceAddress> addresses() const noexcept override {
    return addresses_;
  }
  [[nodiscard]] std::span<const Endpoint> name_servers() const noexcept override {
    return name_servers_;
  }
  [[nodiscard]] unsigned index() const noexcept override { return index_; }

  /// What `stop` was given first; zero without it.
  [[nodiscard]] int exit_status() const noexcept { return exit_status_.value_or(0); }

 private:
  stack::Stack& stack_;
  runtime::BackgroundPool& background_;
  unsigned index_;
  InlineFunction stop_;
  std::vector<Endpoint> name_servers_;  // Fixed from the start, as is the next.
  std::vector<InterfaceAddress> addresses_;
  std::optional<int> exit_status_;
};

}  // namespace millrace::socket
