#include "apps/sim/traits.hpp"

namespace swarm {

std::string_view to_string(Trait trait) noexcept {
  switch (trait) {
    case Trait::Loss: return "loss";
    case Trait::BurstLoss: return "burst-loss";
    case Trait::Jitter: return "jitter";
    case Trait::Reordering: return "reordering";
    case Trait::Duplication: return "duplication";
    case Trait::Corruption: return "corruption";
    case Trait::Truncation: return "truncation";
    case Trait::Forgery: return "forgery";
    case Trait::RateLimit: return "rate-limit";
    case Trait::ShortQueue: return "short-queue";
    case Trait::ByteQueue: return "byte-queue";
    case Trait::Red: return "red";
    case Trait::Policer: return "policer";
    case Trait::AckThinning: return "ack-thinning";
    case Trait::Flaps: return "flaps";
    case Trait::SmallMtu: return "small-mtu";
    case Trait::BlackHole: return "black-hole";
    case Trait::MtuChange: return "mtu-change";
    case Trait::Asymmetry: return "asymmetry";
    case Trait::Switched: return "switched";
    case Trait::Routed: return "routed";
    case Trait::SmallWindows: return "small-windows";
    case Trait::LargeWindows: return "large-windows";
    case Trait::FewReassembled: return "few-reassembled";
    case Trait::FewPackets: return "few-packets";
    case Trait::SingleSegment: return "single-segment";
    case Trait::SmallInterface: return "small-interface";
    case Trait::NoTimestamps: return "no-timestamps";
    case Trait::NoSelectiveAcks: return "no-selective-acks";
    case Trait::Ecn: return "ecn";
    case Trait::SynCookies: return "syn-cookies";
    case Trait::SlowReader: return "slow-reader";
    case Trait::StalledReader: return "stalled-reader";
    case Trait::TinyWrites: return "tiny-writes";
    case Trait::HalfClose: return "half-close";
    case Trait::Abort: return "abort";
    case Trait::ManyConnections: return "many-connections";
    case Trait::Urgent: return "urgent";
    case Trait::Keepalive: return "keepalive";
    case Trait::FastOpen: return "fast-open";
    case Trait::Cork: return "cork";
    case Trait::Tuned: return "tuned";
    case Trait::Udp: return "udp";
  }
  return "unknown";
}

std::string Traits::names() const {
  std::string text;
  for (std::size_t i = 0; i < kTraitCount; ++i) {
    if (has(static_cast<Trait>(i))) {
      text += (text.empty() ? "" : ", ") + std::string{to_string(static_cast<Trait>(i))};
    }
  }
  return text;
}

}  // namespace swarm
