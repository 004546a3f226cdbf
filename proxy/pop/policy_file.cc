#include "proxy/pop/policy_file.h"

#include "proxy/config/policy_config.h"
#include "proxy/policy/compile.h"
#include "proxy/tls/digest.h"

namespace sluice::pop {

namespace {

std::vector<std::string> located(const config::LoadedPolicy& loaded, const policy::Findings& findings) {
  std::vector<std::string> lines;
  for (const policy::Finding& finding : findings) lines.push_back(loaded.located(finding.path, finding.sentence));
  return lines;
}

base::Error error_of(const config::LoadedPolicy& loaded, const policy::Findings& findings) {
  std::string message;
  for (const std::string& line : located(loaded, findings)) message += (message.empty() ? "" : "\n") + line;
  return base::Error{message};
}

}  // namespace

base::Result<LoadedPolicy> load_policy(const std::string& path, uint64_t generation) {
  const auto loaded = config::load_policy_config(path);
  if (!loaded) return loaded.error();
  auto resources = policy::load_resources(loaded->message, loaded->folder);
  if (!resources) return error_of(*loaded, resources.error());
  const policy::CompileOptions options{.generation = generation, .sha256_hex = [](std::string_view bytes) {
                                         return tls::sha256_hex(base::as_bytes(bytes));
                                       }};
  auto compiled = policy::compile(loaded->message, std::move(*resources), options);
  if (!compiled) return error_of(*loaded, compiled.error());
  return LoadedPolicy{compiled->policy, located(*loaded, compiled->warnings)};
}

}  // namespace sluice::pop
