// BackgroundPool: helper threads on which a core's application may block, reading files say. Jobs
// go out and completions come back through bounded mailboxes; the core never waits for either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/function.hpp>

#include "base/mailbox.hpp"

namespace millrace::runtime {

/// Belongs to one core: `submit` and `deliver` are called on it alone. Destroy it on any thread
/// once the core has stopped; that waits for jobs that run and drops those that have not begun.
class BackgroundPool {
 public:
  /// With no threads, as in the simulator, jobs run inside `submit` and complete in the next
  /// `deliver`.
  explicit BackgroundPool(std::uint32_t threads);
  BackgroundPool(const BackgroundPool&) = delete;
  BackgroundPool& operator=(const BackgroundPool&) = delete;
  ~BackgroundPool();

  /// Gives `work` to the thread with the fewest jobs. Error: WouldBlock (each has as many as it
  /// may).
  [[nodiscard]] Result<void> submit(InlineFunction work, InlineFunction done);
  /// Calls `done` of the jobs that have finished. Returns how many there were.
  std::uint32_t deliver();
  /// A descriptor that is readable when jobs have finished; -1 with no threads.
  [[nodiscard]] int wake_descriptor() const noexcept { return event_; }
  /// Whether `deliver` may have something to do.
  [[nodiscard]] bool has_news() const noexcept { return outstanding_ > 0 || unread_signals_ != 0; }
  /// Jobs submitted and not yet delivered.
  [[nodiscard]] std::uint32_t outstanding() const noexcept { return outstanding_; }

 private:
  static constexpr std::size_t kJobsPerThread = 64;

  struct Job {
    InlineFunction work;
    InlineFunction done;
  };
  struct Helper {
    base::Mailbox<Job> jobs{kJobsPerThread};
    base::Mailbox<InlineFunction> completions{kJobsPerThread};
    std::counting_semaphore<> wake{0};
    std::uint32_t outstanding = 0;  // The core's.
    std::jthread thread;
  };

  void run(Helper& helper, const std::stop_token& stop) noexcept;

  std::vector<std::unique_ptr<Helper>> helpers_;
  base::Mailbox<InlineFunction> inline_completions_{kJobsPerThread};
  int event_ = -1;
  std::uint32_t outstanding_ = 0;
  // Completions taken, less signals read: a helper signals after it has handed over, so either may
  // be seen first.
  std::int64_t unread_signals_ = 0;
};

}  // namespace millrace::runtime
