#include "proxy/policy/lint.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <map>

#include "proxy/base/ip.h"
#include "proxy/policy/catalogue.h"
#include "proxy/policy/compiler.h"
#include "proxy/policy/host_matcher.h"
#include "proxy/policy/host_pattern.h"
#include "proxy/policy/limits.h"
#include "proxy/policy/url_entry.h"

namespace sluice::policy {

namespace v1 = config::v1;
namespace pb = google::protobuf;

namespace {

// One condition of a rule; its values as text and, for hosts and networks, parsed.
struct Stated {
  const pb::FieldDescriptor* field;
  std::vector<std::string> values;  // sorted
  std::vector<HostPattern> hosts;
  std::vector<base::Cidr> networks;

  bool negative() const { return field->name().starts_with("not_"); }
};

Stated stated(const pb::Message& message, const pb::FieldDescriptor& field) {
  Stated condition{&field, {}, {}, {}};
  const pb::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    condition.values.push_back(field.cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT32
                                   ? std::to_string(reflection.GetRepeatedUInt32(message, &field, i))
                                   : reflection.GetRepeatedString(message, &field, i));
  }
  std::sort(condition.values.begin(), condition.values.end());
  const bool hosts = field.name().ends_with("domains");
  const bool networks = field.name().ends_with("cidrs");
  for (const std::string& value : condition.values) {
    if (const auto host = hosts ? parse_host_pattern(value) : base::Result<HostPattern>(base::Error{}); host)
      condition.hosts.push_back(*host);
    if (const auto network = networks ? base::Cidr::parse(value) : std::nullopt) condition.networks.push_back(*network);
  }
  return condition;
}

std::vector<Stated> conditions_of(const v1::Match& match) {
  std::vector<const pb::FieldDescriptor*> fields;
  match.GetReflection()->ListFields(match, &fields);
  std::vector<Stated> all;
  for (const pb::FieldDescriptor* field : fields) all.push_back(stated(match, *field));
  return all;
}

// Each kind of an exception; those that are groups (networks) hide nothing here.
std::vector<Stated> conditions_of(const v1::Exception& exception) {
  std::vector<Stated> all;
  for (const char* name :
       {"domains", "categories", "applications", "not_domains", "not_categories", "not_applications"}) {
    Stated condition = stated(exception, *v1::Exception::descriptor()->FindFieldByName(name));
    if (!condition.values.empty()) all.push_back(std::move(condition));
  }
  return all;
}

bool covers(const base::Cidr& broad, const base::Cidr& narrow) {
  return broad.prefix() <= narrow.prefix() && broad.contains(narrow.network());
}

template <class Value>
bool all_covered(const std::vector<Value>& narrow, const std::vector<Value>& broad) {
  // Lists so long that comparing them takes noticeable time are not compared; see the header.
  if (narrow.size() * broad.size() > comparisons_max) return false;
  return std::all_of(narrow.begin(), narrow.end(), [&](const Value& value) {
    return std::any_of(broad.begin(), broad.end(), [&](const Value& other) { return covers(other, value); });
  });
}

// Whether all that matches `narrow` matches `broad`, both of one kind and positive.
bool is_within(const Stated& narrow, const Stated& broad) {
  if (!narrow.hosts.empty()) return all_covered(narrow.hosts, broad.hosts);
  if (!narrow.networks.empty()) return all_covered(narrow.networks, broad.networks);
  return std::includes(broad.values.begin(), broad.values.end(), narrow.values.begin(), narrow.values.end());
}

// Whether everything that `later` matches is matched by `earlier`.
bool hides(const std::vector<Stated>& earlier, const std::vector<Stated>& later) {
  return std::all_of(earlier.begin(), earlier.end(), [&](const Stated& condition) {
    const auto same =
        std::find_if(later.begin(), later.end(), [&](const Stated& other) { return other.field == condition.field; });
    if (same == later.end()) return false;
    return condition.negative() ? is_within(condition, *same) : is_within(*same, condition);
  });
}

struct Rule {
  std::string path;
  std::string name;
  std::vector<Stated> conditions;
  bool for_ever = true;  // a rule that expires hides nothing for good
  bool comparable = true;
};

void find_hidden(const std::vector<Rule>& rules, Findings& findings) {
  for (size_t later = 1; later < rules.size(); ++later) {
    for (size_t earlier = 0; earlier < later && rules[later].comparable; ++earlier) {
      const Rule& before = rules[earlier];
      if (!before.comparable || !before.for_ever || !hides(before.conditions, rules[later].conditions)) continue;
      findings.push_back({rules[later].path, "is never reached: `" + before.name + "` (" + before.path +
                                                 ") covers everything that it matches"});
      break;
    }
  }
}

const v1::CertificatePinnedApp* find_app(const v1::TenantPolicy& policy, const std::string& name) {
  for (const auto& app : policy.certificate_pinned_apps()) {
    if (WordEqual()(app.name(), name)) return &app;
  }
  for (const auto& app : catalogue().certificate_pinned_apps()) {
    if (WordEqual()(app.name(), name)) return &app;
  }
  return nullptr;
}

// The hosts that a rule names, also by way of applications, URL lists and custom categories. Whole hosts only.
class NamedHosts {
 public:
  explicit NamedHosts(const v1::TenantPolicy& policy) : policy_(policy) {}

