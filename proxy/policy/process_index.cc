#include "proxy/policy/process_index.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace sluice::policy {

namespace {

bool is_separator(char c) {
  return c == '/' || c == '\\';
}

bool stands_below(std::string_view path, const ProcessPattern& pattern) {
  const std::string_view prefix = pattern.path_prefix;
  if (path.size() <= prefix.size()) return false;
  // File names have case on Linux only.
  const bool starts = pattern.platform == Platform::kLinux
                          ? path.starts_with(prefix)
                          : base::equal_ignore_case(path.substr(0, prefix.size()), prefix);
  return starts && (is_separator(prefix.back()) || is_separator(path[prefix.size()]));
}

}  // namespace

ProcessIdentity strength_of(const ProcessPattern& pattern) {
  if (!pattern.sha256.empty()) return ProcessIdentity::kHash;
  return pattern.path_prefix.empty() ? ProcessIdentity::kName : ProcessIdentity::kPath;
}

bool matches(const ProcessPattern& pattern, const Process& process) {
  if (!base::equal_ignore_case(pattern.name, process.name)) return false;
  const bool other_platform = pattern.platform != Platform::kUnknown && process.platform != Platform::kUnknown &&
                              pattern.platform != process.platform;
  if (other_platform) return false;
  if (!pattern.path_prefix.empty() && !stands_below(process.path, pattern)) return false;
  return pattern.sha256.empty() || pattern.sha256 == process.sha256;
}

void ProcessIndex::add(ProcessPattern pattern, uint32_t value) {
  by_name_.add(pattern.name, static_cast<uint32_t>(entries_.size()));
  entries_.push_back({std::move(pattern), value});
}

}  // namespace sluice::policy
