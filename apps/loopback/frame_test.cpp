// Port 0 does what the mode says; its counterpart is on port 1, or behind the plug.
#include "loopback/frame_test.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "wire/ethernet.hpp"

namespace loopback {
namespace {

using millrace::MacAddress;
using millrace::packet::Burst;
using millrace::packet::Packet;

constexpr std::size_t kMacBytes = MacAddress::kSize;
/// Of a far end that nobody has named.

Target::Work work_of(Mode mode) noexcept {
  switch (mode) {
    case Mode::MacSwap: return Target::Work::SwapMacs;
    case Mode::IcmpEcho: return Target::Work::AnswerEchoes;
    case Mode::Io:
    case Mode::Tcp:
    case Mode::TxOnly:
    case Mode::RxOnly: break;
  }
  return Target::Work::Forward;
}

bool is_bouncing(Mode mode) noexcept {
  return mode == Mode::Io || mode == Mode::MacSwap || mode == Mode::IcmpEcho;
}

/// How frames of that path look when they arrive.
Path returned(const Path& path, Mode mode) noexcept {
  Path back = path;
  if (mode == Mode::MacSwap || mode == Mode::IcmpEcho) {
    std::swap(back.source.mac, back.destination.mac);
  }
  if (mode == Mode::IcmpEcho) {
    std::swap(back.source.ip, back.destination.ip);
  }
  return back;
}

}  // namespace

millrace::Result<std::unique_ptr<FrameTest>, std::string> FrameTest::make(
    const Options& options, std::vector<Port>& ports) {
  const std::uint16_t longest = std::ranges::max(options.sizes);
  for (const Port& port : ports) {
    const std::size_t most = port.capabilities().mtu + millrace::wire::kEthernetHeaderSize;
    if (longest > most) {
      return millrace::fail(
          fmt::format("--size: {} takes frames of {} bytes, not {}", port.name(), most, longest));
    }
  }
  return std::unique_ptr<FrameTest>{new FrameTest{options, ports}};
}

FrameTest::FrameTest(const Options& options, std::vector<Port>& ports)
    : options_{options}, ports_{ports}, places_(ports.size()) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    places_[i].port = &ports[i];
  }
  const bool has_two = ports.size() == 2;
  const Mode mode = options.mode;
  if (options.is_alone && is_bouncing(mode)) {
    // As testpmd pairs its ports: what comes in by one is forwarded through the other.
    for (std::size_t i = 0; i < ports.size(); ++i) {
      const bool crosses = has_two && mode != Mode::IcmpEcho;
      put_target(i, crosses ? 1 - i : i, station(i));
    }
  } else if (has_two && is_bouncing(mode)) {
    put_target(0, 0, station(0));
    put_tester(1, 1);
  } else if (has_two) {
    const std::size_t sender = mode == Mode::TxOnly ? 0 : 1;
    put_tester(sender, 1 - sender);
  } else {
    if (mode == Mode::MacSwap || mode == Mode::IcmpEcho) {
      put_target(0, 0, path_from(0).destination);
      outbound_ = station(0).mac;
    }
    put_tester(0, 0);
  }
}

bool FrameTest::turn(millrace::Instant now) noexcept {
  bool has_moved = false;
  for (Place& place : places_) {
    has_moved = receive(place) || has_moved;
  }
  for (Place& place : places_) {
    if (place.target) {
      place.target->flush();
    }
  }
  if (tester_) {
    has_moved = tester_->turn(now) || has_moved;
  }
  return has_moved;
}

void FrameTest::stop() noexcept {
  if (tester_) {
    tester_->stop();
  } else {
    is_stopped_ = true;
  }
}

bool FrameTest::is_stopping() const noexcept {
  return tester_ ? tester_->is_stopping() : is_stopped_;
}

bool FrameTest::is_over() const noexcept { return tester_ ? tester_->is_over() : is_stopped_; }

void FrameTest::write_off() noexcept {
  if (tester_) {
    tester_->write_off();
  }
}

std::optional<Verification> FrameTest::verification() const noexcept {
  return verifies_ ? std::optional{tester_->result()} : std::nullopt;
}

std::string FrameTest::problem() const { return tester_ ? tester_->problem() : std::string{}; }

void FrameTest::put_target(std::size_t at, std::size_t out, const Station& self) {
  places_[at].target = std::make_unique<Target>(work_of(options_.mode), ports_[out], self);
}

void FrameTest::put_tester(std::size_t out, std::size_t in) {
  const Mode mode = options_.mode;
  const bool sends = mode != Mode::RxOnly || !options_.is_alone;
  verifies_ = mode != Mode::TxOnly || !options_.is_alone;
  const Carrier carrier = mode == Mode::IcmpEcho ? Carrier::Echo : Carrier::Udp;
  const Path path = path_from(out);
  std::optional<Verifier> verifier;
  if (verifies_) {
    // Whoever only receives knows neither the other's addresses nor its flows.
    const std::uint16_t flows = sends ? options_.flows : kFlowsMax;
    const auto expected = sends ? std::optional{returned(path, mode)} : std::nullopt;
    verifier.emplace(FrameReader{carrier, options_.seed, options_.verify, flows, expected}, flows);
  }
  tester_.emplace(options_.tester, std::move(verifier));
  if (sends) {
    const bool asks = mode == Mode::IcmpEcho;
    tester_->send_through(
        ports_[out],
        Generator{FrameMaker{path, carrier, options_.seed, options_.sizes}, options_.flows,
                  options_.sizes.size()},
        asks ? std::optional{ArpQuestion{path.source, path.destination.ip}} : std::nullopt);
  }
  places_[in].has_tester = true;
}

bool FrameTest::receive(Place& place) noexcept {
  // What the target has not got rid of waits in the port, not with us.
  if (place.target && !place.target->has_room()) {
    return false;
  }
  Burst arrived;
  place.port->receive(arrived);
  for (std::uint16_t i = 0; i < arrived.size(); ++i) {
    hand_out(place, arrived.take(i));
  }
  return !arrived.empty();
}

void FrameTest::hand_out(Place& place, Packet frame) noexcept {
  const bool is_testers =
      place.has_tester && !(place.target && is_outbound(frame)) && tester_->take(frame.data());
  const bool is_taken = is_testers || (place.target && place.target->take(frame));
  if (!is_taken && tester_) {
    tester_->note_foreign();
  }
}

/// On a plug the same port hears what it has sent, before it is turned around.
bool FrameTest::is_outbound(const Packet& frame) const noexcept {
  const auto bytes = frame.data();
  return outbound_ && bytes.size() >= millrace::wire::kEthernetHeaderSize &&
         std::memcmp(bytes.data() + kMacBytes, outbound_->bytes().data(), kMacBytes) == 0;
}

Station FrameTest::station(std::size_t port) const {
  const auto& devices = options_.config.devices;
  const millrace::DeviceConfig& config =
      port < devices.size() ? devices[port] : *options_.separation.second;
  return {ports_[port].capabilities().mac, config.addresses.front().address()};
}

Path FrameTest::path_from(std::size_t port) const {
  const Station self = station(port);
  if (ports_.size() == 2) {
    return {self, station(1 - port)};
  }
  const auto usual = default_devices(2);
  const millrace::IpAddress first = usual[0].addresses.front().address();
  const millrace::IpAddress second = usual[1].addresses.front().address();
  return {self,
          {options_.peer_mac.value_or(kUsualPeerMac),
           options_.peer_address.value_or(self.ip == second ? first : second)}};
}

}  // namespace loopback
