#pragma once
// What a Policy holds. Built by Compiler, then only read.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/policy/category_database.h"
#include "proxy/policy/country_database.h"
#include "proxy/policy/directory.h"
#include "proxy/policy/policy.h"
#include "proxy/policy/rule_table.h"
#include "proxy/policy/url_index.h"
#include "proxy/policy/verdict.h"

namespace sluice::policy {

struct ExceptionRule {
  std::string name;
  BypassReasonCode code = BypassReasonCode::kUnspecified;
  bool is_app = false;
  bool blocks = false;
  bool tunnels = false;
  bool recorded = true;
  HostMatcher tunnel_hosts;  // tunnelled although the mode is direct
};

struct Steering {
  explicit Steering(size_t rules) : table(rules), not_at_client(rules) {}
  std::string name;
  std::string reason;  // "Steering Exception - <name>"
  TrafficMode traffic = TrafficMode::kWeb;
  std::vector<uint16_t> web_ports;
  bool bypass_in_cloud = false;
  bool fails_open = true;
  AddressMatcher steered_private;
  RuleTable table;
  RuleBits not_at_client;  // exceptions that only the PoP can decide
  std::vector<ExceptionRule> exceptions;
};

struct TimedRule {
  std::string name;    // "timed bypass <id>"
  std::string reason;  // "Timed bypass - <reason>"
};

struct SslRule {
  std::string name;
  std::string reason;  // "SSL Policy - <name>"
  bool decrypts = true;
};

struct RealtimeRule {
  std::string name;
  Action action = Action::kAllow;
  const Notice* notice = nullptr;  // of Compiled::notices
};

struct CertificateRule {
  std::string name;
  std::string reason;    // "Certificate error - <name>"
  uint32_t allowed = 0;  // bit per CertificateError
  CertificateAction action = CertificateAction::kBlock;
};

struct NoticeText {
  std::string name, title, body, support;
};

struct App {
  std::string name;
  std::string category;
};

// Custom categories come first, those of the database behind them.
struct Categories {
  std::vector<std::string> names;
  size_t custom = 0;
  std::vector<std::vector<uint32_t>> by_list;         // custom categories that include a URL list
  std::vector<std::vector<uint32_t>> by_category;     // custom categories that include one of the database
  std::vector<std::vector<uint32_t>> excluded_lists;  // of a custom category
};

struct Compiled {
  std::string tenant;
  std::string version;
  bool bypasses_recorded = true;
  bool unknown_protocol_passes = false;
  bool ech_blocked = false;

  size_t url_list_count = 0;
  UrlIndex urls;
  std::vector<App> apps;
  HostMatcher app_hosts;
  Categories categories;
  std::shared_ptr<const CategoryDatabase> category_database;
  std::shared_ptr<const CountryDatabase> country_database;  // may be null
  std::unique_ptr<const Directory> directory;

  std::vector<Steering> steering;  // at least one; the last is the default
  WordIndex steering_by_user, steering_by_group, steering_by_unit;
  std::vector<TimedRule> timed;
  std::unique_ptr<RuleTable> timed_table;
  std::vector<SslRule> ssl;
  std::unique_ptr<RuleTable> ssl_table;
  std::vector<RealtimeRule> realtime;
  std::unique_ptr<RuleTable> realtime_table;
  std::vector<CertificateRule> certificate;
  std::unique_ptr<RuleTable> certificate_table;
  CertificateAction certificate_default = CertificateAction::kBlock;
  std::vector<NoticeText> notice_texts;
  std::vector<Notice> notices;  // views of notice_texts
};

}  // namespace sluice::policy
