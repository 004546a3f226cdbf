#pragma once
// Programs by the base name of their executable, with optional stronger identity.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/policy/facts.h"
#include "proxy/policy/verdict.h"
#include "proxy/policy/word_index.h"

namespace sluice::policy {

struct ProcessPattern {
  std::string name;                        // compared without case
  Platform platform = Platform::kUnknown;  // unknown = any
  std::string path_prefix;                 // "" = any; ends on a path border
  std::string sha256;                      // lower case, "" = any
};

// How strongly the pattern tells the program from one that has taken its name.
ProcessIdentity strength_of(const ProcessPattern& pattern);
bool matches(const ProcessPattern& pattern, const Process& process);

// Filled by add(), then only read, by any number of threads.
class ProcessIndex {
 public:
  void add(ProcessPattern pattern, uint32_t value);
  bool empty() const { return entries_.empty(); }

  // Calls visit(value, strength) for each pattern that matches.
  template <class Visit>
  void match(const Process& process, Visit visit) const {
    for (const uint32_t i : by_name_.find(process.name)) {
      const Entry& entry = entries_[i];
      if (matches(entry.pattern, process)) visit(entry.value, strength_of(entry.pattern));
    }
  }

 private:
  struct Entry {
    ProcessPattern pattern;
    uint32_t value;
  };
  std::vector<Entry> entries_;
  WordIndex by_name_;
};

}  // namespace sluice::policy
