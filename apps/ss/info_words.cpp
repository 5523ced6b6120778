#include "ss/info_words.hpp"

#include <cstdint>
#include <cstdio>

namespace ss {

namespace {

constexpr std::uint64_t kNoThreshold = 1U << 30U;
constexpr std::uint64_t kTimestampBytes = 12;
constexpr std::uint64_t kUsualReordering = 3;

/// As C's %g, which ss prints with.
std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

std::string milliseconds(std::uint64_t us) { return decimal(static_cast<double>(us) / 1'000); }

std::string rate(double bits_per_second) {
  constexpr const char* kUnits[] = {"bps", "Kbps", "Mbps", "Gbps"};
  std::size_t unit = 0;
  for (; bits_per_second >= 1'000 && unit + 1 < std::size(kUnits); ++unit) {
    bits_per_second /= 1'000;
  }
  return decimal(bits_per_second) + kUnits[unit];
}

/// Words one behind the other.
class Line {
 public:
  explicit Line(const Socket& socket) : socket_{socket} {}

  void flag(const std::string& name) {
    if (socket_.number(name) != 0) {
      text_ += " " + name;
    }
  }
  void word(const std::string& name, const std::string& value) {
    text_ += " " + name + ":" + value;
  }
  /// Its number, always.
  void number(const std::string& name) { word(name, std::to_string(socket_.number(name))); }
  /// Where it is not zero.
  void count(const std::string& name) {
    if (socket_.number(name) != 0) {
      number(name);
    }
  }
  void time(const std::string& name) {
    if (socket_.number(name) != 0) {
      word(name, milliseconds(socket_.number(name)));
    }
  }
  /// A time in whole milliseconds.
  void since(const std::string& name) { word(name, std::to_string(socket_.number(name) / 1'000)); }
  void plain(const std::string& text) { text_ += " " + text; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const Socket& socket_;
  std::string text_;
};

void add_path(const Socket& socket, Line& line) {
  const std::uint64_t mss = socket.number("mss");
  line.word("rto", milliseconds(socket.number("rto")));
  line.count("backoff");
  if (socket.number("rtt") != 0) {
    line.word("rtt",
              milliseconds(socket.number("rtt")) + "/" + milliseconds(socket.number("rttvar")));
  }
  line.time("ato");
  line.number("mss");
  line.count("pmtu");
  line.count("rcvmss");
  // ss tells what is left beside the timestamps.
  const std::uint64_t stamps = socket.number("ts") != 0 ? kTimestampBytes : 0;
  line.word("advmss", std::to_string(socket.number("advmss") - stamps));
  const std::uint64_t segments = mss == 0 ? 0 : socket.number("cwnd") / mss;
  line.word("cwnd", std::to_string(segments));
  if (mss != 0 && socket.number("ssthresh") < kNoThreshold) {
    line.word("ssthresh", std::to_string(socket.number("ssthresh") / mss));
  }
}

void add_counts(Line& line) {
  for (const char* const name : {"bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received",
                                 "segs_out", "segs_in", "data_segs_out", "data_segs_in"}) {
    line.count(name);
  }
}

void add_limits(const Socket& socket, Line& line) {
  const std::uint64_t busy = socket.number("busy");
  if (busy == 0) {
    return;
  }
  line.word("busy", std::to_string(busy / 1'000) + "ms");
  for (const char* const name : {"rwnd_limited", "sndbuf_limited"}) {
    if (const std::uint64_t limited = socket.number(name); limited != 0) {
      char share[16];
      std::snprintf(share, sizeof(share), "%.1f",
                    100.0 * static_cast<double>(limited) / static_cast<double>(busy));
      line.word(name, std::to_string(limited / 1'000) + "ms(" + share + "%)");
    }
  }
}

void add_flight(const Socket& socket, Line& line) {
  line.count("unacked");
  if (socket.number("retrans") != 0 || socket.number("total_retrans") != 0) {
    line.word("retrans", std::to_string(socket.number("retrans")) + "/" +
                             std::to_string(socket.number("total_retrans")));
  }
  line.count("lost");
  line.count("sacked");
  line.count("dsack_dups");
  if (socket.number("reordering") != kUsualReordering) {
    line.number("reordering");
  }
  line.time("rcv_rtt");
  line.count("rcv_space");
  line.count("rcv_ssthresh");
  line.count("notsent");
  line.time("minrtt");
  line.count("rcv_ooopack");
  line.count("snd_wnd");
  line.count("rcv_wnd");
}

}  // namespace

std::string info_words(const Socket& socket) {
  if (socket.info.empty()) {
    return {};
  }
  Line line{socket};
  for (const char* const name : {"ts", "sack", "ecn", "fastopen"}) {
    line.flag(name);
  }
  if (!socket.congestion.empty()) {
    line.plain(socket.congestion);
  }
  if (socket.number("wscale") != 0) {
    line.word("wscale", std::to_string(socket.number("snd_wscale")) + "," +
                            std::to_string(socket.number("rcv_wscale")));
  }
  add_path(socket, line);
  add_counts(line);
  if (socket.number("rtt") != 0 && socket.number("mss") != 0) {
    line.plain("send " + rate(static_cast<double>(socket.number("cwnd")) * 8e6 /
                              static_cast<double>(socket.number("rtt"))));
  }
  if (socket.number("pacing_rate") != 0) {
    line.plain("pacing_rate " + rate(static_cast<double>(socket.number("pacing_rate")) * 8));
  }
  line.since("lastsnd");
  line.since("lastrcv");
  line.since("lastack");
  line.count("delivered");
  add_limits(socket, line);
  add_flight(socket, line);
  return line.take();
}

std::string timer_words(const Socket& socket) {
  if (socket.timer.empty()) {
    return {};
  }
  const std::uint64_t ms = socket.timer_left_us / 1'000;
  const std::string left = ms >= 60'000   ? std::to_string(ms / 60'000) + "min"
                           : ms >= 10'000 ? std::to_string(ms / 1'000) + "sec"
                                          : std::to_string(ms) + "ms";
  return "timer:(" + socket.timer + "," + left + "," + std::to_string(socket.number("backoff")) +
         ")";
}

}  // namespace ss
