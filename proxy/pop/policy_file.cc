#include "proxy/pop/policy_file.h"

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

base::Result<PolicyInput> read_policy(const std::string& path) {
  auto texts = config::read_policy_texts(path);
  if (!texts) return texts.error();
  PolicyInput input;
  input.texts = *std::move(texts);
  input.folder = config::policy_folder(path);
  return input;
}

base::Result<LoadedPolicy> load_policy(const PolicyInput& input) {
  const auto loaded = config::parse_policy_texts(input.texts, input.folder);
  if (!loaded) return loaded.error();
  auto resources = policy::load_resources(loaded->message, loaded->folder);
  if (!resources) return error_of(*loaded, resources.error());
  policy::CompileOptions options;
  options.generation = input.generation;
  options.sha256_hex = [](std::string_view bytes) { return tls::sha256_hex(base::as_bytes(bytes)); };
  options.timed = input.timed;
  auto compiled = policy::compile(loaded->message, std::move(*resources), options);
  if (!compiled) return error_of(*loaded, compiled.error());
  return LoadedPolicy{compiled->policy, std::make_shared<const config::v1::TenantPolicy>(loaded->message),
                      located(*loaded, compiled->warnings)};
}

}  // namespace sluice::pop
