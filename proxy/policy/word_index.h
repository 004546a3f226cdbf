#pragma once
// Words compared without case (users, groups, process names, country codes), each with numbers.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::policy {

struct WordHash {
  using is_transparent = void;
  size_t operator()(std::string_view word) const;
};
struct WordEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
// A map by words without case; lookups take views and allocate nothing.
template <class Value>
using WordMap = std::unordered_map<std::string, Value, WordHash, WordEqual>;

// Filled by add(), then only read, by any number of threads.
class WordIndex {
 public:
  void add(std::string_view word, uint32_t value) { words_[std::string(word)].push_back(value); }
  bool empty() const { return words_.empty(); }
  std::span<const uint32_t> find(std::string_view word) const {
    const auto found = words_.find(word);
    return found == words_.end() ? std::span<const uint32_t>() : std::span<const uint32_t>(found->second);
  }

 private:
  WordMap<std::vector<uint32_t>> words_;
};

}  // namespace sluice::policy
