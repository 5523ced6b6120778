// The definitions of BasicCongestion, for whoever makes one of a list of their own: congestion.cpp,
// and tests of controllers that are not in the list.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "base/contract.hpp"
#include "tcp/congestion.hpp"

namespace millrace::tcp {

/// Whether nobody but the controller may set its window.
template <typename Controller>
[[nodiscard]] constexpr bool moves_window() noexcept {
  if constexpr (requires { Controller::kMovesOwnWindow; }) {
    return Controller::kMovesOwnWindow;
  }
  return false;
}

/// Whether it looks at the rates of samples.
template <typename Controller>
[[nodiscard]] constexpr bool looks_at_rates() noexcept {
  if constexpr (requires { Controller::kWantsRates; }) {
    return Controller::kWantsRates;
  }
  return false;
}

/// Whether it wants marks echoed exactly.
template <typename Controller>
[[nodiscard]] constexpr bool needs_exact_echo() noexcept {
  if constexpr (requires { Controller::kNeedsExactEcn; }) {
    return Controller::kNeedsExactEcn;
  }
  return false;
}

template <typename List>
bool BasicCongestion<List>::start(CongestionKind kind, std::uint32_t initial_window,
                                  BbrPool* pool) noexcept {
  if (pool != nullptr) {
    release(*pool);
  }
  window_ = CongestionWindow{initial_window};
  return take_place(kind, pool);
}

template <typename List>
bool BasicCongestion<List>::change(CongestionKind kind, BbrPool* pool) noexcept {
  if (pool != nullptr) {
    release(*pool);
  }
  return take_place(kind, pool);
}

template <typename List>
bool BasicCongestion<List>::take_place(CongestionKind kind, BbrPool* pool) noexcept {
  base::expects(static_cast<std::size_t>(kind) < std::variant_size_v<List>);
  if (place(kind, window_.bytes(), pool)) {
    return true;
  }
  const bool is_placed = place(CongestionKind::Cubic, window_.bytes(), nullptr);
  base::ensures(is_placed);
  return false;
}

template <typename List>
bool BasicCongestion<List>::place(CongestionKind kind, std::uint32_t initial_window,
                                  BbrPool* pool) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...> /*indices*/) {
    return ((I == static_cast<std::size_t>(kind) && place<I>(initial_window, pool)) || ...);
  }
  (std::make_index_sequence<std::variant_size_v<List>>{});
}

template <typename List>
template <std::size_t I>
bool BasicCongestion<List>::place(std::uint32_t initial_window, BbrPool* pool) noexcept {
  using T = std::variant_alternative_t<I, List>;
  static_assert(CongestionController<T>);
  if constexpr (requires { T::borrow(*pool, initial_window); }) {
    auto borrowed = pool == nullptr ? std::nullopt : T::borrow(*pool, initial_window);
    if (borrowed) {
      controller_.template emplace<I>(*borrowed);
    }
    return borrowed.has_value();
  } else {
    controller_.template emplace<I>();
    return true;
  }
}

template <typename List>
void BasicCongestion<List>::release(BbrPool& pool) noexcept {
  const bool had_model = std::visit(
      [&]<typename T>(T& controller) noexcept {
        if constexpr (requires { controller.give_back(pool); }) {
          controller.give_back(pool);
          return true;
        }
        return false;
      },
      controller_);
  if (had_model) {
    controller_.template emplace<0>();
  }
}

template <typename List>
void BasicCongestion<List>::on_ack(const AckSample& sample, const PathView& path) noexcept {
  std::visit([&](auto& controller) noexcept { controller.on_ack(window_, sample, path); },
             controller_);
}

