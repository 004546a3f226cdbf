#include "proxy/policy/compile.h"

#include <filesystem>

#include "proxy/base/file.h"
#include "proxy/base/text.h"
#include "proxy/policy/canonical.h"
#include "proxy/policy/category_database.h"
#include "proxy/policy/compiler.h"
#include "proxy/policy/country_database.h"
#include "proxy/policy/lint.h"

namespace sluice::policy {

namespace v1 = config::v1;

std::string at(std::string_view path, int index) {
  return std::string(path) + "[" + std::to_string(index) + "]";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  std::string text;
  for (const std::string& near : base::nearest_words(word, candidates)) {
    text += (text.empty() ? "; did you mean `" : "` or `") + near;
  }
  return text.empty() ? text : text + "`?";
}

Compiler::Compiler(const v1::TenantPolicy& policy, Resources resources, const std::vector<TimedBypass>& timed)
    : policy_(policy), resources_(std::move(resources)), timed_(timed), client_reach_(policy) {
  if (resources_.categories == nullptr) resources_.categories = CategoryDatabase::built_in();
}

void Compiler::wrong(std::string path, std::string sentence) {
  if (errors_.size() < findings_max) errors_.push_back({std::move(path), std::move(sentence)});
}

void Compiler::name(const std::string& path, const std::string& text, WordMap<int>& seen) {
  if (text.empty()) return wrong(path, "is required");
  if (text.size() > name_bytes_max) wrong(path, "is longer than " + std::to_string(name_bytes_max) + " bytes");
  if (text.find_first_of("\n\t") != std::string::npos) wrong(path, "must be one line");
  if (!seen.emplace(text, 0).second) wrong(path, "is the name of an earlier one; names are compared without case");
}

base::Status check_timed_bypass(const TimedBypass& bypass) {
  if (bypass.host.empty() && bypass.process.empty()) {
    return base::Error{"a timed bypass needs a host, a process, or both"};
  }
  if (!bypass.host.empty()) {
    if (const auto pattern = parse_host_pattern(bypass.host); !pattern) {
      return base::Error{"the host `" + bypass.host + "` " + pattern.error().message};
    }
  }
  if (bypass.process.size() > word_bytes_max || bypass.process.find_first_of("/\\") != std::string::npos) {
    return base::Error{"the process must be the base name of an executable, without folder"};
  }
  return base::Unit{};
}

void Compiler::timed() {
  if (timed_.size() > rules_max) return wrong("timed bypasses", "are more than " + std::to_string(rules_max));
  out_->timed_table = std::make_unique<RuleTable>(timed_.size());
  for (size_t i = 0; i < timed_.size(); ++i) {
    const TimedBypass& from = timed_[i];
    if (const auto status = check_timed_bypass(from); !status) {
      wrong("timed bypass " + from.id, status.error().message);
      continue;
    }
    const auto number = static_cast<uint32_t>(i);
    if (!from.host.empty()) {
      const auto pattern = parse_host_pattern(from.host).value();
      Column& column = out_->timed_table->column(Condition::kDomain, Sign::kIs, i);
      if (pattern.network) {
        column.addresses.add(*pattern.network, number);
      } else {
        column.hosts.add(pattern, number);
      }
    }
    if (!from.process.empty()) {
      out_->timed_table->column(Condition::kProcess, Sign::kIs, i).processes.add({from.process, {}, "", ""}, number);
      if (!from.host.empty()) out_->timed_table->process_is_optional(i);
    }
    out_->timed_table->expire(i, from.expires);
    out_->timed.push_back({"timed bypass " + from.id, "Timed bypass - " + from.reason});
  }
  out_->timed_table->finish();
}

void Compiler::ssl() {
  const int count = policy_.ssl_decryption_policies_size();
  if (count > static_cast<int>(rules_max)) {
    return wrong("ssl_decryption_policies", "are more than " + std::to_string(rules_max));
  }
  out_->ssl_table = std::make_unique<RuleTable>(static_cast<size_t>(count));
  WordMap<int> seen;
  for (int i = 0; i < count; ++i) {
    const v1::SslDecryptionPolicy& from = policy_.ssl_decryption_policies(i);
    const std::string path = at("ssl_decryption_policies", i);
    name(path + ".name", from.name(), seen);
    match(path + ".match", from.match(), false, *out_->ssl_table, static_cast<size_t>(i));
    const bool decrypts = from.action() != v1::SSL_ACTION_DO_NOT_DECRYPT;
    out_->ssl.push_back({from.name(), "SSL Policy - " + from.name(), decrypts});
  }
  out_->ssl_table->finish();
}

void Compiler::realtime() {
  const int count = policy_.realtime_policies_size();
  if (count > static_cast<int>(rules_max)) {
    return wrong("realtime_policies", "are more than " + std::to_string(rules_max));
  }
  out_->realtime_table = std::make_unique<RuleTable>(static_cast<size_t>(count));
  WordMap<int> seen;
  for (int i = 0; i < count; ++i) {
    const v1::RealtimePolicy& from = policy_.realtime_policies(i);
    const std::string path = at("realtime_policies", i);
    name(path + ".name", from.name(), seen);
    match(path + ".match", from.match(), true, *out_->realtime_table, static_cast<size_t>(i));
    RealtimeRule to{from.name(), Action::kAllow, nullptr};
    switch (from.action()) {
      case v1::REALTIME_ACTION_ALLOW: break;
      case v1::REALTIME_ACTION_ALERT: to.action = Action::kAlert; break;
      case v1::REALTIME_ACTION_BLOCK: to.action = Action::kBlock; break;
      default: wrong(path + ".action", "is required; write `allow`, `alert` or `block`");
    }
    const bool blocks = to.action == Action::kBlock;
    if (!blocks && !from.notification().empty()) {
      wrong(path + ".notification", "means nothing here; only a block tells the person");
    }
    const std::string wanted = from.notification().empty() ? "default" : from.notification();
    const auto found = notice_numbers_.find(wanted);
    if (found == notice_numbers_.end() && !from.notification().empty()) {
      wrong(path + ".notification", "names no notification");
    }
    if (blocks && found != notice_numbers_.end()) to.notice = &out_->notices[found->second];
    out_->realtime.push_back(std::move(to));
  }
  out_->realtime_table->finish();
}

void Compiler::certificate_errors() {
  const v1::CertificateErrors& from = policy_.certificate_errors();
  const auto action_of = [](v1::CertificateErrorAction action) {
    if (action == v1::CERTIFICATE_ERROR_ACTION_ALLOW) return CertificateAction::kAllow;
    return action == v1::CERTIFICATE_ERROR_ACTION_MIRROR ? CertificateAction::kMirror : CertificateAction::kBlock;
  };
  out_->certificate_default = action_of(from.default_());
  const int count = from.rules_size();
  if (count > static_cast<int>(rules_max)) {
    return wrong("certificate_errors.rules", "are more than " + std::to_string(rules_max));
  }
  out_->certificate_table = std::make_unique<RuleTable>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    const v1::CertificateErrorRule& rule = from.rules(i);
    const std::string path = at("certificate_errors.rules", i);
    const auto number = static_cast<size_t>(i);
    CertificateRule to;
    to.name = rule.domains().empty() ? "all hosts" : rule.domains(0);
    to.reason = "Certificate error - " + to.name;
    to.action = action_of(rule.action());
    if (rule.action() == v1::CERTIFICATE_ERROR_ACTION_UNSPECIFIED) {
      wrong(path + ".action", "is required; write `block`, `allow` or `mirror`");
    }
    if (rule.allow().empty()) wrong(path + ".allow", "is required; name the errors that the rule is for");
    for (const int error : rule.allow()) to.allowed |= uint32_t{1} << error;
    if (!rule.domains().empty()) {
      hosts(path + ".domains", rule.domains(), out_->certificate_table->column(Condition::kDomain, Sign::kIs, number),
            number);
    }
    out_->certificate.push_back(std::move(to));
  }
  out_->certificate_table->finish();
}

