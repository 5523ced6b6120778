// Reading and writing a TCP header with the options of a SYN, of plain data, and of an ACK with
// SACK blocks; reading all headers of a frame.
#include "wire/tcp.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>

#include "cycles.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::bench {
namespace {

wire::TcpOptions no_options() { return {}; }

wire::TcpOptions syn_options() {
  wire::TcpOptions options;
  options.mss = 1'460;
  options.window_scale = 7;
  options.sack_permitted = true;
  options.timestamps = wire::TcpTimestamps{.value = 1, .echo = 0};
  return options;
}

wire::TcpOptions timestamp_options() {
  wire::TcpOptions options;
  options.timestamps = wire::TcpTimestamps{.value = 1, .echo = 2};
  return options;
}

wire::TcpOptions sack_options() {
  wire::TcpOptions options;
  options.timestamps = wire::TcpTimestamps{.value = 1, .echo = 2};
  for (std::uint32_t i = 0; i < 3; ++i) {
    static_cast<void>(options.sack.push_back(
        {.left = wire::SeqNum{i * 100}, .right = wire::SeqNum{i * 100 + 50}}));
  }
  return options;
}

/// A whole header at the front of `out`; returns its length.
std::size_t emit(std::span<std::byte> out, const wire::TcpOptions& options, bool is_syn) {
  const std::size_t length = wire::kTcpHeaderSize + wire::tcp_options_size(options, is_syn);
  wire::emit_tcp(out,
                 {.source_port = 80,
                  .destination_port = 40'000,
                  .seq = wire::SeqNum{1},
                  .ack = wire::SeqNum{2},
                  .flags = wire::TcpFlags{is_syn ? wire::TcpFlags::kSyn : wire::TcpFlags::kAck},
                  .window = 1'000,
                  .header_length = static_cast<std::uint16_t>(length)});
  wire::emit_tcp_options(out.subspan(wire::kTcpHeaderSize), options, is_syn);
  return length;
}

void parse(benchmark::State& state, wire::TcpOptions (*make)(), bool is_syn) {
  std::array<std::byte, wire::kTcpHeaderSizeMax> bytes{};
  const std::size_t length = emit(bytes, make(), is_syn);
  const std::span segment = std::span{bytes}.first(length);
  const Cycles cycles{state};
  for (auto _ : state) {
    benchmark::ClobberMemory();
    const auto header = wire::parse_tcp(segment);
    const auto options = wire::TcpOptions::parse(
        segment.subspan(wire::kTcpHeaderSize, header->header_length - wire::kTcpHeaderSize));
    benchmark::DoNotOptimize(header->seq.value());
    benchmark::DoNotOptimize(options->mss);
  }
}
BENCHMARK_CAPTURE(parse, data, no_options, false)->Name("TcpHeaderParse/data");
BENCHMARK_CAPTURE(parse, timestamps, timestamp_options, false)->Name("TcpHeaderParse/timestamps");
BENCHMARK_CAPTURE(parse, syn, syn_options, true)->Name("TcpHeaderParse/syn");
BENCHMARK_CAPTURE(parse, sack, sack_options, false)->Name("TcpHeaderParse/sack");

void write(benchmark::State& state, wire::TcpOptions (*make)(), bool is_syn) {
  std::array<std::byte, wire::kTcpHeaderSizeMax> bytes{};
  const wire::TcpOptions options = make();
  const Cycles cycles{state};
  for (auto _ : state) {
    benchmark::DoNotOptimize(emit(bytes, options, is_syn));
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write, data, no_options, false)->Name("TcpHeaderEmit/data");
BENCHMARK_CAPTURE(write, timestamps, timestamp_options, false)->Name("TcpHeaderEmit/timestamps");
BENCHMARK_CAPTURE(write, syn, syn_options, true)->Name("TcpHeaderEmit/syn");

/// Ethernet, IPv4 and TCP with timestamps, as they are read on the way in.
void parse_frame(benchmark::State& state) {
  std::array<std::byte, 128> frame{};
  const std::span bytes{frame};
  wire::emit_ethernet(bytes, {.destination = {}, .source = {}, .type = wire::EtherType::Ipv4});
  const auto datagram = bytes.subspan(wire::kEthernetHeaderSize);
  wire::emit_ipv4(datagram,
                  {.source = IpAddress::v4(198, 18, 0, 1),
                   .destination = IpAddress::v4(198, 18, 0, 2),
                   .total_length = static_cast<std::uint16_t>(datagram.size())},
                  true);
  emit(datagram.subspan(wire::kIpv4HeaderSize), timestamp_options(), false);
  const Cycles cycles{state};
  for (auto _ : state) {
    benchmark::ClobberMemory();
    const auto ethernet = wire::parse_ethernet(bytes);
    const auto ip = wire::parse_ipv4(bytes.subspan(wire::kEthernetHeaderSize));
    const auto segment = datagram.subspan(ip->header_length);
    const auto tcp = wire::parse_tcp(segment);
    const auto options = wire::TcpOptions::parse(
        segment.subspan(wire::kTcpHeaderSize, tcp->header_length - wire::kTcpHeaderSize));
    benchmark::DoNotOptimize(ethernet->type);
    benchmark::DoNotOptimize(ip->source.bytes());
    benchmark::DoNotOptimize(tcp->seq.value());
    benchmark::DoNotOptimize(options->timestamps->value);
  }
}
BENCHMARK(parse_frame)->Name("FrameParse");

}  // namespace
}  // namespace millrace::bench
