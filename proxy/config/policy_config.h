#pragma once
// The policy of a tenant as it stands in files: one file, or every *.yaml of a folder in any order.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/problems.h"
#include "sluice/config/v1/policy.pb.h"

namespace sluice::config {

// One file of a policy.
struct PolicyText {
  std::string file;  // its name, in errors
  std::string text;
};

// A policy as read: spelled right, with its meaning not yet checked (sluice::policy::compile does that, and gives field
// paths for located()). Of a folder, lists are joined in the order of file names; what is no list stands in one file
// only. A plain value.
class LoadedPolicy {
 public:
  v1::TenantPolicy message;
  // Where relative file names in it start.
  std::string folder;

  // `FILE:LINE:COLUMN: field.path: sentence`, the path as it counts in that file.
  std::string located(std::string_view path, std::string_view sentence) const;

 private:
  friend base::Result<LoadedPolicy> parse_policy_texts(const std::vector<PolicyText>& texts, std::string folder);

  struct Part {
    std::string file;
    Marks marks;
    v1::TenantPolicy message;
  };
  base::Status add(std::string_view text, const std::string& file);

  std::vector<Part> parts_;
};

base::Result<LoadedPolicy> load_policy_config(const std::string& path);
// The same of text that was read before; `file` names it in errors and is where relative file names start.
base::Result<LoadedPolicy> parse_policy_config(std::string_view text, const std::string& file);

// In two steps: the file, or each *.yaml of the folder; then what they say, where relative file names start at
// `folder`.
base::Result<std::vector<PolicyText>> read_policy_texts(const std::string& path);
base::Result<LoadedPolicy> parse_policy_texts(const std::vector<PolicyText>& texts, std::string folder);
// Where relative file names of the policy at `path` start.
std::string policy_folder(const std::string& path);

}  // namespace sluice::config
