// Each field's kind follows from its type.
#include "control/udp_settings.hpp"

#include <algorithm>
#include <span>
#include <type_traits>

#include <fmt/format.h>

#include "control/setting_value.hpp"

namespace millrace::control {

namespace {

template <class Section>
struct Setting {
  std::string_view name;
  Parsed<bool> (*apply)(Section& section, std::string_view value);
  std::string (*show)(const Section& section);
};

template <class Section, auto Member>
Parsed<bool> apply(Section& section, std::string_view value) {
  return apply_number(section.*Member, value);
}

template <class Section, auto Member>
std::string show(const Section& section) {
  if constexpr (std::is_same_v<std::remove_cvref_t<decltype(section.*Member)>, Duration>) {
    return seconds_text(section.*Member);
  } else {
    return std::to_string(section.*Member);
  }
}

template <class Section, auto Member>
constexpr Setting<Section> setting(std::string_view name) {
  return {.name = name, .apply = &apply<Section, Member>, .show = &show<Section, Member>};
}

constexpr Setting<UdpConfig> kUdp[] = {
    setting<UdpConfig, &UdpConfig::receive_queue_bytes>("receive_queue_bytes"),
    setting<UdpConfig, &UdpConfig::receive_queue_datagrams>("receive_queue_datagrams"),
    setting<UdpConfig, &UdpConfig::total_bytes>("total_bytes"),
    setting<UdpConfig, &UdpConfig::hop_limit>("hop_limit"),
    setting<UdpConfig, &UdpConfig::local_port_first>("local_port_first"),
    setting<UdpConfig, &UdpConfig::local_port_last>("local_port_last"),
};

constexpr Setting<ReassemblyConfig> kReassembly[] = {
    setting<ReassemblyConfig, &ReassemblyConfig::datagrams>("datagrams"),
    setting<ReassemblyConfig, &ReassemblyConfig::per_source>("per_source"),
    setting<ReassemblyConfig, &ReassemblyConfig::fragments>("fragments"),
    setting<ReassemblyConfig, &ReassemblyConfig::bytes>("bytes"),
    setting<ReassemblyConfig, &ReassemblyConfig::timeout>("timeout"),
};

template <class Section>
std::string text_of(std::span<const Setting<Section>> settings, const Section& section) {
  std::string text;
  for (const Setting<Section>& each : settings) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", each.name, each.show(section));
  }
  return text;
}

template <class Section>
Parsed<bool> apply_one(std::span<const Setting<Section>> settings, Section& section,
                       std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto found = std::ranges::find(settings, name, &Setting<Section>::name);
  if (equals == std::string_view::npos || found == settings.end()) {
    return fail(fmt::format("'{}' sets nothing; give NAME=VALUE, where there are {}", text,
                            text_of(settings, section)));
  }
  if (const Parsed<bool> applied = found->apply(section, text.substr(equals + 1)); !applied) {
    return fail(fmt::format("{}: {}", name, applied.error()));
  }
  return true;
}

}  // namespace

Parsed<bool> apply_udp_setting(UdpConfig& config, std::string_view text) {
  return apply_one(std::span<const Setting<UdpConfig>>{kUdp}, config, text);
}

Parsed<bool> apply_reassembly_setting(ReassemblyConfig& config, std::string_view text) {
  return apply_one(std::span<const Setting<ReassemblyConfig>>{kReassembly}, config, text);
}

std::string udp_settings_text(const UdpConfig& config) {
  return text_of(std::span<const Setting<UdpConfig>>{kUdp}, config);
}

std::string reassembly_settings_text(const ReassemblyConfig& config) {
  return text_of(std::span<const Setting<ReassemblyConfig>>{kReassembly}, config);
}

}  // namespace millrace::control
