// The server's part in one test: takes the client's connections and does what the mode asks for.
#pragma once

#include <memory>

#include "perf/test_bed.hpp"
#include "perf/transport.hpp"

namespace perf {

/// Listeners hand their connections to it.
class Service : public ChannelUser {
 public:
  /// The client has made its connections: whoever sends a stream begins.
  virtual void start() {}
  /// What is measured is over: whoever sends a stream ends it.
  virtual void stop() {}
  /// Ends every connection at once.
  virtual void abort() = 0;
  /// Connections that are still there.
  [[nodiscard]] virtual std::size_t alive() const = 0;
};

/// For the plan of this bed, which must outlive it.
[[nodiscard]] std::unique_ptr<Service> make_service(TestBed& bed);

}  // namespace perf
