#include "proxy/policy/rule_table.h"

#include <algorithm>

#include "proxy/base/assert.h"

namespace sluice::policy {

namespace {

constexpr std::array<std::array<const char*, conditions>, signs> names{{
    {"domains", "url_lists", "categories", "applications", "users", "groups", "organization_units", "processes",
     "source_cidrs", "source_countries", "destination_cidrs", "destination_countries", "destination_ports", "methods",
     "paths", "content_types"},
    {"not_domains", "not_url_lists", "not_categories", "not_applications", "not_users", "not_groups",
     "not_organization_units", "not_processes", "not_source_cidrs", "not_source_countries", "not_destination_cidrs",
     "not_destination_countries", "not_destination_ports", "not_methods", "not_paths", "not_content_types"},
}};

Missing missing_for(Condition condition) {
  switch (condition) {
    case Condition::kDomain:
    case Condition::kUrlList:
    case Condition::kCategory:
    case Condition::kApplication: return kMissingHost;
    case Condition::kUser:
    case Condition::kGroup:
    case Condition::kOrganizationUnit: return kMissingUser;
    case Condition::kProcess: return kMissingProcess;
    case Condition::kSource:
    case Condition::kSourceCountry:
    case Condition::kDestinationPort: return kMissingNothing;
    case Condition::kDestination:
    case Condition::kDestinationCountry: return kMissingAddress;
    case Condition::kMethod:
    case Condition::kPath:
    case Condition::kContentType: return kMissingRequest;
  }
  return kMissingNothing;
}

template <size_t Max>
void set_ids(const std::vector<std::vector<uint32_t>>& rules_by_id, const Bits<Max>& ids, RuleBits& rules) {
  ids.each([&](size_t id) {
    if (id >= rules_by_id.size()) return;
    for (const uint32_t rule : rules_by_id[id]) rules.set(rule);
  });
}

void set_words(const WordIndex& words, std::string_view word, RuleBits& rules) {
  for (const uint32_t rule : words.find(word)) rules.set(rule);
}

std::string_view trimmed_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return type;
}

// `image/png` matches rules for `image/png` and for `image/*`, which stands in the index as `image/`.
void set_content_type(const WordIndex& words, std::string_view content_type, RuleBits& rules) {
  const std::string_view type = trimmed_type(content_type);
  set_words(words, type, rules);
  const size_t slash = type.find('/');
  if (slash != std::string_view::npos) set_words(words, type.substr(0, slash + 1), rules);
}

}  // namespace

const char* name_of(Condition condition, Sign sign) {
  return names[static_cast<size_t>(sign)][static_cast<size_t>(condition)];
}

bool is_about_request(Condition condition) {
  return missing_for(condition) == kMissingRequest;
}

RuleTable::RuleTable(size_t rules) : size_(rules), all_(rules), process_optional_(rules) {
  SLUICE_ASSERT(rules <= rules_max);
  for (std::vector<Column>& of_sign : columns_) {
    of_sign.reserve(conditions);
    for (size_t i = 0; i < conditions; ++i) of_sign.emplace_back(rules);
  }
  for (size_t rule = 0; rule < rules; ++rule) all_.set(rule);
}

Column& RuleTable::column(Condition condition, Sign sign, size_t rule) {
  Column& column = columns_[static_cast<size_t>(sign)][static_cast<size_t>(condition)];
  column.used = true;
  column.stated.set(rule);
  return column;
}

void RuleTable::finish() {
  for (std::vector<Column>& of_sign : columns_) {
    for (Column& column : of_sign) column.hosts.finish();
  }
}

template <class Visit>
void RuleTable::each_column(Visit visit) const {
  for (size_t sign = 0; sign < signs; ++sign) {
    for (size_t i = 0; i < conditions; ++i) {
      const Column& column = columns_[sign][i];
      if (column.used) visit(column, static_cast<Condition>(i), static_cast<Sign>(sign));
    }
  }
}

