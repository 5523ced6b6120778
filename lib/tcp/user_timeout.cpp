#include "tcp/user_timeout.hpp"

#include <algorithm>

#include "base/contract.hpp"

namespace millrace::tcp {

void UserTimeout::set(Duration limit) noexcept {
  limit_ = limit;
  is_chosen_ = true;
}

void UserTimeout::advertise(Duration time, const TcpConfig& config) noexcept {
  const auto option = wire::UserTimeoutOption::from(time);
  base::expects(option.has_value());
  advertised_ = *option;
  is_due_ = true;
  adapt(config);
}

void UserTimeout::on_option(const wire::UserTimeoutOption& option,
                            const TcpConfig& config) noexcept {
  // RFC 5482 §3.1: only with the application's leave. §3.4: zero says nothing.
  if (advertised_.is_given() && option.is_given()) {
    remote_ = option;
    adapt(config);
  }
}

void UserTimeout::adapt(const TcpConfig& config) noexcept {
  if (is_chosen_) {
    return;
  }
  // RFC 5482 §3.1: the longer of what both want, within this host's limits.
  const Duration wanted = std::max(advertised_.time(), remote_.time());
  limit_ = std::clamp(wanted, config.user_timeout_min, config.user_timeout_max);
}

std::optional<wire::UserTimeoutOption> UserTimeout::option_due() const noexcept {
  return is_due_ ? std::optional{advertised_} : std::nullopt;
}

std::optional<wire::UserTimeoutOption> UserTimeout::option_for_syn() const noexcept {
  return advertised_.is_given() ? std::optional{advertised_} : std::nullopt;
}

}  // namespace millrace::tcp
