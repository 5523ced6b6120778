// The line of waiting tasks, and the jobs that travel between the core and a helper. A job belongs
// to the helper from the moment it is handed over until it is back; only `task` stays the core's.
#include "httpd/file_reader.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace httpd {
namespace {

// How soon to try again when the helpers had no room and none of our own work will come back to say
// so.
constexpr millrace::Duration kRetryDelay = std::chrono::milliseconds{2};

}  // namespace

struct FileTask::Job {
  FileTask* task = nullptr;  // Null when cancelled. The core's alone.

  bool opens = false;
  std::uint64_t offset = 0;
  std::size_t length = 0;
  millrace::Result<Resource, Status> found;
  std::size_t bytes_read = 0;
  std::array<char, kTargetBytesMax + 16> path;
  std::array<std::byte, kChunkBytes> chunk;

  // On the helper.
  void run(const DocumentRoot* root, bool lists_folders) {
    bytes_read = 0;
    if (opens) {
      found = find_resource(*root, path.data(), lists_folders);
    }
    if (!found || found->kind != Resource::Kind::File) {
      return;
    }
    const std::size_t wanted =
        opens ? static_cast<std::size_t>(std::min<std::uint64_t>(length, found->facts.size))
              : length;
    const auto count = found->file.read(offset, std::span{chunk}.first(wanted));
    if (count) {
      bytes_read = *count;
    } else {
      found = millrace::fail(count.error());
    }
  }
};

FileReader::FileReader(millrace::Worker& worker, const DocumentRoot* root, bool lists_folders,
                       std::size_t reads_max)
    : worker_{worker}, root_{root}, lists_folders_{lists_folders} {
  idle_jobs_.reserve(reads_max);
  for (std::size_t i = 0; i < reads_max; ++i) {
    jobs_.push_back(std::make_unique_for_overwrite<FileTask::Job>());
    idle_jobs_.push_back(jobs_.back().get());
  }
}

FileReader::~FileReader() = default;

void FileReader::open(FileTask& task, const char* path, std::size_t length) noexcept {
  task.path_ = path;
  task.offset_ = 0;
  task.length_ = std::min(length, kChunkBytes);
  enqueue(task);
}

void FileReader::read(FileTask& task, File file, std::uint64_t offset,
                      std::size_t length) noexcept {
  task.path_ = nullptr;
  task.file_ = std::move(file);
  task.offset_ = offset;
  task.length_ = std::min(length, kChunkBytes);
  enqueue(task);
}

void FileReader::cancel(FileTask& task) noexcept {
  if (task.waits_) {
    remove(task);
    close(std::move(task.file_));
  }
  if (task.job_ != nullptr) {
    std::exchange(task.job_, nullptr)->task = nullptr;
  }
}

void FileReader::close(File file) noexcept {
  if (!file.is_open()) {
    return;
  }
  // If the helpers are too busy to take it, the File closes here, on its way out.
  (void)worker_.background(
      [held = std::move(file)]() mutable { const File closes_here{std::move(held)}; }, [] {});
}

void FileReader::enqueue(FileTask& task) noexcept {
  task.previous_ = last_;
  task.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &task;
  last_ = &task;
  task.waits_ = true;
  start_waiting();
}

void FileReader::remove(FileTask& task) noexcept {
  (task.previous_ != nullptr ? task.previous_->next_ : first_) = task.next_;
  (task.next_ != nullptr ? task.next_->previous_ : last_) = task.previous_;
  task.waits_ = false;
}

void FileReader::start_waiting() noexcept {
  while (first_ != nullptr && !idle_jobs_.empty()) {
    FileTask& task = *first_;
    FileTask::Job& job = *idle_jobs_.back();
    if (!start(task, job)) {
      retry_later();
      return;
    }
    idle_jobs_.pop_back();
    remove(task);
  }
}

bool FileReader::start(FileTask& task, FileTask::Job& job) noexcept {
  job.opens = task.path_ != nullptr;
  job.offset = task.offset_;
  job.length = task.length_;
  if (job.opens) {
    job.path.back() = '\0';
    std::strncpy(job.path.data(), task.path_, job.path.size() - 1);
  } else {
    job.found = Resource{.file = std::move(task.file_)};
  }
  const auto taken =
      worker_.background([&job, root = root_, lists = lists_folders_] { job.run(root, lists); },
                         [this, &job] { finish(job); });
  if (!taken) {
    if (!job.opens) {
      task.file_ = std::move(job.found->file);
    }
    return false;
  }
  job.task = &task;
  task.job_ = &job;
  return true;
}

void FileReader::finish(FileTask::Job& job) noexcept {
  if (FileTask* const task = std::exchange(job.task, nullptr); task != nullptr) {
    task->job_ = nullptr;
    task->client_.on_file({.found = std::exchange(job.found, Resource{}),
                           .bytes = std::span{job.chunk}.first(job.bytes_read)});
  } else if (job.found) {
    close(std::move(job.found->file));
    job.found->page = {};
  }
  idle_jobs_.push_back(&job);
  start_waiting();
}

void FileReader::retry_later() noexcept {
  if (retries_ || idle_jobs_.size() < jobs_.size()) {
    return;  // A timer, or the end of a job, tries again.
  }
  retries_ = worker_
                 .after(kRetryDelay,
                        [this] {
                          retries_ = false;
                          start_waiting();
                        })
                 .has_value();
}

}  // namespace httpd
