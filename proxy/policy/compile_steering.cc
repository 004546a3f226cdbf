// Compiler: steering configurations and their exceptions.
#include <algorithm>
#include <chrono>

#include "proxy/base/text.h"
#include "proxy/policy/compiler.h"

namespace sluice::policy {

namespace v1 = config::v1;

namespace {

// The end of a day YYYY-MM-DD in UTC.
std::optional<base::WallTime> end_of_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  std::array<uint32_t, 3> parts{};
  const std::array<std::string_view, 3> digits{text.substr(0, 4), text.substr(5, 2), text.substr(8, 2)};
  for (size_t i = 0; i < digits.size(); ++i) {
    for (const char c : digits[i]) {
      if (c < '0' || c > '9') return std::nullopt;
      parts[i] = parts[i] * 10 + static_cast<uint32_t>(c - '0');
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(parts[0])), std::chrono::month(parts[1]),
                                         std::chrono::day(parts[2])};
  if (!date.ok()) return std::nullopt;
  return base::WallTime(std::chrono::sys_days(date) + std::chrono::days(1));
}

std::vector<HostPattern> patterns_of(const Texts& texts) {
  std::vector<HostPattern> patterns;
  for (const std::string& text : texts) {
    if (const auto pattern = parse_host_pattern(text)) patterns.push_back(*pattern);
  }
  return patterns;
}

BypassReasonCode code_of(const v1::Exception& e) {
  if (e.has_certificate_pinned_app()) return BypassReasonCode::kCertificatePinnedApp;
  if (e.domains_size() + e.not_domains_size() > 0) return BypassReasonCode::kDomain;
  if (e.categories_size() + e.not_categories_size() > 0) return BypassReasonCode::kCategory;
  if (e.applications_size() + e.not_applications_size() > 0) return BypassReasonCode::kApplication;
  return e.has_destinations() || e.has_not_destinations() ? BypassReasonCode::kDestination : BypassReasonCode::kSource;
}

bool has_plain_kind(const v1::Exception& e) {
  return e.domains_size() + e.categories_size() + e.applications_size() + e.not_domains_size() +
                 e.not_categories_size() + e.not_applications_size() >
             0 ||
         e.has_destinations() || e.has_sources() || e.has_not_destinations() || e.has_not_sources();
}

}  // namespace

void Compiler::expiry(const std::string& path, const std::string& date, RuleTable& table, size_t rule) {
  if (date.empty()) return;
  const auto end = end_of_day(date);
  if (!end) return wrong(path, "must be a date such as 2027-01-31");
  table.expire(rule, *end);
}

