#include "posix/error_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/contract.hpp"
#include "wire/icmp.hpp"

namespace millrace::posix {

ErrorRecord* ErrorQueue::add(const sock_extended_err& what, std::uint32_t most) noexcept {
  ErrorRecord* const record = count_ < most ? pool_.emplace() : nullptr;
  if (record != nullptr) {
    record->what = what;
    queue_.push_back(*record);
    newest_ = record;
    ++count_;
  }
  return record;
}

void ErrorQueue::push(const sock_extended_err& what, const Endpoint& destination,
                      const IpAddress& reporter, std::span<const std::byte> payload) noexcept {
  ErrorRecord* const record = add(what, kMost);
  if (record == nullptr) {
    return;
  }
  const auto kept = payload.first(std::min(payload.size(), ErrorRecord::kPayloadMax));
  record->destination = destination;
  record->reporter = reporter;
  record->payload_bytes = static_cast<std::uint16_t>(kept.size());
  std::ranges::copy(kept, record->bytes.begin());
}

bool ErrorQueue::push_notice(const sock_extended_err& what,
                             const std::optional<timespec>& time) noexcept {
  ErrorRecord* const record = add(what, kNoticesMost);
  if (record != nullptr) {
    record->time = time;
  }
  return record != nullptr;
}

bool ErrorQueue::extend_zero_copy(std::uint32_t first, std::uint32_t last) noexcept {
  if (newest_ == nullptr || newest_->what.ee_origin != SO_EE_ORIGIN_ZEROCOPY ||
      newest_->what.ee_data + 1 != first) {
    return false;
  }
  newest_->what.ee_data = last;
  return true;
}

void ErrorQueue::pop() noexcept {
  ErrorRecord* const record = queue_.pop_front();
  base::expects(record != nullptr);
  newest_ = newest_ == record ? nullptr : newest_;
  pool_.erase(pool_.index_of(*record));
  --count_;
}

void ErrorQueue::clear() noexcept {
  while (!empty()) {
    pop();
  }
}

IcmpMeaning meaning_of_icmp(std::uint8_t type, std::uint8_t code) noexcept {
  // By code of "destination unreachable", as Linux's icmp_err_convert.
  static constexpr std::array<IcmpMeaning, 16> kUnreachable{{
      {.error = ENETUNREACH, .is_lasting = false},   // Network.
      {.error = EHOSTUNREACH, .is_lasting = false},  // Host.
      {.error = ENOPROTOOPT, .is_lasting = true},    // Protocol.
      {.error = ECONNREFUSED, .is_lasting = true},   // Port.
      {.error = EMSGSIZE, .is_lasting = true},       // Fragmentation needed.
      {.error = EOPNOTSUPP, .is_lasting = false},    // Source route.
      {.error = ENETUNREACH, .is_lasting = true},    // Network unknown.
      {.error = EHOSTDOWN, .is_lasting = true},      // Host unknown.
      {.error = ENONET, .is_lasting = true},         // Source host isolated.
      {.error = ENETUNREACH, .is_lasting = true},    // Network prohibited.
      {.error = EHOSTUNREACH, .is_lasting = true},   // Host prohibited.
      {.error = ENETUNREACH, .is_lasting = false},   // Network, for this type of service.
      {.error = EHOSTUNREACH, .is_lasting = false},  // Host, for this type of service.
      {.error = EHOSTUNREACH, .is_lasting = true},   // Filtered.
      {.error = EHOSTUNREACH, .is_lasting = true},   // Precedence violated.
      {.error = EHOSTUNREACH, .is_lasting = true},   // Precedence cut off.
  }};
  if (type == std::to_underlying(wire::IcmpType::ParameterProblem)) {
    return {.error = EPROTO, .is_lasting = true};
  }
  if (type == std::to_underlying(wire::IcmpType::DestinationUnreachable) &&
      code < kUnreachable.size()) {
    return kUnreachable.at(code);
  }
  return {.error = EHOSTUNREACH, .is_lasting = false};
}

}  // namespace millrace::posix
