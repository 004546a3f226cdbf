#include "proxy/ctl/load_policy.h"

#include "proxy/policy/compile.h"
#include "proxy/tls/digest.h"

namespace sluice::ctl {

namespace {

std::string sha256_hex(std::string_view bytes) {
  return tls::sha256_hex({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::vector<std::string> located(const config::LoadedPolicy& source, const policy::Findings& findings) {
  std::vector<std::string> lines;
  for (const policy::Finding& finding : findings) lines.push_back(source.located(finding.path, finding.sentence));
  return lines;
}

base::Error error_of(const config::LoadedPolicy& source, const policy::Findings& findings) {
  base::Error error;
  for (const std::string& line : located(source, findings)) error.message += (error.message.empty() ? "" : "\n") + line;
  return error;
}

}  // namespace

base::Result<CompiledPolicy> load_policy(const std::string& path) {
  auto source = config::load_policy_config(path);
  if (!source) return source.error();
  const auto resources = policy::load_resources(source->message, source->folder);
  if (!resources) return error_of(*source, resources.error());
  auto compilation = policy::compile(source->message, *resources, {1, sha256_hex});
  if (!compilation) return error_of(*source, compilation.error());
  std::vector<std::string> warnings = located(*source, compilation->warnings);
  return CompiledPolicy{std::move(*source), std::move(compilation->policy), std::move(warnings)};
}

}  // namespace sluice::ctl