std::unique_ptr<Compiled> Compiler::run() {
  out_->tenant = policy_.tenant();
  if (policy_.tenant().empty()) wrong("tenant", "is required");
  out_->bypasses_recorded = policy_.bypassed_traffic() != v1::BYPASSED_TRAFFIC_DO_NOT_LOG;
  out_->unknown_protocol_passes = policy_.unknown_protocol() == v1::UNKNOWN_PROTOCOL_SPLICE;
  out_->ech_blocked = policy_.ech() == v1::ECH_POLICY_BLOCK;
  out_->category_database = resources_.categories;
  out_->country_database = resources_.countries;
  directory();
  notifications();
  apps();
  url_lists();
  custom_categories();
  // Lists that cannot be numbered would only bring more findings about references to them.
  if (errors_.empty()) {
    timed();
    steering();
    ssl();
    realtime();
    certificate_errors();
  }
  if (!errors_.empty()) return nullptr;
  return std::move(out_);
}

base::Result<Resources, Findings> load_resources(const v1::TenantPolicy& policy, const std::string& folder) {
  Resources resources;
  Findings findings;
  const auto full = [&](const std::string& file) {
    return (std::filesystem::path(folder) / file).lexically_normal().string();
  };
  resources.categories = CategoryDatabase::built_in();
  if (policy.has_category_database()) {
    auto loaded = CategoryDatabase::load(full(policy.category_database().path()));
    if (loaded) {
      resources.categories = std::move(*loaded);
    } else {
      findings.push_back({"category_database.path", loaded.error().message});
    }
  }
  if (policy.has_country_database()) {
    auto loaded = CountryDatabase::open(full(policy.country_database().path()));
    if (loaded) {
      resources.countries = std::move(*loaded);
    } else {
      findings.push_back({"country_database.path", loaded.error().message});
    }
  }
  resources.users.assign(policy.directory().users().begin(), policy.directory().users().end());
  if (!policy.directory().file().empty()) {
    const std::string file = full(policy.directory().file());
    const auto text = base::read_file(file, directory_file_bytes_max);
    auto users = text ? parse_directory(*text, file) : base::Result<std::vector<v1::DirectoryUser>>(text.error());
    if (users) {
      resources.users = std::move(*users);
    } else {
      findings.push_back({"directory.file", users.error().message});
    }
  }
  if (!findings.empty()) return findings;
  return resources;
}

base::Result<Compilation, Findings> compile(const v1::TenantPolicy& policy, Resources resources,
                                            const CompileOptions& options) {
  Compiler compiler(policy, resources, options.timed);
  auto compiled = compiler.run();
  if (compiled == nullptr) return compiler.take_errors();
  Lints lints = lint(policy);
  if (!lints.errors.empty()) return std::move(lints.errors);
  compiled->version = options.version;
  if (options.version.empty()) {
    const std::string digest = options.sha256_hex(canonical_bytes(policy, resources.users));
    compiled->version = std::to_string(options.generation) + "-" + digest.substr(0, version_digits);
  }
  return Compilation{std::make_shared<const Policy>(std::move(compiled)), std::move(lints.warnings)};
}

}  // namespace sluice::policy
