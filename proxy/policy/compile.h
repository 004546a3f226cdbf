#pragma once
// A tenant's policy message into a Policy: names resolved, lists indexed, mistakes found.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/policy/policy.h"
#include "sluice/config/v1/policy.pb.h"

namespace sluice::policy {

class CategoryDatabase;
class CountryDatabase;

// Something wrong or doubtful at a field: `realtime_policies[0].match.categories[1]`.
struct Finding {
  std::string path;
  std::string sentence;
};
using Findings = std::vector<Finding>;

// Files that a policy names. Shared, so that a reload of the policy can keep the large ones.
struct Resources {
  std::shared_ptr<const CategoryDatabase> categories;
  std::shared_ptr<const CountryDatabase> countries;
  std::vector<config::v1::DirectoryUser> users;
};
// Reads them; relative names start at `folder`.
base::Result<Resources, Findings> load_resources(const config::v1::TenantPolicy& policy, const std::string& folder);

// What an administrator lets pass untouched until a moment, before anything that stands in the policy.
struct TimedBypass {
  std::string id;       // stands in events
  std::string host;     // as in lists of names; "" = any host of the process
  std::string process;  // base name of the executable; "" = any. Unknown (explicit proxy): the host alone matches
  std::string reason;
  base::WallTime expires{};
};
// Whether it says what it covers; the error is a sentence for whoever asked for it.
base::Status check_timed_bypass(const TimedBypass& bypass);

struct CompileOptions {
  uint64_t generation = 1;  // counts the loads of this installation
  // SHA-256 of bytes as hex digits (tls::sha256_hex). Not asked where `version` is given.
  std::function<std::string(std::string_view)> sha256_hex;
  std::string version{};  // of the policy that this one was derived from, for clients; "" = its own
  std::vector<TimedBypass> timed{};
};

struct Compilation {
  std::shared_ptr<const Policy> policy;
  Findings warnings;
};
base::Result<Compilation, Findings> compile(const config::v1::TenantPolicy& policy, Resources resources,
                                            const CompileOptions& options);

}  // namespace sluice::policy
