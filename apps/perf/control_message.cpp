// Every field is looked at before it is believed: the other end may be anybody.
#include "perf/control_message.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include <millrace/buffer.hpp>

namespace perf::message {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kTextMax = 400;
constexpr std::size_t kProblemsMax = 20;
constexpr std::uint64_t kProtocol = 1;
constexpr std::uint64_t kByteOrder = std::endian::native == std::endian::little ? 1 : 2;

// Reads fields of an object; the first one that is missing or wrong is remembered.
class Fields {
 public:
  explicit Fields(const json& object) : object_{object} {}

  [[nodiscard]] std::uint64_t number(const char* name, std::uint64_t most) {
    const json* const field = find(name);
    if (field == nullptr || !field->is_number_unsigned() || field->get<std::uint64_t>() > most) {
      return miss(name), 0;
    }
    return field->get<std::uint64_t>();
  }
  template <class Number>
  [[nodiscard]] Number number(const char* name) {
    return static_cast<Number>(number(name, std::numeric_limits<Number>::max()));
  }
  [[nodiscard]] double seconds(const char* name) {
    const json* const field = find(name);
    const double value = field != nullptr && field->is_number() ? field->get<double>() : -1;
    if (!std::isfinite(value) || value < 0 || value > 1e9) {
      return miss(name), 0;
    }
    return value;
  }
  [[nodiscard]] bool truth(const char* name) {
    const json* const field = find(name);
    if (field == nullptr || !field->is_boolean()) {
      return miss(name), false;
    }
    return field->get<bool>();
  }
  // It may end on a terminal: what is not printable becomes a question mark.
  [[nodiscard]] std::string text(const char* name) {
    const json* const field = find(name);
    if (field == nullptr || !field->is_string()) {
      return miss(name), std::string{};
    }
    return printable(field->get_ref<const std::string&>());
  }
  [[nodiscard]] const json* child(const char* name) {
    const json* const field = find(name);
    if (field == nullptr) {
      miss(name);
    }
    return field;
  }
  void miss(const char* name) { wrong_ = wrong_ == nullptr ? name : wrong_; }
  [[nodiscard]] const char* wrong() const noexcept { return wrong_; }

  [[nodiscard]] static std::string printable(const std::string& text) {
    std::string made = text.substr(0, kTextMax);
    for (char& letter : made) {
      letter = letter >= ' ' && letter <= '~' ? letter : '?';
    }
    return made;
  }

