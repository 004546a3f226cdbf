#pragma once
// Turns the message of a policy into what a Policy holds, and notes every mistake by its field path.
#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/policy/client_policy.h"
#include "proxy/policy/compile.h"
#include "proxy/policy/compiled.h"

namespace sluice::policy {

using Texts = google::protobuf::RepeatedPtrField<std::string>;
using Numbers = google::protobuf::RepeatedField<uint32_t>;

// "url_lists[3]"
std::string at(std::string_view path, int index);
// "; did you mean `a`?", or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// Lives for one compile(). Borrows the message.
class Compiler {
 public:
  Compiler(const config::v1::TenantPolicy& policy, Resources resources, const std::vector<TimedBypass>& timed);

  // Null when there are findings.
  std::unique_ptr<Compiled> run();
  Findings take_errors() { return std::move(errors_); }

 private:
  void wrong(std::string path, std::string sentence);
  // A rule's or list's name: given, short, and not `seen` yet.
  void name(const std::string& path, const std::string& text, WordMap<int>& seen);

  // compile_lists.cc: what rules refer to.
  void apps();
  void app(const std::string& path, const config::v1::CertificatePinnedApp& app);
  void url_lists();
  void custom_categories();
  void directory();
  void notifications();

  // compile_match.cc: conditions of rules.
  void match(const std::string& path, const config::v1::Match& match, bool sees_requests, RuleTable& table,
             size_t rule);
  void hosts(const std::string& path, const Texts& patterns, Column& column, size_t rule);
  void cidrs(const std::string& path, const Texts& networks, AddressMatcher& addresses, size_t rule);
  void countries(const std::string& path, const Texts& codes, Column& column, size_t rule);
  void networks(const std::string& path, const config::v1::Networks& networks, Column& column, size_t rule);
  void references(const std::string& path, const Texts& names, const WordMap<uint32_t>& known, const char* what,
                  Column& column, size_t rule);
  void words(const std::string& path, const Texts& words, Column& column, size_t rule);
  void ports(const std::string& path, const Numbers& ports, Column& column, size_t rule);
  void request(const std::string& path, const config::v1::Match& match, RuleTable& table, size_t rule);

  // compile_steering.cc
  void steering();
  void applies_to(const std::string& path, const config::v1::SteeringConfiguration& from, int index, int count);
  void exception(const std::string& path, const config::v1::Exception& from, Steering& to, size_t rule);
  void exception_kinds(const std::string& path, const config::v1::Exception& from, Steering& to, size_t rule);
  void pinned_app(const std::string& path, const config::v1::PinnedAppException& from, Steering& to, size_t rule);
  void expiry(const std::string& path, const std::string& date, RuleTable& table, size_t rule);

  // compile.cc
  void timed();
  void ssl();
  void realtime();
  void certificate_errors();

  const config::v1::TenantPolicy& policy_;
  Resources resources_;
  const std::vector<TimedBypass>& timed_;
  const ClientReach client_reach_;
  std::unique_ptr<Compiled> out_ = std::make_unique<Compiled>();
  Findings errors_;

  WordMap<uint32_t> list_numbers_;
  WordMap<uint32_t> category_numbers_;
  WordMap<uint32_t> app_numbers_;
  std::vector<const config::v1::CertificatePinnedApp*> app_messages_;  // by number
  WordMap<uint32_t> notice_numbers_;
};

}  // namespace sluice::policy
