#include "proxy/policy/url_index.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace sluice::policy {

struct UrlIndex::Best {
  std::tuple<size_t, size_t, uint8_t, bool> weight{};
  const std::vector<uint32_t>* lists = nullptr;
  bool open = false;  // a known path could change it
};

struct UrlIndex::RegexList {
  uint32_t list;
  std::unique_ptr<re2::RE2::Set> set;
};

UrlIndex::UrlIndex() = default;
UrlIndex::~UrlIndex() = default;

uint32_t UrlIndex::group_of(const HostPattern& host) {
  const auto next = static_cast<uint32_t>(groups_.size());
  const auto [place, is_new] = group_by_pattern_.emplace(host.to_string(), next);
  if (!is_new) return place->second;
  Group& group = groups_.emplace_back();
  if (host.network) {
    group.name_size = static_cast<uint32_t>(host.network->prefix());  // the longer prefix is the longer entry
    addresses_.add(*host.network, next);
  } else {
    group.name_size = static_cast<uint32_t>(host.name.size());
    group.rank = host.scope == HostPattern::Scope::kTree ? 0 : 1;
    hosts_.add(host, next);
  }
  return next;
}

void UrlIndex::add(const UrlEntry& entry, uint32_t list) {
  Group& group = groups_[group_of(entry.host)];
  const auto next = static_cast<uint32_t>(group.entries.size());
  const auto [place, is_new] = group.entry_by_path.emplace(entry.path, next);
  if (is_new) {
    group.entries.emplace_back();
    group.paths.add(entry.path, next);
  }
  std::vector<PortLists>& of_path = group.entries[place->second];
  auto lists = std::find_if(of_path.begin(), of_path.end(), [&](const PortLists& p) { return p.port == entry.port; });
  if (lists == of_path.end())
    lists = of_path.insert(entry.port != 0 ? of_path.begin() : of_path.end(), {entry.port, {}});
  lists->lists.push_back(list);
  if (entry.path.empty()) return;
  group.has_paths = true;
  group.lists_with_path.push_back(list);
}

base::Result<base::Unit, UrlIndex::BadRegex> UrlIndex::add_regexes(std::span<const std::string> expressions,
                                                                   uint32_t list) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(regex_list_memory_bytes_max);
  auto set = std::make_unique<re2::RE2::Set>(options, re2::RE2::UNANCHORED);
  for (size_t i = 0; i < expressions.size(); ++i) {
    std::string why;
    if (set->Add(expressions[i], &why) < 0) return BadRegex{i, why};
  }
  const std::string too_large = "needs more than " + std::to_string(regex_list_memory_bytes_max >> 20) +
                                " MiB as compiled expressions; split the list or simplify it";
  if (!set->Compile()) return BadRegex{SIZE_MAX, too_large};
  re2::RE2::Set::ErrorInfo error{};
  if (!set->Match("www.example.com/a/path?with=query", nullptr, &error) && error.kind == re2::RE2::Set::kOutOfMemory) {
    return BadRegex{SIZE_MAX, too_large};
  }
  regexes_.push_back({list, std::move(set)});
  return base::Unit{};
}

void UrlIndex::finish() {
  hosts_.finish();
  group_by_pattern_.clear();
  const auto sort_unique = [](std::vector<uint32_t>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  };
  for (Group& group : groups_) {
    group.entry_by_path.clear();
    for (std::vector<PortLists>& of_path : group.entries) {
      for (PortLists& ports : of_path) sort_unique(ports.lists);
    }
    sort_unique(group.lists_with_path);
  }
}

void UrlIndex::consider(const Group& group, const UrlView& url, Best& best) const {
  const bool path_known = url.path.known();
  group.paths.match(path_known ? url.path.value : std::string_view(), [&](uint32_t entry, size_t path_size) {
    for (const PortLists& ports : group.entries[entry]) {
      if (ports.port != 0 && ports.port != url.port) continue;
      const std::tuple<size_t, size_t, uint8_t, bool> weight{group.name_size + path_size, group.name_size, group.rank,
                                                             ports.port != 0};
      if (best.lists == nullptr || weight > best.weight) best = {weight, &ports.lists, best.open};
      return;
    }
  });
  if (group.has_paths && url.path.knowledge == Knowledge::kNotYet) best.open = true;
}

void UrlIndex::match(const UrlView& url, ListBits& sure, ListBits& maybe) const {
  Best best;
  const auto groups_of_host = [&](const auto& visit) {
    hosts_.match(url.host, [&](uint32_t group, size_t) { visit(groups_[group]); });
    if (url.address != nullptr) addresses_.match(*url.address, [&](uint32_t group) { visit(groups_[group]); });
  };
  groups_of_host([&](const Group& group) { consider(group, url, best); });
  if (best.lists != nullptr) {
    for (const uint32_t list : *best.lists) (best.open ? maybe : sure).set(list);
  }
  if (best.open) {
    groups_of_host([&](const Group& group) {
      for (const uint32_t list : group.lists_with_path) maybe.set(list);
    });
  }
  if (regexes_.empty()) return;
  std::array<char, regex_subject_bytes_max> buffer;  // NOLINT: filled as far as it is used
  const std::string_view host = url.host.host();
  std::string_view whole = host;
  if (url.path.known() && host.size() < buffer.size()) {
    const size_t path = std::min(url.path.value.size(), buffer.size() - host.size());
    std::memcpy(buffer.data(), host.data(), host.size());
    std::memcpy(buffer.data() + host.size(), url.path.value.data(), path);
    whole = {buffer.data(), host.size() + path};
  }
  const auto piece = [](std::string_view text) { return re2::StringPiece(text.data(), text.size()); };
  for (const RegexList& regex : regexes_) {
    if (regex.set->Match(piece(host), nullptr) || (whole != host && regex.set->Match(piece(whole), nullptr))) {
      sure.set(regex.list);
    } else if (url.path.knowledge == Knowledge::kNotYet) {
      maybe.set(regex.list);
    }
  }
}

}  // namespace sluice::policy