  void domains(const Texts& texts) {
    for (const std::string& text : texts) {
      if (auto pattern = parse_host_pattern(text)) patterns.push_back(std::move(*pattern));
    }
  }
  void applications(const Texts& names) {
    for (const std::string& name : names) {
      if (const auto* app = find_app(policy_, name)) domains(app->domains());
    }
  }
  void url_lists(const Texts& names) {
    for (const auto& list : policy_.url_lists()) {
      const bool named = std::find(names.begin(), names.end(), list.name()) != names.end();
      if (!named || list.type() == v1::URL_LIST_TYPE_REGEX) continue;
      for (const std::string& url : list.urls()) {
        auto entry = parse_url_entry(url);
        if (entry && entry->path.empty()) patterns.push_back(std::move(entry->host));
      }
    }
  }
  void categories(const Texts& names) {
    for (const auto& category : policy_.custom_categories()) {
      if (std::find(names.begin(), names.end(), category.name()) != names.end()) {
        url_lists(category.include_url_lists());
      }
    }
  }

  std::vector<HostPattern> patterns;

 private:
  const v1::TenantPolicy& policy_;
};

NamedHosts hosts_of(const v1::TenantPolicy& policy, const v1::Match& match) {
  NamedHosts hosts(policy);
  hosts.domains(match.domains());
  hosts.applications(match.applications());
  hosts.url_lists(match.url_lists());
  hosts.categories(match.categories());
  return hosts;
}

NamedHosts hosts_of(const v1::TenantPolicy& policy, const v1::Exception& exception) {
  NamedHosts hosts(policy);
  hosts.domains(exception.domains());
  hosts.applications(exception.applications());
  hosts.categories(exception.categories());
  if (!exception.has_certificate_pinned_app()) return hosts;
  const auto& pinned = exception.certificate_pinned_app();
  hosts.domains(pinned.domains());
  if (const auto* app = find_app(policy, pinned.app())) hosts.domains(app->domains());
  return hosts;
}

// An exception with its hosts, by place.
struct ExceptionHosts {
  int configuration;
  int exception;
  NamedHosts hosts;
};

// Which of many sets of hosts meet a pattern: the pattern lies in one of theirs.
class Meeting {
 public:
  void add(const NamedHosts& hosts, size_t number) {
    for (const HostPattern& pattern : hosts.patterns) {
      if (!pattern.network) matcher_.add(pattern, static_cast<uint32_t>(number));
    }
  }
  void finish() { matcher_.finish(); }

  // Calls visit(number, the host in question).
  template <class Visit>
  void each(const NamedHosts& hosts, Visit visit) const {
    for (const HostPattern& pattern : hosts.patterns) {
      if (pattern.network) continue;
      // A pattern of subdomains only is asked for by one of them.
      const bool below = pattern.scope == HostPattern::Scope::kBelow;
      const std::string host = below ? "x." + pattern.name : pattern.name;
      matcher_.match(HostKey(host, false), [&](uint32_t number, size_t) { visit(number, pattern.to_string()); });
    }
  }

