#include "socket/hosts_file.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace millrace::socket {

std::string canonical_name(std::string_view name) {
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
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
    while (words >> word) {
      addresses_[canonical_name(word)].push_back(*address);
    }
  }
}

Result<HostsFile, std::string> HostsFile::read(const std::string& path) {
  if (path.empty()) {
    return HostsFile{};
  }
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return fail("cannot read the hosts file " + path);
  }
  return HostsFile{text.str()};
}

const std::vector<IpAddress>* HostsFile::find(std::string_view name) const {
  const auto found = addresses_.find(canonical_name(name));
  return found == addresses_.end() ? nullptr : &found->second;
}

}  // namespace millrace::socket
