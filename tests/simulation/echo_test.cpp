// millrace-echo in a simulated network: the source that runs on a TAP, driven by its own start
// function.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <millrace/worker.hpp>

#include "simulation/network.hpp"

millrace::Result<void, std::string> start_echo(millrace::Worker& worker);

namespace millrace::test {
namespace {

/// Says one thing, hears it again, finishes.
class Caller final : public TcpHandler {
 public:
  explicit Caller(std::string_view text) : text_{text} {}

  void on_connected(TcpSocket socket) override { ASSERT_EQ(socket.send(text_), text_.size()); }
  void on_readable(TcpSocket socket) override {
    std::array<std::byte, 512> bytes;
    while (const auto count = socket.receive(bytes)) {
      for (std::size_t i = 0; i < *count; ++i) {
        heard.push_back(static_cast<char>(bytes[i]));
      }
    }
    if (heard.size() == text_.size()) {
      EXPECT_TRUE(socket.shutdown());
    }
  }
  void on_closed(TcpSocket, Result<void> result) override { outcome = result; }

  std::string heard;
  std::optional<Result<void>> outcome;

 private:
  std::string_view text_;
};

TEST(Echo, SendsBackWhatItReceives) {
  Pair pair;
  pair.world.call(pair.server, [](Worker& worker) { ASSERT_TRUE(start_echo(worker)); });
  Caller caller{"Is anybody there?"};
  pair.world.call(pair.client,
                  [&](Worker& worker) { ASSERT_TRUE(worker.connect(pair.server_at(7), caller)); });
  EXPECT_TRUE(pair.world.run_until([&] { return caller.outcome.has_value(); }, 10s));
  EXPECT_EQ(caller.heard, "Is anybody there?");
  ASSERT_TRUE(caller.outcome.has_value());
  EXPECT_TRUE(caller.outcome->has_value());
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(Echo, CarriesALongStreamWithoutAFault) {
  Pair pair;
  pair.world.call(pair.server, [](Worker& worker) { ASSERT_TRUE(start_echo(worker)); });
  const std::string text(30'000, 'm');
  Caller caller{text};
  pair.world.call(pair.client,
                  [&](Worker& worker) { ASSERT_TRUE(worker.connect(pair.server_at(7), caller)); });
  EXPECT_TRUE(pair.world.run_until([&] { return caller.outcome.has_value(); }, 60s));
  EXPECT_EQ(caller.heard.size(), text.size());
  const auto clean = pair.world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

}  // namespace
}  // namespace millrace::test