// Which rules of a column match, when the fact that they ask for is known.
Knowledge RuleTable::collect(const Column& column, Condition condition, const Question& question, Hits& hits) const {
  const FlowView& flow = question.flow;
  const Facts& facts = flow.facts;
  const auto set = [&](uint32_t rule) { hits.sure.set(rule); };
  switch (condition) {
    case Condition::kDomain:
      if (flow.host != Knowledge::kKnown) return flow.host;
      column.hosts.match(flow.key, [&](uint32_t rule, size_t) { hits.sure.set(rule); });
      if (flow.host_address) column.addresses.match(*flow.host_address, set);
      return Knowledge::kKnown;
    case Condition::kUrlList:
      if (flow.host != Knowledge::kKnown) return flow.host;
      set_ids(column.ids, question.tags.lists, hits.sure);
      set_ids(column.ids, question.tags.maybe_lists, hits.maybe);
      return Knowledge::kKnown;
    case Condition::kCategory:
      if (flow.host != Knowledge::kKnown) return flow.host;
      set_ids(column.ids, question.tags.categories, hits.sure);
      set_ids(column.ids, question.tags.maybe_categories, hits.maybe);
      return Knowledge::kKnown;
    case Condition::kApplication:
      if (flow.host != Knowledge::kKnown) return flow.host;
      set_ids(column.ids, flow.apps, hits.sure);
      return Knowledge::kKnown;
    case Condition::kUser:
      if (facts.user.known()) set_words(column.words, facts.user.value, hits.sure);
      return facts.user.knowledge;
    case Condition::kGroup:
      if (flow.identity != nullptr) {
        for (const std::string& group : flow.identity->groups) set_words(column.words, group, hits.sure);
      }
      return facts.user.knowledge;
    case Condition::kOrganizationUnit:
      if (flow.identity != nullptr) set_words(column.words, flow.identity->organization_unit, hits.sure);
      return facts.user.knowledge;
    case Condition::kProcess:
      if (facts.process.known()) {
        column.processes.match(facts.process.value, [&](uint32_t rule, ProcessIdentity) { hits.sure.set(rule); });
      }
      return facts.process.knowledge;
    case Condition::kSource:
      column.addresses.match(facts.source, set);
      set_words(column.words, flow.source_country.value.text(), hits.sure);
      return Knowledge::kKnown;
    case Condition::kSourceCountry:
      set_words(column.words, flow.source_country.value.text(), hits.sure);
      return flow.source_country.knowledge;
    case Condition::kDestination:
      if (!facts.address.known()) return facts.address.knowledge;
      column.addresses.match(facts.address.value, set);
      set_words(column.words, flow.destination_country.value.text(), hits.sure);
      return Knowledge::kKnown;
    case Condition::kDestinationCountry:
      set_words(column.words, flow.destination_country.value.text(), hits.sure);
      return flow.destination_country.knowledge;
    case Condition::kDestinationPort:
      if (facts.port < column.ids.size()) {
        for (const uint32_t rule : column.ids[facts.port]) hits.sure.set(rule);
      }
      return Knowledge::kKnown;
    case Condition::kMethod:
      if (question.request.known()) set_words(column.words, question.request.value.method, hits.sure);
      return question.request.knowledge;
    case Condition::kPath:
      if (question.request.known()) {
        column.paths.match(question.request.value.path, [&](uint32_t rule, size_t) { hits.sure.set(rule); });
      }
      return question.request.knowledge;
    case Condition::kContentType:
      if (question.request.known()) set_content_type(column.words, question.request.value.content_type, hits.sure);
      return question.request.knowledge;
  }
  return Knowledge::kNever;
}

// Leaves in `candidates` the rules that match or may match, and in `unknown` those with a condition that is open.
void RuleTable::evaluate(const Question& question, RuleBits& candidates, RuleBits& unknown) const {
  for (const Expiry& expiry : expiries_) {
    if (question.flow.facts.now >= expiry.end) candidates.reset(expiry.rule);
  }
  if (question.skip != nullptr) candidates.remove(*question.skip);
  each_column([&](const Column& column, Condition condition, Sign sign) {
    Hits hits{RuleBits(size_), RuleBits(size_)};
    const Knowledge knowledge = collect(column, condition, question, hits);
    RuleBits dead = column.stated;
    if (condition == Condition::kProcess && !question.flow.facts.has_client) dead.remove(process_optional_);
    switch (knowledge) {
      case Knowledge::kNotYet: unknown.add(dead); return;
      case Knowledge::kNever: candidates.remove(dead); return;
      case Knowledge::kKnown: break;
    }
    hits.maybe.remove(hits.sure);
    unknown.add(hits.maybe);
    if (sign == Sign::kIs) {
      dead.remove(hits.sure);
      dead.remove(hits.maybe);
    } else {
      dead.keep(hits.sure);
    }
    candidates.remove(dead);
  });
}