void Compiler::pinned_app(const std::string& path, const v1::PinnedAppException& from, Steering& to, size_t rule) {
  ExceptionRule& exception = to.exceptions[rule];
  exception.is_app = true;
  exception.blocks = from.action() == v1::PINNED_APP_ACTION_BLOCK;
  exception.tunnels = from.mode() == v1::PINNED_APP_MODE_TUNNEL;
  if (exception.blocks && (from.mode() != v1::PINNED_APP_MODE_UNSPECIFIED || !from.tunnel_domains().empty())) {
    wrong(path, "blocks, so `mode` and `tunnel_domains` mean nothing; remove them");
  }
  const auto found = app_numbers_.find(from.app());
  if (found == app_numbers_.end()) {
    std::vector<std::string> candidates;
    for (const auto& [text, number] : app_numbers_) candidates.push_back(text);
    return wrong(path + ".app", "names no certificate-pinned app" + did_you_mean(from.app(), candidates));
  }
  const v1::CertificatePinnedApp& app = *app_messages_[found->second];
  if (app.processes().empty()) wrong(path + ".app", "has no processes, so no flow can be told to be its own");
  Column& processes = to.table.column(Condition::kProcess, Sign::kIs, rule);
  for (const v1::AppProcess& process : app.processes()) {
    for (const std::string& process_name : process.names()) {
      processes.processes.add(
          {process_name, static_cast<Platform>(process.platform()), process.path_prefix(), process.sha256()},
          static_cast<uint32_t>(rule));
    }
  }
  const bool any_host = std::find(from.domains().begin(), from.domains().end(), "*") != from.domains().end();
  if (any_host && from.domains_size() > 1) wrong(path + ".domains", "has `*`, so the others mean nothing");
  if (!any_host) {
    if (app.domains().empty() && from.domains().empty()) {
      wrong(path + ".domains", "is required, since the app " + app.name() + " has no domains of its own");
    }
    Column& column = to.table.column(Condition::kDomain, Sign::kIs, rule);
    for (const HostPattern& pattern : patterns_of(app.domains()))
      column.hosts.add(pattern, static_cast<uint32_t>(rule));
    hosts(path + ".domains", from.domains(), column, rule);
    to.table.process_is_optional(rule);
  }
  std::vector<HostPattern> of_app = patterns_of(app.domains());
  for (const HostPattern& own : patterns_of(from.domains())) of_app.push_back(own);
  for (int i = 0; i < from.tunnel_domains_size(); ++i) {
    const auto pattern = parse_host_pattern(from.tunnel_domains(i));
    const std::string field = at(path + ".tunnel_domains", i);
    if (!pattern) {
      wrong(field, pattern.error().message);
      continue;
    }
    const bool inside = any_host || std::any_of(of_app.begin(), of_app.end(),
                                                [&](const HostPattern& broad) { return covers(broad, *pattern); });
    if (pattern->network || !inside) {
      wrong(field, "is none of the app's domains; add it to `domains` as well");
      continue;
    }
    exception.tunnel_hosts.add(*pattern, 0);
  }
  exception.tunnel_hosts.finish();
}

void Compiler::exception_kinds(const std::string& path, const v1::Exception& from, Steering& to, size_t rule) {
  const auto each = [&](Condition condition, const char* field, const auto& is, const auto& is_not, const auto& fill) {
    if (!is.empty()) fill(path + "." + field, is, to.table.column(condition, Sign::kIs, rule));
    if (!is_not.empty()) fill(path + ".not_" + field, is_not, to.table.column(condition, Sign::kIsNot, rule));
  };
  each(Condition::kDomain, "domains", from.domains(), from.not_domains(),
       [&](const auto& p, const auto& v, Column& c) { hosts(p, v, c, rule); });
  each(Condition::kCategory, "categories", from.categories(), from.not_categories(),
       [&](const auto& p, const auto& v, Column& c) { references(p, v, category_numbers_, "category", c, rule); });
  each(Condition::kApplication, "applications", from.applications(), from.not_applications(),
       [&](const auto& p, const auto& v, Column& c) { references(p, v, app_numbers_, "application", c, rule); });
  const auto place = [&](Condition condition, Sign sign, const char* field, const v1::Networks& from_networks) {
    networks(path + "." + field, from_networks, to.table.column(condition, sign, rule), rule);
  };
  if (from.has_destinations()) place(Condition::kDestination, Sign::kIs, "destinations", from.destinations());
  if (from.has_not_destinations()) {
    place(Condition::kDestination, Sign::kIsNot, "not_destinations", from.not_destinations());
  }
  if (from.has_sources()) place(Condition::kSource, Sign::kIs, "sources", from.sources());
  if (from.has_not_sources()) place(Condition::kSource, Sign::kIsNot, "not_sources", from.not_sources());
}

