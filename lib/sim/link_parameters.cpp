#include "sim/link_parameters.hpp"

namespace millrace::sim {

std::string_view to_string(Fault fault) noexcept {
  switch (fault) {
    case Fault::Loss: return "loss";
    case Fault::BurstLoss: return "burst-loss";
    case Fault::Overflow: return "overflow";
    case Fault::EarlyDrop: return "early-drop";
    case Fault::Marked: return "marked";
    case Fault::Policed: return "policed";
    case Fault::Thinned: return "thinned";
    case Fault::Down: return "down";
    case Fault::TooLong: return "too-long";
    case Fault::Corrupted: return "corrupted";
    case Fault::Truncated: return "truncated";
    case Fault::Forged: return "forged";
    case Fault::Duplicated: return "duplicated";
    case Fault::Reordered: return "reordered";
  }
  return "unknown";
}

}  // namespace millrace::sim
