// DeviceMap: which interfaces stand on a device: one without tag, one for each VLAN. It finds a
// received frame's, and says whose turn to send it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::stack {

/// Filled at start-up; belongs to one core.
class DeviceMap {
 public:
  /// `vlan` 0 is the interface without tag. A device has at most one interface for each.
  void add(std::uint32_t device, std::uint16_t vlan, std::uint32_t interface_index);

  /// The interface of `device` for that VLAN. A device has a handful, for which a walk is fastest.
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t device,
                                                  std::uint16_t vlan) const noexcept {
    for (const Member& member : devices_[device].members) {
      if (member.vlan == vlan) {
        return member.interface_index;
      }
    }
    return std::nullopt;
  }

  /// Interfaces on `device`.
  [[nodiscard]] std::size_t count(std::uint32_t device) const noexcept {
    return devices_[device].members.size();
  }
  /// The next interface in turn; after `count` calls each was named once. There must be one.
  [[nodiscard]] std::uint32_t next(std::uint32_t device) noexcept {
    Device& of = devices_[device];
    of.turn = of.turn + 1 < of.members.size() ? of.turn + 1 : 0;
    return of.members[of.turn].interface_index;
  }

 private:
  struct Member {
    std::uint16_t vlan;
    std::uint32_t interface_index;
  };
  struct Device {
    std::vector<Member> members;
    std::size_t turn = 0;
  };

  std::vector<Device> devices_;
};

}  // namespace millrace::stack