 private:
  HostMatcher matcher_;
};

// An exception ends evaluation, so a block of the same hosts has no effect on them.
void find_blocks_behind_exceptions(const v1::TenantPolicy& policy, Findings& findings) {
  std::vector<std::pair<int, NamedHosts>> blocks;
  Meeting with_blocks;
  for (int i = 0; i < policy.realtime_policies_size(); ++i) {
    const auto& rule = policy.realtime_policies(i);
    if (rule.action() != v1::REALTIME_ACTION_BLOCK) continue;
    blocks.emplace_back(i, hosts_of(policy, rule.match()));
    with_blocks.add(blocks.back().second, blocks.size() - 1);
  }
  with_blocks.finish();
  std::vector<ExceptionHosts> exceptions;
  Meeting with_exceptions;
  for (int c = 0; c < policy.steering_configurations_size(); ++c) {
    const auto& configuration = policy.steering_configurations(c);
    for (int e = 0; e < configuration.exceptions_size(); ++e) {
      exceptions.push_back({c, e, hosts_of(policy, configuration.exceptions(e))});
      with_exceptions.add(exceptions.back().hosts, exceptions.size() - 1);
    }
  }
  with_exceptions.finish();
  // One finding for each block and exception that meet, by one host.
  std::map<std::pair<size_t, size_t>, std::string> meetings;
  for (size_t b = 0; b < blocks.size(); ++b) {
    with_exceptions.each(blocks[b].second, [&](size_t e, const std::string& host) {
      meetings.try_emplace({b, e}, host);
    });
  }
  for (size_t e = 0; e < exceptions.size(); ++e) {
    with_blocks.each(exceptions[e].hosts, [&](size_t b, const std::string& host) {
      meetings.try_emplace({b, e}, host);
    });
  }
  for (const auto& [place, host] : meetings) {
    if (findings.size() >= findings_max) return;
    const auto& [c, e, hosts] = exceptions[place.second];
    const auto& exception = policy.steering_configurations(c).exceptions(e);
    findings.push_back({at("realtime_policies", blocks[place.first].first),
                        "does not block " + host + " where the exception `" + exception.name() + "` (" +
                            at(at("steering_configurations", c) + ".exceptions", e) +
                            ") lets it pass; remove the exception to block it"});
  }
}

}  // namespace

Lints lint(const v1::TenantPolicy& policy) {
  Lints lints;
  std::vector<Rule> rules;
  for (int i = 0; i < policy.realtime_policies_size(); ++i) {
    const auto& rule = policy.realtime_policies(i);
    rules.push_back({at("realtime_policies", i), rule.name(), conditions_of(rule.match())});
  }
  find_hidden(rules, lints.errors);
  rules.clear();
  for (int i = 0; i < policy.ssl_decryption_policies_size(); ++i) {
    const auto& rule = policy.ssl_decryption_policies(i);
    rules.push_back({at("ssl_decryption_policies", i), rule.name(), conditions_of(rule.match())});
  }
  find_hidden(rules, lints.errors);
  for (int c = 0; c < policy.steering_configurations_size(); ++c) {
    rules.clear();
    for (int e = 0; e < policy.steering_configurations(c).exceptions_size(); ++e) {
      const auto& from = policy.steering_configurations(c).exceptions(e);
      Rule rule{at(at("steering_configurations", c) + ".exceptions", e), from.name(), conditions_of(from)};
      rule.for_ever = from.expires().empty();
      rule.comparable = !rule.conditions.empty() && !from.has_destinations() && !from.has_sources() &&
                        !from.has_not_destinations() && !from.has_not_sources();
      rules.push_back(std::move(rule));
    }
    find_hidden(rules, lints.errors);
  }
  find_blocks_behind_exceptions(policy, lints.warnings);
  return lints;
}

}  // namespace sluice::policy
