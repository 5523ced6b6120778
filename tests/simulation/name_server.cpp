#include "simulation/name_server.hpp"

namespace millrace::test {

namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kUdpMax = 512;
constexpr std::size_t kTcpMax = 65'535;
constexpr std::uint32_t kTypeA = 1;
constexpr std::uint32_t kTypeCname = 5;
constexpr std::uint32_t kTypeSoa = 6;
constexpr std::uint32_t kQuestionName = 0xc000 + kHeader;  // A pointer to it.
constexpr std::uint8_t kNoSuchName = 3;

using Bytes = std::vector<std::byte>;

void add16(Bytes& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::byte>(value >> 8U & 0xffU));
  bytes.push_back(static_cast<std::byte>(value & 0xffU));
}

/// "www.example." as labels.
Bytes labels_of(const std::string& name) {
  Bytes bytes;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = name.find('.', at);
    bytes.push_back(static_cast<std::byte>(dot - at));
    for (; at < dot; ++at) {
      bytes.push_back(static_cast<std::byte>(name[at]));
    }
    ++at;
  }
  bytes.push_back(std::byte{0});
  return bytes;
}

/// The name that starts at `at`, which ends behind it.
std::string name_at(const Bytes& bytes, std::size_t& at) {
  std::string name;
  for (auto length = std::to_integer<std::size_t>(bytes.at(at)); length != 0;
       length = std::to_integer<std::size_t>(bytes.at(at))) {
    for (std::size_t i = 1; i <= length; ++i) {
      const char letter = static_cast<char>(bytes.at(at + i));
      name += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
    name += '.';
    at += length + 1;
  }
  ++at;
  return name;
}

void add_record(Bytes& bytes, const Bytes& owner, std::uint32_t type, std::uint32_t ttl,
                const Bytes& data) {
  bytes.insert(bytes.end(), owner.begin(), owner.end());
  add16(bytes, type);
  add16(bytes, 1);
  add16(bytes, ttl >> 16U);
  add16(bytes, ttl & 0xffffU);
  add16(bytes, static_cast<std::uint32_t>(data.size()));
  bytes.insert(bytes.end(), data.begin(), data.end());
}

}  // namespace

Result<void, std::string> NameServer::start(Worker& worker) {
  socket = worker.open_udp({.port = Port{53}}, *this).value();
  listener = worker.listen({.port = Port{53}}, *this).value();
  return {};
}

void NameServer::stop() {
  static_cast<void>(socket.close());
  static_cast<void>(listener.close());
}

void NameServer::on_readable(UdpSocket of) {
  while (auto question = of.receive()) {
    Bytes asked(question->payload.total_size());
    question->payload.copy_to(asked);
    ++by_udp;
    asked_from.push_back(question->source.port);
    if (!is_silent) {
      static_cast<void>(of.send_to(question->source, answer(asked, kUdpMax)));
    }
  }
}

void NameServer::on_accepted(TcpSocket /*of*/) { ++connections; }

void NameServer::on_readable(TcpSocket of) {
  for (auto bytes = of.peek(); reads_tcp && bytes.size() > 2; bytes = of.peek()) {
    const std::size_t size =
        std::to_integer<std::size_t>(bytes[0]) << 8U | std::to_integer<std::size_t>(bytes[1]);
    const auto question = bytes.subspan(2, size);
    const Bytes whole = answer({question.begin(), question.end()}, kTcpMax);
    static_cast<void>(of.consume(2 + size));
    ++by_tcp;
    Bytes framed;
    add16(framed, static_cast<std::uint32_t>(whole.size()));
    framed.insert(framed.end(), whole.begin(), whole.end());
    static_cast<void>(of.send(framed));
  }
}

void NameServer::on_peer_finished(TcpSocket of) { static_cast<void>(of.close()); }

NameServer::Bytes NameServer::answer(const Bytes& asked, std::size_t most) {
  std::size_t at = kHeader;
  const std::string name = name_at(asked, at);
  asked_for.push_back(name);
  const std::size_t question_end = at + 4;
  Bytes owner;
  add16(owner, kQuestionName);
  Bytes answers;
  unsigned count = 0;
  auto found = records.find(name);
  for (; found != records.end() && !found->second.alias_of.empty(); ++count) {
    const std::string& target = found->second.alias_of;
    add_record(answers, owner, kTypeCname, found->second.ttl, labels_of(target));
    owner = labels_of(target);
    found = records.find(target);
  }
  const Record record =
      found == records.end() ? Record{.response_code = kNoSuchName} : found->second;
  for (const IpAddress& address : record.addresses) {
    Bytes data;
    for (const std::uint8_t octet : address.v4_bytes()) {
      data.push_back(std::byte{octet});
    }
    add_record(answers, owner, kTypeA, record.ttl, data);
    ++count;
  }
  Bytes authority;
  if (record.addresses.empty() && soa_lifetime > 0) {
    Bytes data(2 + 4 * sizeof(std::uint32_t));  // Two names of no label, and four numbers.
    add16(data, soa_minimum >> 16U);
    add16(data, soa_minimum & 0xffffU);
    add_record(authority, Bytes{std::byte{0}}, kTypeSoa, soa_lifetime, data);
  }
  const bool is_cut = question_end + answers.size() > most;
  Bytes made{asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(question_end)};
  made[2] = static_cast<std::byte>(is_cut ? 0x83 : 0x81);
  made[3] = static_cast<std::byte>(0x80U | record.response_code);
  made[6] = static_cast<std::byte>(is_cut ? 0 : count >> 8U);
  made[7] = static_cast<std::byte>(is_cut ? 0 : count & 0xffU);
  made[8] = made[10] = made[11] = std::byte{0};
  made[9] = std::byte{!is_cut && !authority.empty()};
  if (!is_cut) {
    made.insert(made.end(), answers.begin(), answers.end());
    made.insert(made.end(), authority.begin(), authority.end());
  }
  return made;
}

}  // namespace millrace::test
