#pragma once
// Who is in which group and organization unit.
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/policy/word_index.h"
#include "sluice/config/v1/policy.pb.h"

namespace sluice::policy {

// Lines `name,group;group,organization unit`; the last two may be absent. Blank lines and those that begin with `#` are
// skipped. `file` names the text in errors.
base::Result<std::vector<config::v1::DirectoryUser>> parse_directory(std::string_view text, const std::string& file);

struct Identity {
  std::vector<std::string> groups;
  std::string organization_unit;
};

// Users by name without case. Immutable after its making.
class Directory {
 public:
  explicit Directory(const std::vector<config::v1::DirectoryUser>& users);
  const Identity* find(std::string_view user) const;

 private:
  WordMap<Identity> users_;
};

}  // namespace sluice::policy
