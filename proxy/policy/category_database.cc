#include "proxy/policy/category_database.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>

#include "proxy/base/file.h"
#include "proxy/base/ip.h"
#include "proxy/base/text.h"
#include "proxy/policy/data.h"
#include "proxy/policy/limits.h"
#include "proxy/policy/word_index.h"

namespace sluice::policy {

namespace {

constexpr uint64_t set_mask = 0xffff;

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
}

}  // namespace

// Collects (hash, category) pairs, then makes the table; lives for one load.
class CategoryDatabase::Builder {
 public:
  // False when there are too many.
  bool category(std::string_view name) {
    const auto found = numbers_.find(name);
    if (found != numbers_.end()) {
      current_ = found->second;
      return true;
    }
    if (made_.names_.size() == categories_max / 2) return false;
    current_ = static_cast<uint16_t>(made_.names_.size());
    numbers_.emplace(std::string(name), current_);
    made_.names_.emplace_back(name);
    return true;
  }

  bool domain(std::string_view raw) {
    if (raw.ends_with('.')) raw.remove_suffix(1);
    if (raw.starts_with("*.")) raw.remove_prefix(2);
    name_.assign(raw);
    for (char& c : name_) c = base::ascii_lower(c);
    if (name_.empty() || name_.size() > host_bytes_max || !std::all_of(name_.begin(), name_.end(), is_name_byte)) {
      ++made_.skipped_;
      return true;
    }
    if (pairs_.size() == category_domains_max) return false;
    (in_built_in_ ? built_in_ : pairs_).push_back({hash_of_name(name_), current_});
    return true;
  }

  // The built-in set counts only for domains that are not here yet.
  void begin_built_in() { in_built_in_ = true; }

  // Null when there are more combinations of categories than a slot can number.
  std::shared_ptr<const CategoryDatabase> finish() {
    const auto before = [](const Pair& a, const Pair& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.category < b.category;
    };
    std::sort(pairs_.begin(), pairs_.end(), before);
    std::erase_if(built_in_, [&](const Pair& pair) {
      const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), Pair{pair.hash, 0}, before);
      return at != pairs_.end() && at->hash == pair.hash;
    });
    pairs_.insert(pairs_.end(), built_in_.begin(), built_in_.end());
    std::sort(pairs_.begin(), pairs_.end(), before);
    made_.slots_.assign(std::bit_ceil(2 * pairs_.size() + 1), 0);
    made_.sets_.emplace_back();
    std::map<std::vector<uint16_t>, uint64_t> set_numbers;
    std::vector<uint16_t> set;
    for (size_t i = 0; i < pairs_.size();) {
      const uint64_t hash = pairs_[i].hash;
      set.clear();
      for (; i < pairs_.size() && pairs_[i].hash == hash; ++i) {
        if (set.empty() || set.back() != pairs_[i].category) set.push_back(pairs_[i].category);
      }
      const auto [place, is_new] = set_numbers.emplace(set, made_.sets_.size());
      if (is_new) made_.sets_.push_back(set);
      if (made_.sets_.size() > set_mask) return nullptr;
      const size_t mask = made_.slots_.size() - 1;
      size_t at = hash & mask;
      while (made_.slots_[at] != 0) at = (at + 1) & mask;
      made_.slots_[at] = (hash & ~set_mask) | place->second;
      ++made_.used_;
    }
    return std::make_shared<const CategoryDatabase>(std::move(made_));
  }

 private:
  struct Pair {
    uint64_t hash;
    uint16_t category;
  };
  CategoryDatabase made_;
  WordMap<uint16_t> numbers_;
  std::vector<Pair> pairs_;
  std::vector<Pair> built_in_;
  std::string name_;
  uint16_t current_ = 0;
  bool in_built_in_ = false;
};

namespace {

enum class Taken : uint8_t { kYes, kTooManyCategories, kTooManyDomains };

template <class Builder>
Taken take_line(std::string_view line, std::string_view category, Builder& builder) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return Taken::kYes;
  if (category.empty()) {
    const size_t comma = line.find(',');
    category = comma == std::string_view::npos ? std::string_view() : trimmed(line.substr(comma + 1));
    line = trimmed(line.substr(0, comma));
    if (category.empty()) line = "";  // counted as skipped
  }
  if (!category.empty() && !builder.category(category)) return Taken::kTooManyCategories;
  return builder.domain(line) ? Taken::kYes : Taken::kTooManyDomains;
}

template <class Builder>
void take_built_in(Builder& builder) {
  builder.begin_built_in();
  std::string_view text = seed_categories;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    take_line(text.substr(0, end), "", builder);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// `category` "": each line names its own.
template <class Builder>
base::Status take_file(const std::string& file, std::string_view category, Builder& builder) {
  std::ifstream in(file);
  if (!in) return base::Error{"cannot read " + file};
  std::string line;
  while (std::getline(in, line)) {
    switch (take_line(line, category, builder)) {
      case Taken::kYes: break;
      case Taken::kTooManyCategories:
        return base::Error{file + " brings more than " + std::to_string(categories_max / 2) + " categories"};
      case Taken::kTooManyDomains:
        return base::Error{file + " brings more than " + std::to_string(category_domains_max) + " domains"};
    }
  }
  if (in.bad()) return base::Error{"cannot read " + file};
  return base::Unit{};
}

// The CATEGORY/domains files below a folder, by category.
base::Result<std::vector<std::pair<std::string, std::string>>> lists_in(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> lists;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::filesystem::path domains = at->path() / "domains";
    std::error_code missing;
    if (std::filesystem::is_regular_file(domains, missing)) {
      lists.emplace_back(at->path().filename().string(), domains.string());
    }
  }
  if (error) return base::Error{"cannot read folder " + folder + ": " + error.message()};
  if (lists.empty()) return base::Error{folder + " has no CATEGORY/domains file"};
  std::sort(lists.begin(), lists.end());
  return lists;
}

}  // namespace

base::Result<std::shared_ptr<const CategoryDatabase>> CategoryDatabase::load(const std::string& path) {
  Builder builder;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const auto lists = lists_in(path);
    if (!lists) return lists.error();
    for (const auto& [category, file] : *lists) {
      if (const auto taken = take_file(file, category, builder); !taken) return taken.error();
    }
  } else if (const auto taken = take_file(path, "", builder); !taken) {
    return taken.error();
  }
  take_built_in(builder);
  auto made = builder.finish();
  if (made == nullptr) return base::Error{path + " puts domains into too many different sets of categories"};
  return made;
}

std::shared_ptr<const CategoryDatabase> CategoryDatabase::built_in() {
  static const std::shared_ptr<const CategoryDatabase> set = [] {
    Builder builder;
    take_built_in(builder);
    return builder.finish();
  }();
  return set;
}

std::span<const uint16_t> CategoryDatabase::find(const HostKey& host) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = host.count(); i-- > 0;) {
    const uint64_t hash = host.hash(i);
    for (size_t at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
      if ((slots_[at] & ~set_mask) == (hash & ~set_mask)) return sets_[slots_[at] & set_mask];
    }
  }
  return {};
}

}  // namespace sluice::policy
