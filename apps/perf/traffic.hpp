// What the client does in one mode, as its run sees it: connect, let it flow, stop, be over.
#pragma once

#include <cstdint>
#include <string>

namespace perf {

/// Hears that something has changed that the run may wait for.
class TrafficObserver {
 public:
  virtual ~TrafficObserver() = default;
  virtual void on_traffic_changed() = 0;
};

/// One mode's work. Nothing is told from inside these calls.
class Traffic {
 public:
  virtual ~Traffic() = default;

  /// Begins to make the connections that the traffic needs before it can flow.
  virtual void open() = 0;
  /// How many of them there are, and how many there are to be.
  [[nodiscard]] virtual std::uint64_t opened() const = 0;
  [[nodiscard]] virtual std::uint64_t wanted() const = 0;
  /// Lets it flow.
  virtual void start() = 0;
  /// Whether as much was done as the count allows.
  [[nodiscard]] virtual bool has_reached_count() const = 0;
  /// Begins nothing new; what has begun goes on to its end, then the connections close.
  virtual void stop() = 0;
  /// Whether nothing is left after `stop`.
  [[nodiscard]] virtual bool is_over() const = 0;
  /// Ends everything at once; what has no answer yet counts as lost.
  virtual void abort() = 0;
  /// Why it cannot go on; empty while it can.
  [[nodiscard]] virtual const std::string& breakdown() const = 0;
};

}  // namespace perf