void Compiler::exception(const std::string& path, const v1::Exception& from, Steering& to, size_t rule) {
  ExceptionRule& exception = to.exceptions[rule];
  exception.name = from.name();
  exception.code = code_of(from);
  exception.recorded = from.has_log() ? from.log() : out_->bypasses_recorded;
  expiry(path + ".expires", from.expires(), to.table, rule);
  if (from.has_certificate_pinned_app()) {
    if (has_plain_kind(from)) wrong(path, "has a certificate-pinned app beside other kinds; the app stands alone");
    return pinned_app(path + ".certificate_pinned_app", from.certificate_pinned_app(), to, rule);
  }
  if (!has_plain_kind(from)) {
    wrong(path,
          "covers nothing; give one of `certificate_pinned_app`, `domains`, `categories`, `applications`, "
          "`destinations`, `sources`");
  }
  exception_kinds(path, from, to, rule);
  if (!client_reach_.decides(from)) to.not_at_client.set(rule);
}

void Compiler::applies_to(const std::string& path, const v1::SteeringConfiguration& from, int index, int count) {
  const v1::AppliesTo& whom = from.applies_to();
  const bool is_default = whom.groups().empty() && whom.users().empty() && whom.organization_units().empty();
  if (is_default && index + 1 < count) {
    wrong(path + ".applies_to", "names nobody; only the last steering configuration, the default, may do so");
  } else if (!is_default && index + 1 == count) {
    wrong(path + ".applies_to",
          "names somebody, but the last steering configuration is the default for all others; "
          "add one without applies_to");
  }
  const auto fill = [&](const Texts& texts, WordIndex& words) {
    for (const std::string& text : texts) words.add(text, static_cast<uint32_t>(index));
  };
  fill(whom.users(), out_->steering_by_user);
  fill(whom.groups(), out_->steering_by_group);
  fill(whom.organization_units(), out_->steering_by_unit);
}

void Compiler::steering() {
  const int count = policy_.steering_configurations_size();
  if (count > static_cast<int>(steering_configurations_max)) {
    return wrong("steering_configurations", "are more than " + std::to_string(steering_configurations_max));
  }
  WordMap<int> seen;
  for (int i = 0; i < count; ++i) {
    const v1::SteeringConfiguration& from = policy_.steering_configurations(i);
    const std::string path = at("steering_configurations", i);
    name(path + ".name", from.name(), seen);
    applies_to(path, from, i, count);
    if (from.exceptions_size() > static_cast<int>(rules_max)) {
      wrong(path + ".exceptions", "are more than " + std::to_string(rules_max));
      continue;
    }
    Steering& to = out_->steering.emplace_back(static_cast<size_t>(from.exceptions_size()));
    to.name = from.name();
    to.reason = "Steering Exception - " + from.name();
    if (from.traffic() != v1::TRAFFIC_MODE_UNSPECIFIED) to.traffic = static_cast<TrafficMode>(from.traffic());
    to.bypass_in_cloud = from.bypass_exceptions_at() == v1::BYPASS_EXCEPTIONS_AT_CLOUD;
    to.fails_open = from.fail() != v1::FAIL_MODE_CLOSED;
    for (int p = 0; p < from.web_ports_size(); ++p) {
      const uint32_t port = from.web_ports(p);
      if (port == 0 || port > 65'535) wrong(at(path + ".web_ports", p), "must be a port from 1 to 65535");
      to.web_ports.push_back(static_cast<uint16_t>(port));
    }
    if (to.web_ports.empty()) to.web_ports = {80, 443};
    cidrs(path + ".steer_private_networks", from.steer_private_networks(), to.steered_private, 0);
    to.exceptions.resize(static_cast<size_t>(from.exceptions_size()));
    WordMap<int> names;
    for (int e = 0; e < from.exceptions_size(); ++e) {
      const std::string at_exception = at(path + ".exceptions", e);
      name(at_exception + ".name", from.exceptions(e).name(), names);
      exception(at_exception, from.exceptions(e), to, static_cast<size_t>(e));
    }
    to.table.finish();
  }
  if (count > 0) return;
  Steering& to = out_->steering.emplace_back(0);
  to.name = "default";
  to.web_ports = {80, 443};
}

}  // namespace sluice::policy