template <typename List>
bool BasicCongestion<List>::on_ack_without_rate(const AckSample& sample,
                                                const PathView& path) noexcept {
  return std::visit(
      [&]<typename T>(T& controller) noexcept {
        if constexpr (!looks_at_rates<T>()) {
          controller.on_ack(window_, sample, path);
        }
        return !looks_at_rates<T>();
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_loss(const PathView& path) noexcept {
  window_.save();
  std::visit(
      [&](auto& controller) noexcept { controller.on_reduction(window_, path, Reduction::Loss); },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_congestion_echo(const PathView& path) noexcept {
  window_.save();
  std::visit(
      [&]<typename T>(T& controller) noexcept {
        controller.on_reduction(window_, path, Reduction::Echo);
        if constexpr (!moves_window<T>()) {
          // RFC 3168 §6.1.2: as for a loss, and what is in flight is left alone.
          window_.set(std::min(window_.bytes(), window_.ssthresh()));
        }
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_timeout(const PathView& path, bool is_first) noexcept {
  std::visit(
      [&]<typename T>(T& controller) noexcept {
        // RFC 5681 §3.1: the threshold does not fall again for what has timed out before.
        if (is_first || moves_window<T>()) {
          window_.save();
          controller.on_reduction(window_, path, Reduction::Timeout);
        }
        if constexpr (!moves_window<T>()) {
          window_.set(path.mss);
        }
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_recovery_end(const PathView& path) noexcept {
  std::visit(
      [&]<typename T>(T& controller) noexcept {
        if constexpr (requires { controller.on_recovery_end(window_, path); }) {
          controller.on_recovery_end(window_, path);
        } else {
          window_.set(window_.ssthresh());
        }
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_undo(const PathView& path) noexcept {
  std::visit(
      [&]<typename T>(T& controller) noexcept {
        if constexpr (!moves_window<T>()) {
          window_.restore();
        }
        if constexpr (requires { controller.on_undo(window_, path); }) {
          controller.on_undo(window_, path);
        }
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_idle_restart(std::uint32_t initial_window) noexcept {
  std::visit(
      [&]<typename T>(T& controller) noexcept {
        if constexpr (!moves_window<T>()) {
          window_.set(std::min(window_.bytes(), initial_window));
        }
        if constexpr (requires { controller.on_idle_restart(window_); }) {
          controller.on_idle_restart(window_);
        }
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::on_sent(const PathView& path, std::uint32_t bytes) noexcept {
  std::visit(
      [&]<typename T>(T& controller) noexcept {
        if constexpr (requires { controller.on_sent(window_, path, bytes); }) {
          controller.on_sent(window_, path, bytes);
        }
      },
      controller_);
}

template <typename List>
bool BasicCongestion<List>::hears_of_sent(std::uint32_t in_network) const noexcept {
  return std::visit(
      [&]<typename T>(const T& controller) noexcept {
        if constexpr (requires { controller.hears_of_sent(in_network); }) {
          return controller.hears_of_sent(in_network);
        }
        return requires(T other, CongestionWindow window, PathView path) {
          other.on_sent(window, path, 0U);
        };
      },
      controller_);
}

template <typename List>
bool BasicCongestion<List>::moves_own_window() const noexcept {
  return std::visit([]<typename T>(const T& /*controller*/) noexcept { return moves_window<T>(); },
                    controller_);
}

template <typename List>
bool BasicCongestion<List>::needs_exact_ecn(CongestionKind kind) noexcept {
  return [&]<std::size_t... I>(std::index_sequence<I...> /*indices*/) {
    return ((I == static_cast<std::size_t>(kind) &&
             needs_exact_echo<std::variant_alternative_t<I, List>>()) ||
            ...);
  }
  (std::make_index_sequence<std::variant_size_v<List>>{});
}

template <typename List>
std::uint64_t BasicCongestion<List>::pacing_rate() const noexcept {
  return std::visit(
      []<typename T>(const T& controller) noexcept -> std::uint64_t {
        if constexpr (requires { controller.pacing_rate(); }) {
          return controller.pacing_rate();
        }
        return 0;
      },
      controller_);
}

template <typename List>
void BasicCongestion<List>::describe(TcpInfo& info) const noexcept {
  info.congestion_control = kind();
  std::visit(
      [&]<typename T>(const T& controller) noexcept {
        if constexpr (requires { controller.describe(info.congestion); }) {
          controller.describe(info.congestion);
        }
      },
      controller_);
}

template <typename List>
std::string_view BasicCongestion<List>::name() const noexcept {
  return std::visit([]<typename T>(const T& /*controller*/) noexcept { return T::kName; },
                    controller_);
}

}  // namespace millrace::tcp
