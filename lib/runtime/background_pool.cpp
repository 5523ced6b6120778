#include "runtime/background_pool.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace millrace::runtime {

BackgroundPool::BackgroundPool(std::uint32_t threads) {
  if (threads == 0) {
    return;
  }
  event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  // Signals are for the thread that waits for them.
  sigset_t all;
  sigset_t previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  for (std::uint32_t i = 0; i < threads; ++i) {
    Helper& helper = *helpers_.emplace_back(std::make_unique<Helper>());
    helper.thread =
        std::jthread{[this, &helper](const std::stop_token& stop) { run(helper, stop); }};
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

BackgroundPool::~BackgroundPool() {
  for (const auto& helper : helpers_) {
    helper->thread.request_stop();
    helper->wake.release();
  }
  helpers_.clear();
  if (event_ >= 0) {
    close(event_);
  }
}

Result<void> BackgroundPool::submit(InlineFunction work, InlineFunction done) {
  if (helpers_.empty()) {
    if (outstanding_ == kJobsPerThread) {
      return fail(Error::WouldBlock);
    }
    ++outstanding_;
    work();
    static_cast<void>(inline_completions_.try_push(std::move(done)));
    return {};
  }
  Helper& helper = **std::ranges::min_element(
      helpers_, {},
      [](const std::unique_ptr<Helper>& candidate) { return candidate->outstanding; });
  if (helper.outstanding == kJobsPerThread) {
    return fail(Error::WouldBlock);
  }
  ++helper.outstanding;
  ++outstanding_;
  static_cast<void>(helper.jobs.try_push(Job{.work = std::move(work), .done = std::move(done)}));
  helper.wake.release();
  return {};
}

std::uint32_t BackgroundPool::deliver() {
  if (!has_news()) {
    return 0;
  }
  std::uint32_t delivered = 0;
  InlineFunction done;
  // Only what is there now: a completion that submits again must not keep the loop here.
  for (std::size_t left = inline_completions_.read_available();
       left > 0 && inline_completions_.try_pop(done); --left) {
    --outstanding_;
    ++delivered;
    done();
  }
  if (event_ >= 0) {
    std::uint64_t count = 0;
    if (read(event_, &count, sizeof count) == static_cast<ssize_t>(sizeof count)) {
      unread_signals_ -= static_cast<std::int64_t>(count);
    }
  }
  for (const auto& helper : helpers_) {
    for (std::size_t left = helper->completions.read_available();
         left > 0 && helper->completions.try_pop(done); --left) {
      --helper->outstanding;
      ++unread_signals_;
      --outstanding_;
      ++delivered;
      done();
    }
  }
  return delivered;
}

void BackgroundPool::run(Helper& helper, const std::stop_token& stop) noexcept {
  while (true) {
    helper.wake.acquire();
    if (stop.stop_requested()) {
      return;
    }
    Job job;
    if (!helper.jobs.try_pop(job)) {
      continue;
    }
    job.work();
    job.work.reset();
    static_cast<void>(helper.completions.try_push(std::move(job.done)));
    const std::uint64_t one = 1;
    static_cast<void>(write(event_, &one, sizeof one) < 0);
  }
}

}  // namespace millrace::runtime
