// HeldDatagram: what MSG_MORE and UDP_CORK hold back of a datagram: in packets that are filled one
// after the other, so that many small pieces take no more of them than their bytes do, and charged
// to the budget of the core like all that waits.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "packet/packet.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::posix {

class HeldDatagram {
 public:
  enum class Added : std::uint8_t {
    Whole,
    NoPacket,  ///< There is none now. Nothing was added.
    NoRoom,    ///< The budget allows no more, likewise.
  };

  HeldDatagram() noexcept = default;
  HeldDatagram(const HeldDatagram&) = delete;
  HeldDatagram& operator=(const HeldDatagram&) = delete;
  ~HeldDatagram() { reset(); }

  /// Whether something is held back, an empty piece included.
  [[nodiscard]] explicit operator bool() const noexcept { return full_ || last_; }
  [[nodiscard]] std::size_t size() const noexcept {
    return std::size_t{full_ ? full_.size() : 0} + (last_ ? last_.size() : 0);
  }
  /// Puts a copy behind what there is. `allocate` makes an empty packet, or none; `budget` must
  /// outlive this object.
  template <class Allocate>
  [[nodiscard]] Added add(std::span<const std::byte> bytes, packet::PacketBudget& budget,
                          Allocate allocate);
  /// All of it as one chain, for whoever sends it: `reset` once it is taken, while what is refused
  /// stays held back. Only where something is.
  [[nodiscard]] packet::Packet& whole() noexcept {
    if (last_) {
      link_last();
    }
    return full_;
  }
  /// Forgets what is behind the first `bytes`.
  void keep_first(std::size_t bytes) noexcept {
    whole().keep_first(static_cast<std::uint32_t>(bytes));
    const std::uint32_t charge = full_.chain_charge();
    budget_->release(charged_ - charge);
    charged_ = charge;
  }
  void reset() noexcept {
    if (charged_ > 0) {
      budget_->release(std::exchange(charged_, 0));
    }
    full_.reset();
    last_.reset();
  }

 private:
  // Those of the longest datagram.
  static constexpr std::size_t kPacketsMax = 0xffff / packet::CorePools::kDataRoomBytes + 1;

  /// A chain has room for more packets than there ever are.
  void link_last() noexcept {
    if (full_) {
      static_cast<void>(full_.chain(last_));
    } else {
      full_ = std::move(last_);
    }
    last_.reset();
  }

  packet::Packet full_;  // But the last.
  packet::Packet last_;
  packet::PacketBudget* budget_ = nullptr;
  std::uint32_t charged_ = 0;
};

template <class Allocate>
HeldDatagram::Added HeldDatagram::add(std::span<const std::byte> bytes,
                                      packet::PacketBudget& budget, Allocate allocate) {
  // First the packets, so that a piece is added whole or not at all.
  std::array<packet::Packet, kPacketsMax> fresh;
  std::size_t room = last_ ? last_.tailroom() : 0;
  std::uint32_t charge = 0;
  for (std::size_t i = 0; room < bytes.size() || (!last_ && i == 0); ++i) {
    packet::Packet packet = i < fresh.size() ? allocate() : packet::Packet{};
    const bool is_paid = packet && budget.try_charge(packet.charge(), packet::BudgetUse::Bulk);
    if (!is_paid) {
      budget.release(charge);
      return packet ? Added::NoRoom : Added::NoPacket;
    }
    charge += packet.charge();
    room += packet.tailroom();
    fresh[i] = std::move(packet);
  }
  budget_ = &budget;
  charged_ += charge;
  for (std::size_t next = 0; !bytes.empty() || !last_;) {
    if (!last_ || last_.tailroom() == 0) {
      if (last_) {
        link_last();
      }
      last_ = std::move(fresh[next++]);
    }
    const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), last_.tailroom()));
    std::ranges::copy(piece, last_.append(static_cast<std::uint16_t>(piece.size())).begin());
    bytes = bytes.subspan(piece.size());
  }
  return Added::Whole;
}

}  // namespace millrace::posix