RuleTable::Answer RuleTable::first_match(const Question& question) const {
  RuleBits candidates = all_;
  RuleBits unknown(size_);
  evaluate(question, candidates, unknown);
  const size_t rule = candidates.first();
  if (rule == RuleBits::none) return {};
  if (!unknown.test(rule)) return {Answer::Is::kRule, rule, 0};
  return {Answer::Is::kUndecided, rule, missing_of(question, rule)};
}

RuleBits RuleTable::all_matches(const Question& question) const {
  RuleBits candidates = all_;
  RuleBits unknown(size_);
  evaluate(question, candidates, unknown);
  candidates.remove(unknown);
  return candidates;
}

uint8_t RuleTable::missing_of(const Question& question, size_t rule) const {
  unsigned missing = 0;
  each_column([&](const Column& column, Condition condition, Sign) {
    if (!column.stated.test(rule)) return;
    Hits hits{RuleBits(size_), RuleBits(size_)};
    const Knowledge knowledge = collect(column, condition, question, hits);
    if (knowledge == Knowledge::kNotYet) missing |= missing_for(condition);
    // Only paths leave a value open although its fact is known.
    if (knowledge == Knowledge::kKnown && hits.maybe.test(rule) && !hits.sure.test(rule)) missing |= kMissingRequest;
  });
  return static_cast<uint8_t>(missing);
}

Outcome RuleTable::trace(const Question& question, size_t rule, std::vector<ConditionTrace>& out) const {
  bool no = false;
  bool open = false;
  each_column([&](const Column& column, Condition condition, Sign sign) {
    if (!column.stated.test(rule)) return;
    if (condition == Condition::kProcess && !question.flow.facts.has_client && process_optional_.test(rule)) return;
    Hits hits{RuleBits(size_), RuleBits(size_)};
    Outcome outcome = Outcome::kNoMatch;
    switch (collect(column, condition, question, hits)) {
      case Knowledge::kNotYet: outcome = Outcome::kNotYet; break;
      case Knowledge::kNever: outcome = Outcome::kNever; break;
      case Knowledge::kKnown:
        if (hits.maybe.test(rule) && !hits.sure.test(rule)) {
          outcome = Outcome::kNotYet;
        } else {
          outcome = hits.sure.test(rule) == (sign == Sign::kIs) ? Outcome::kMatch : Outcome::kNoMatch;
        }
    }
    no |= outcome == Outcome::kNoMatch || outcome == Outcome::kNever;
    open |= outcome == Outcome::kNotYet;
    out.push_back({name_of(condition, sign), outcome});
  });
  if (question.skip != nullptr && question.skip->test(rule)) return Outcome::kSkipped;
  for (const Expiry& expiry : expiries_) {
    if (expiry.rule == rule && question.flow.facts.now >= expiry.end) return Outcome::kExpired;
  }
  if (no) return Outcome::kNoMatch;
  return open ? Outcome::kNotYet : Outcome::kMatch;
}

ProcessIdentity RuleTable::identity(const Question& question, size_t rule) const {
  ProcessIdentity strongest = ProcessIdentity::kNone;
  const Facts& facts = question.flow.facts;
  if (!facts.process.known()) return strongest;
  const auto& processes = columns_[0][static_cast<size_t>(Condition::kProcess)].processes;
  processes.match(facts.process.value, [&](uint32_t of_rule, ProcessIdentity identity) {
    if (of_rule == rule) strongest = std::max(strongest, identity);
  });
  return strongest;
}

}  // namespace sluice::policy
