// Bbr: BBR version 3 as `Congestion` wants it: eight bytes that lead to a BbrModel. BbrPool: the
// models of one core.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include <millrace/tcp_info.hpp>

#include "base/slot_table.hpp"
#include "tcp/bbr_model.hpp"

namespace millrace::tcp {

/// Bounded, and empty when so many connections use it.
class BbrPool {
 public:
  /// `seed` is where the models' chance comes from.
  BbrPool(std::uint32_t capacity, std::uint32_t seed) noexcept : models_{capacity}, seed_{seed} {}

  /// Null when it is exhausted.
  [[nodiscard]] BbrModel* take(std::uint32_t initial_window) noexcept {
    // Weyl's sequence: no two models begin alike.
    seed_ += 0x9e37'79b9U;
    return models_.emplace(initial_window, seed_);
  }
  void give_back(BbrModel& model) noexcept { models_.erase(models_.index_of(model)); }

  [[nodiscard]] std::uint32_t size() const noexcept { return models_.size(); }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return models_.capacity(); }

 private:
  base::SlotTable<BbrModel> models_;
  std::uint32_t seed_;
};

class Bbr {
 public:
  static constexpr std::string_view kName = "bbr";
  static constexpr bool kMovesOwnWindow = true;
  static constexpr bool kWantsRates = true;

  /// Empty when the pool is.
  [[nodiscard]] static std::optional<Bbr> borrow(BbrPool& pool,
                                                 std::uint32_t initial_window) noexcept {
    BbrModel* const model = pool.take(initial_window);
    return model == nullptr ? std::nullopt : std::optional{Bbr{*model}};
  }
  void give_back(BbrPool& pool) noexcept { pool.give_back(model()); }

  void on_ack(CongestionWindow& window, const AckSample& sample, const PathView& path) noexcept {
    model().on_ack(window, sample, path);
  }
  void on_reduction(CongestionWindow& window, const PathView& path, Reduction reason) noexcept {
    model().on_reduction(window, path, reason);
  }
  void on_recovery_end(CongestionWindow& window, const PathView& /*path*/) noexcept {
    model().on_recovery_end(window);
  }
  void on_undo(CongestionWindow& window, const PathView& /*path*/) noexcept {
    model().on_undo(window);
  }
  void on_sent(CongestionWindow& window, const PathView& path, std::uint32_t /*bytes*/) noexcept {
    model().on_sent(window, path);
  }
  [[nodiscard]] std::uint64_t pacing_rate() const noexcept { return model().pacing_rate(); }

  void describe(TcpCongestionInfo& info) const noexcept {
    info.bandwidth = model().bandwidth();
    info.min_rtt = model().min_rtt();
    info.pacing_gain_percent = model().pacing_gain();
    info.window_gain_percent = model().window_gain();
  }

  [[nodiscard]] BbrModel& model() noexcept { return *std::bit_cast<BbrModel*>(model_); }
  [[nodiscard]] const BbrModel& model() const noexcept { return *std::bit_cast<BbrModel*>(model_); }

 private:
  explicit Bbr(BbrModel& model) noexcept
      : model_{std::bit_cast<std::array<std::uint32_t, 2>>(&model)} {}

  // A pointer in two halves: its alignment would cost every control block four bytes.
  std::array<std::uint32_t, 2> model_;
};

}  // namespace millrace::tcp
