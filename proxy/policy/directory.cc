#include "proxy/policy/directory.h"

#include <algorithm>

#include "proxy/policy/limits.h"

namespace sluice::policy {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

base::Result<std::vector<config::v1::DirectoryUser>> parse_directory(std::string_view text, const std::string& file) {
  std::vector<config::v1::DirectoryUser> users;
  WordMap<size_t> seen;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::string place = file + ":" + std::to_string(number) + ": ";
    const auto fields = split(line, ',');
    if (fields.size() > 3 || fields[0].empty() || fields[0].size() > word_bytes_max) {
      return base::Error{place + "a line is `name,group;group,organization unit`"};
    }
    if (!seen.emplace(std::string(fields[0]), number).second) {
      return base::Error{place + "this user stands in line " + std::to_string(seen.find(fields[0])->second) +
                         " already"};
    }
    config::v1::DirectoryUser& user = users.emplace_back();
    user.set_name(std::string(fields[0]));
    if (fields.size() > 1) {
      for (const std::string_view group : split(fields[1], ';')) {
        if (!group.empty()) user.add_groups(std::string(group));
      }
    }
    if (fields.size() > 2) user.set_organization_unit(std::string(fields[2]));
  }
  return users;
}

Directory::Directory(const std::vector<config::v1::DirectoryUser>& users) {
  for (const auto& user : users) {
    Identity& identity = users_[user.name()];
    identity.groups.assign(user.groups().begin(), user.groups().end());
    identity.organization_unit = user.organization_unit();
  }
}

const Identity* Directory::find(std::string_view user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : &found->second;
}

}  // namespace sluice::policy
