#include "socket/hosts_file.hpp"

#include <algorithm>
#include <sstream>

#include "socket/text_file.hpp"

namespace millrace::socket {

namespace {

std::string key_of(std::string_view name) {
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  return in_small_letters(name);
}

}  // namespace

std::string in_small_letters(std::string_view name) {
  std::string small{name};
  std::ranges::transform(small, small.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return small;
}

HostsFile::HostsFile(std::string_view text) {
  std::istringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line.substr(0, line.find('#'))};
    std::string word;
    if (!(words >> word)) {
      continue;
    }
    const auto address = IpAddress::parse(word);
    if (!address || !address->is_v4()) {
      continue;
    }
    std::string canonical;
    while (words >> word) {
      canonical = canonical.empty() ? word : canonical;
      NameAnswer& answer = names_[key_of(word)];
      answer.addresses.push_back(*address);
      if (answer.canonical.empty()) {
        answer.canonical = canonical;
      }
    }
  }
}

Result<HostsFile, std::string> HostsFile::read(const std::string& path) {
  const auto text = read_text(path, kDefaultPath);
  if (!text) {
    return fail(text.error());
  }
  return HostsFile{*text};
}

const NameAnswer* HostsFile::find(std::string_view name) const {
  const auto found = names_.find(key_of(name));
  return found == names_.end() ? nullptr : &found->second;
}

}  // namespace millrace::socket