 private:
  [[nodiscard]] const json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  const json& object_;
  const char* wrong_ = nullptr;
};

json to_json(const Plan& plan) {
  return {{"mode", to_string(plan.mode)},
          {"verify_all", plan.verify == Verify::All},
          {"client_sends", plan.client_sends},
          {"server_sends", plan.server_sends},
          {"connections", plan.connections},
          {"depth", plan.depth},
          {"request_bytes", plan.request_bytes},
          {"response_bytes", plan.response_bytes},
          {"buffer_bytes", plan.buffer_bytes},
          {"data_ports", plan.data_ports},
          {"seed", plan.seed}};
}

Plan plan_from(Fields& fields) {
  Plan plan;
  const auto mode = mode_from(fields.text("mode"));
  if (!mode) {
    fields.miss("mode");
  }
  plan.mode = mode.value_or(Mode::Stream);
  plan.verify = fields.truth("verify_all") ? Verify::All : Verify::Sample;
  plan.client_sends = fields.truth("client_sends");
  plan.server_sends = fields.truth("server_sends");
  plan.connections = fields.number<std::uint32_t>("connections");
  plan.depth = fields.number<std::uint32_t>("depth");
  plan.request_bytes = fields.number<std::uint64_t>("request_bytes");
  plan.response_bytes = fields.number<std::uint64_t>("response_bytes");
  plan.buffer_bytes = fields.number<std::uint64_t>("buffer_bytes");
  plan.data_ports = fields.number<std::uint16_t>("data_ports");
  plan.seed = fields.number<std::uint64_t>("seed");
  return plan;
}

json to_json(const Tally& tally) {
  return {{"bytes_in", tally.bytes_in},   {"bytes_out", tally.bytes_out},
          {"exchanges", tally.exchanges}, {"opened", tally.opened},
          {"closed", tally.closed},       {"failed", tally.failed},
          {"lost", tally.lost},           {"corrupt", tally.corrupt}};
}

Tally tally_from(Fields& result, const char* name) {
  const json* const object = result.child(name);
  if (object == nullptr || !object->is_object()) {
    return result.miss(name), Tally{};
  }
  Fields fields{*object};
  Tally tally;
  tally.bytes_in = fields.number<std::uint64_t>("bytes_in");
  tally.bytes_out = fields.number<std::uint64_t>("bytes_out");
  tally.exchanges = fields.number<std::uint64_t>("exchanges");
  tally.opened = fields.number<std::uint64_t>("opened");
  tally.closed = fields.number<std::uint64_t>("closed");
  tally.failed = fields.number<std::uint64_t>("failed");
  tally.lost = fields.number<std::uint64_t>("lost");
  tally.corrupt = fields.number<std::uint64_t>("corrupt");
  if (fields.wrong() != nullptr) {
    result.miss(fields.wrong());
  }
  return tally;
}

EndResult result_from(Fields& fields) {
  EndResult result;
  result.backend = fields.text("backend");
  result.seconds = fields.seconds("seconds");
  result.processor_seconds = fields.seconds("processor_seconds");
  result.measured = tally_from(fields, "measured");
  result.total = tally_from(fields, "total");
  const json* const problems = fields.child("problems");
  if (problems == nullptr || !problems->is_array() || problems->size() > kProblemsMax) {
    return fields.miss("problems"), result;
  }
  for (const auto& problem : *problems) {
    if (!problem.is_string()) {
      fields.miss("problems");
      break;
    }
    result.problems.push_back(Fields::printable(problem.get_ref<const std::string&>()));
  }
  return result;
}

json to_json(const EndResult& result) {
  json problems = json::array();
  for (const auto& problem : result.problems) {
    if (problems.size() < kProblemsMax) {
      problems.push_back(problem);
    }
  }
  return {{"type", "outcome"},
          {"backend", result.backend},
          {"seconds", result.seconds},
          {"processor_seconds", result.processor_seconds},
          {"measured", to_json(result.measured)},
          {"total", to_json(result.total)},
          {"problems", std::move(problems)}};
}

struct ToJson {
  json operator()(const Test& test) const {
    json made = to_json(test.plan);
    made["type"] = "test";
    made["protocol"] = kProtocol;
    made["byte_order"] = kByteOrder;
    return made;
  }
  json operator()(const Ready& ready) const {
    return {{"type", "ready"}, {"first_port", ready.first_port.number()}};
  }
  json operator()(const Refusal& refusal) const {
    return {{"type", "refusal"}, {"reason", refusal.reason}};
  }
  json operator()(const Start&) const { return {{"type", "start"}}; }
  json operator()(const Measure&) const { return {{"type", "measure"}}; }
  json operator()(const Stop&) const { return {{"type", "stop"}}; }
  json operator()(const Finish&) const { return {{"type", "finish"}}; }
  json operator()(const Outcome& outcome) const { return to_json(outcome.result); }
};

std::optional<Any> any_from(const std::string& type, Fields& fields) {
  if (type == "test") {
    if (fields.number("protocol", kProtocol) != kProtocol) {
      fields.miss("protocol");
    }
    if (fields.number<std::uint64_t>("byte_order") != kByteOrder) {
      fields.miss("byte_order");
    }
    return Test{plan_from(fields)};
  }
  if (type == "ready") {
    return Ready{millrace::Port{fields.number<std::uint16_t>("first_port")}};
  }
  if (type == "refusal") {
    return Refusal{fields.text("reason")};
  }
  if (type == "outcome") {
    return Outcome{result_from(fields)};
  }
  if (type == "start") {
    return Start{};
  }
  if (type == "measure") {
    return Measure{};
  }
  if (type == "stop") {
    return Stop{};
  }
  return type == "finish" ? std::optional<Any>{Finish{}} : std::nullopt;
}

}  // namespace

std::string encode(const Any& message) {
  // Texts come from this program; what is not UTF-8 in a file's name, say, is replaced.
  const std::string text =
      std::visit(ToJson{}, message).dump(-1, ' ', false, json::error_handler_t::replace);
  std::string made;
  for (std::size_t shift = 8 * kLengthBytes; shift > 0; shift -= 8) {
    made += static_cast<char>(text.size() >> (shift - 8));
  }
  return made + text;
}

millrace::Result<Any, std::string> decode(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) {
    return millrace::fail(std::string{"a control message is no JSON object"});
  }
  Fields fields{object};
  const std::string type = fields.text("type");
  auto any = any_from(type, fields);
  if (fields.wrong() != nullptr) {
    return millrace::fail("a control message lacks a right field \"" + std::string{fields.wrong()} +
                          "\"");
  }
  if (!any) {
    return millrace::fail(std::string{"a control message is of an unknown type"});
  }
  return *std::move(any);
}

void Reader::add(std::span<const std::byte> bytes) { waiting_ += millrace::as_text(bytes); }

millrace::Result<std::optional<Any>, std::string> Reader::next() {
  if (waiting_.size() < kLengthBytes) {
    return std::nullopt;
  }
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length = length << 8U | static_cast<unsigned char>(waiting_[i]);
  }
  if (length > kBytesMax) {
    return millrace::fail(std::string{"a control message is too long: nothing of millrace-perf's"});
  }
  if (waiting_.size() < kLengthBytes + length) {
    return std::nullopt;
  }
  auto read = decode(std::string_view{waiting_}.substr(kLengthBytes, length));
  waiting_.erase(0, kLengthBytes + length);
  if (!read) {
    return millrace::fail(std::move(read.error()));
  }
  return *std::move(read);
}

}  // namespace perf::message
