// DPDK calls back without a word about whom: the one Telemetry of the process is found by a static
// name, as EAL itself is.
#include "control/telemetry.hpp"

#include <rte_telemetry.h>

#include <charconv>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "control/socket_record_fields.hpp"

namespace millrace::control {

namespace {

// All of an answer must fit into 16 KiB of text, or DPDK leaves something out.
constexpr std::uint32_t kRecordsWithInfo = 8;
constexpr std::uint32_t kRecordsWithoutInfo = 32;

struct Current {
  std::mutex mutex;
  Telemetry* telemetry = nullptr;
};

Current& current() {
  static Current only;
  return only;
}

int answer_error(rte_tel_data* data, const std::string& why) {
  rte_tel_data_start_dict(data);
  return rte_tel_data_add_dict_string(data, "error", why.c_str());
}

void add_record(rte_tel_data* data, std::size_t place, const stack::SocketRecord& record) {
  rte_tel_data* const fields = rte_tel_data_alloc();
  if (fields == nullptr) {
    return;
  }
  rte_tel_data_start_dict(fields);
  for_each_field(
      record,
      [fields](const char* name, std::uint64_t value) {
        rte_tel_data_add_dict_u64(fields, name, value);
      },
      [fields](const char* name, const std::string& text) {
        rte_tel_data_add_dict_string(fields, name, text.c_str());
      });
  rte_tel_data_add_dict_container(data, fmt::format("s{}", place).c_str(), fields, 0);
}

int on_cores(const char* /*command*/, const char* /*parameters*/, rte_tel_data* data) {
  const std::scoped_lock lock{current().mutex};
  const Telemetry* const telemetry = current().telemetry;
  rte_tel_data_start_dict(data);
  return rte_tel_data_add_dict_u64(data, "cores",
                                   telemetry == nullptr ? 0 : telemetry->core_count());
}

int on_sockets(const char* /*command*/, const char* parameters, rte_tel_data* data) {
  const auto question = PageQuestion::parse(parameters == nullptr ? "" : parameters);
  if (!question) {
    return answer_error(data, "ask for CORE,CURSOR,INFO; the first cursor is 0, INFO is 0 or 1");
  }
  const std::scoped_lock lock{current().mutex};
  Telemetry* const telemetry = current().telemetry;
  if (telemetry == nullptr || question->core >= telemetry->core_count()) {
    return answer_error(data, fmt::format("there is no core {}", question->core));
  }
  const auto page =
      telemetry->page(question->core, stack::SocketCursor{question->cursor}, question->with_info);
  if (!page) {
    return answer_error(data, fmt::format("core {}: {}", question->core, page.error()));
  }
  rte_tel_data_start_dict(data);
  const bool is_last = page->next.table() == stack::SocketCursor::Table::Done;
  rte_tel_data_add_dict_u64(data, "next", is_last ? 0 : page->next.number());
  std::size_t place = 0;
  for (const stack::SocketRecord& record : page->records) {
    add_record(data, place++, record);
  }
  return 0;
}

void register_once() {
  static const bool is_done = [] {
    rte_telemetry_register_cmd("/millrace/cores", on_cores,
                               "Returns the number of Millrace's cores. Takes no parameters");
    rte_telemetry_register_cmd("/millrace/sockets", on_sockets,
                               "Returns a page of a core's sockets. Parameters: int core, u64 "
                               "cursor (first 0), int info (0 or 1)");
    return true;
  }();
  static_cast<void>(is_done);
}

template <class Number>
bool take_number(std::string_view& text, Number& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{};
}

bool take_comma(std::string_view& text) noexcept {
  const bool is_there = text.starts_with(',');
  text.remove_prefix(is_there ? 1 : 0);
  return is_there;
}

}  // namespace

Telemetry::Telemetry(std::vector<Core> cores) : cores_{std::move(cores)} {
  register_once();
  const std::scoped_lock lock{current().mutex};
  current().telemetry = this;
}

Telemetry::~Telemetry() {
  const std::scoped_lock lock{current().mutex};
  current().telemetry = nullptr;
}

Result<stack::SocketPage, std::string> Telemetry::page(std::size_t core, stack::SocketCursor from,
                                                       bool with_info) {
  stack::PageLimits limits;
  limits.records = with_info ? kRecordsWithInfo : kRecordsWithoutInfo;
  limits.with_info = with_info;
  return cores_[core].line.ask(from, limits, cores_[core].wake);
}

std::optional<PageQuestion> PageQuestion::parse(std::string_view text) noexcept {
  PageQuestion question;
  unsigned info = 0;
  const bool is_right = take_number(text, question.core) && take_comma(text) &&
                        take_number(text, question.cursor) && take_comma(text) &&
                        take_number(text, info) && text.empty() && info <= 1;
  question.with_info = info == 1;
  return is_right ? std::optional{question} : std::nullopt;
}

}  // namespace millrace::control
