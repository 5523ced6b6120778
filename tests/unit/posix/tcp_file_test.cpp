// A TcpFile's own decisions about the events it hears of.
#include "posix/tcp_file.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace millrace::posix {
namespace {

struct NoSource final : TcpFileSource {
  packet::PacketBudget& packet_budget() noexcept override { return budget; }
  TcpFile* make_accepted(TcpFile& /*listener*/, TcpSocket /*socket*/) override { return nullptr; }

  void note_unsated(TcpFile& /*file*/) noexcept override {}
  ErrorRecords& error_records() noexcept override { return records; }
  SendNoticePool& send_notices() noexcept override { return notices; }

  packet::PacketBudget budget{0};
  ErrorRecords records{4};
  SendNoticePool notices{4};
};

TEST(TcpFile, TellsWhatRoutersSayOnlyToWhoAsked) {
  NoSource source;
  TcpFile file{source};
  file.on_soft_error({}, Error::NetworkUnreachable);
  EXPECT_EQ(file.error(), 0);
  file.options.hears_path_errors = true;
  file.on_soft_error({}, Error::TimedOut);  // R1: nobody has said anything.
  EXPECT_EQ(file.error(), 0);
  file.on_soft_error({}, Error::NetworkUnreachable);
  EXPECT_EQ(file.take_error(), ENETUNREACH);
  file.on_soft_error({}, Error::HostUnreachable);
  EXPECT_EQ(file.take_error(), EHOSTUNREACH);
}

TEST(TcpFile, IsWritableWhileItsOpeningWaitsForData) {
  NoSource source;
  TcpFile file{source};
  file.start_deferred({.address = IpAddress::v4(198, 18, 0, 2), .port = Port{80}});
  EXPECT_EQ(file.state(), TcpState::SynSent);
  EXPECT_FALSE(file.has_connection());
  EXPECT_EQ(file.events(EPOLLIN | EPOLLOUT), unsigned{EPOLLOUT});
  file.forget();
  EXPECT_FALSE(file.is_deferred());
}

}  // namespace
}  // namespace millrace::posix
