// Finds and reads files on helper threads for many connections of one core: a bounded number of
// reads at a time, each with a chunk of memory of its own; the others wait in line. What a slow
// disk delays is only who asked for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <millrace/worker.hpp>

#include "httpd/document_root.hpp"
#include "httpd/request.hpp"
#include "httpd/resource.hpp"
#include "httpd/status.hpp"

namespace httpd {

/// Bytes of a file that one read brings at most.
inline constexpr std::size_t kChunkBytes = 64 * 1024;

class FileClient;

/// A client's place in line, kept in the client. One piece of work at a time.
class FileTask {
 public:
  explicit FileTask(FileClient& client) noexcept : client_{client} {}
  FileTask(const FileTask&) = delete;
  FileTask& operator=(const FileTask&) = delete;

 private:
  friend class FileReader;
  struct Job;

  FileClient& client_;
  Job* job_ = nullptr;  // While a helper works on it.
  FileTask* previous_ = nullptr;
  FileTask* next_ = nullptr;
  bool waits_ = false;          // In line.
  const char* path_ = nullptr;  // Null: read from `file_`.
  File file_;
  std::uint64_t offset_ = 0;
  std::size_t length_ = 0;
};

/// What a helper brings back.
struct FileAnswer {
  millrace::Result<Resource, Status> found;  ///< Of a read: the file that was handed over.
  std::span<const std::byte>
      bytes{};  ///< Valid during the callback. Fewer than asked for at the end.
};

/// Whoever asks.
class FileClient {
 public:
  virtual void on_file(FileAnswer answer) = 0;

 protected:
  ~FileClient() = default;
};

/// One per worker, used on its core.
class FileReader {
 public:
  /// `root` may be null if nothing is ever opened. Both must outlive the reader.
  FileReader(millrace::Worker& worker, const DocumentRoot* root, bool lists_folders,
             std::size_t reads_max);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  /// Finds the resource at `path`, which must stay as it is until the answer, and reads the first
  /// `length` bytes of its file.
  void open(FileTask& task, const char* path, std::size_t length) noexcept;
  /// Reads `length` bytes at `offset`. The file comes back with the answer.
  void read(FileTask& task, File file, std::uint64_t offset, std::size_t length) noexcept;
  /// No answer will come, and the client may go away. Harmless when nothing was asked.
  void cancel(FileTask& task) noexcept;
  /// Closes on a helper, because on some file systems that takes its time.
  void close(File file) noexcept;

 private:
  void enqueue(FileTask& task) noexcept;
  void remove(FileTask& task) noexcept;
  void start_waiting() noexcept;
  bool start(FileTask& task, FileTask::Job& job) noexcept;
  void finish(FileTask::Job& job) noexcept;
  void retry_later() noexcept;

  millrace::Worker& worker_;
  const DocumentRoot* root_;
  bool lists_folders_;
  std::vector<std::unique_ptr<FileTask::Job>> jobs_;
  std::vector<FileTask::Job*> idle_jobs_;
  FileTask* first_ = nullptr;
  FileTask* last_ = nullptr;
  bool retries_ = false;
};

}  // namespace httpd
