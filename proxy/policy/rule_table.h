#pragma once
// An ordered list of rules, first match wins, kept as columns: for each kind of condition the set of rules that state
// it and an index from values to rules. A decision intersects sets, so its cost hardly grows with the number of rules.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/base/time.h"
#include "proxy/policy/address_matcher.h"
#include "proxy/policy/bits.h"
#include "proxy/policy/flow_view.h"
#include "proxy/policy/host_matcher.h"
#include "proxy/policy/process_index.h"
#include "proxy/policy/request_path.h"
#include "proxy/policy/trace.h"
#include "proxy/policy/word_index.h"

namespace sluice::policy {

using RuleBits = Bits<rules_max>;

enum class Condition : uint8_t {
  kDomain,
  kUrlList,
  kCategory,
  kApplication,
  kUser,
  kGroup,
  kOrganizationUnit,
  kProcess,
  kSource,  // networks, and for exceptions countries
  kSourceCountry,
  kDestination,  // likewise
  kDestinationCountry,
  kDestinationPort,
  kMethod,
  kPath,
  kContentType,
};
constexpr size_t conditions = 16;
enum class Sign : uint8_t { kIs, kIsNot };
constexpr size_t signs = 2;

// The key of the condition in a Match: "domains", "not_domains".
const char* name_of(Condition condition, Sign sign);
// Of the request: never known before decryption.
bool is_about_request(Condition condition);

// All rules that state one kind of condition with one sign. Indexes give rule numbers.
struct Column {
  explicit Column(size_t rules) : stated(rules) {}
  RuleBits stated;
  bool used = false;
  HostMatcher hosts;
  AddressMatcher addresses;
  WordIndex words;
  ProcessIndex processes;
  PathIndex paths;
  std::vector<std::vector<uint32_t>> ids;  // by number of URL list, category, application or port
};

// Filled through column() and the setters, then finish()ed once, then only read, by any number of threads.
class RuleTable {
 public:
  explicit RuleTable(size_t rules);

  size_t size() const { return size_; }
  // The column, with `rule` among the rules that state it.
  Column& column(Condition condition, Sign sign, size_t rule);
  // From `end` on the rule no longer holds.
  void expire(size_t rule, base::WallTime end) { expiries_.push_back({rule, end}); }
  // Without a client the rule's process condition is left out.
  void process_is_optional(size_t rule) { process_optional_.set(rule); }
  void finish();

  struct Answer {
    enum class Is : uint8_t { kNone, kRule, kUndecided };
    Is is = Is::kNone;
    size_t rule = 0;
    uint8_t missing = 0;  // of kUndecided
  };
  // What is asked besides the flow: the tags and the request that count for this list, and rules to pass over.
  struct Question {
    const FlowView& flow;
    const Tags& tags;
    const Fact<Request>& request;
    const RuleBits* skip = nullptr;
  };
  Answer first_match(const Question& question) const;
  RuleBits all_matches(const Question& question) const;
  // Of one rule: all its conditions, and its outcome as if it stood alone.
  Outcome trace(const Question& question, size_t rule, std::vector<ConditionTrace>& conditions) const;
  // The strongest identity by which the rule's process condition matches.
  ProcessIdentity identity(const Question& question, size_t rule) const;

 private:
  struct Expiry {
    size_t rule;
    base::WallTime end;
  };
  // Rules of a column whose values match, and those that may.
  struct Hits {
    RuleBits sure;
    RuleBits maybe;
  };

  Knowledge collect(const Column& column, Condition condition, const Question& question, Hits& hits) const;
  void evaluate(const Question& question, RuleBits& candidates, RuleBits& unknown) const;
  uint8_t missing_of(const Question& question, size_t rule) const;
  template <class Visit>
  void each_column(Visit visit) const;

  size_t size_;
  std::array<std::vector<Column>, signs> columns_;
  RuleBits all_;
  RuleBits process_optional_;
  std::vector<Expiry> expiries_;
};

}  // namespace sluice::policy
