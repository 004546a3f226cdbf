#include "events/store/rollup.h"

#include <algorithm>

#include "proxy/base/assert.h"

namespace sluice::store {

using events::v1::PageEvent;

namespace {
constexpr int64_t minute_ms = 60'000;
constexpr int64_t hour_ms = 3'600'000;

RolledField number(const char* name, int field_number, int64_t (*get)(const PageEvent&)) {
  return {&field(name), field_number, minute_ms, get, nullptr};
}
RolledField text(const char* name, int field_number, std::string_view (*get)(const PageEvent&)) {
  return {&field(name), field_number, hour_ms, nullptr, get};
}

std::vector<RolledField> make_fields() {
  return {
      number("action", PageEvent::kActionFieldNumber, [](const PageEvent& e) -> int64_t { return e.action(); }),
      number("bypass_traffic", PageEvent::kBypassTrafficFieldNumber,
             [](const PageEvent& e) -> int64_t { return e.bypass_traffic() ? 1 : 0; }),
      number("bypass_reason_code", PageEvent::kBypassReasonCodeFieldNumber,
             [](const PageEvent& e) -> int64_t { return e.bypass_reason_code(); }),
      number("bypass_layer", PageEvent::kBypassLayerFieldNumber,
             [](const PageEvent& e) -> int64_t { return e.bypass_layer(); }),
      number("close_reason", PageEvent::kCloseReasonFieldNumber,
             [](const PageEvent& e) -> int64_t { return e.close_reason(); }),
      number("policy_kind", PageEvent::kPolicyKindFieldNumber,
             [](const PageEvent& e) -> int64_t { return e.policy_kind(); }),
      number("type", PageEvent::kTypeFieldNumber, [](const PageEvent& e) -> int64_t { return e.type(); }),
      number("origin", PageEvent::kOriginFieldNumber, [](const PageEvent& e) -> int64_t { return e.origin(); }),
      number("state", PageEvent::kStateFieldNumber, [](const PageEvent& e) -> int64_t { return e.state(); }),
      text("user", PageEvent::kUserFieldNumber, [](const PageEvent& e) -> std::string_view { return e.user(); }),
      text("host", PageEvent::kHostFieldNumber, [](const PageEvent& e) -> std::string_view { return e.host(); }),
      text("domain", PageEvent::kDomainFieldNumber, [](const PageEvent& e) -> std::string_view { return e.domain(); }),
      text("app", PageEvent::kAppFieldNumber, [](const PageEvent& e) -> std::string_view { return e.app(); }),
      text("appcategory", PageEvent::kAppcategoryFieldNumber,
           [](const PageEvent& e) -> std::string_view { return e.appcategory(); }),
      text("category", PageEvent::kCategoryFieldNumber,
           [](const PageEvent& e) -> std::string_view { return e.category(); }),
      text("site", PageEvent::kSiteFieldNumber, [](const PageEvent& e) -> std::string_view { return e.site(); }),
      text("policy", PageEvent::kPolicyFieldNumber, [](const PageEvent& e) -> std::string_view { return e.policy(); }),
      text("process_name", PageEvent::kProcessNameFieldNumber,
           [](const PageEvent& e) -> std::string_view { return e.process_name(); }),
      text("observed_by", PageEvent::kObservedByFieldNumber,
           [](const PageEvent& e) -> std::string_view { return e.observed_by(); }),
      text("dst_country", PageEvent::kDstCountryFieldNumber,
           [](const PageEvent& e) -> std::string_view { return e.dst_country(); }),
  };
}
}  // namespace

const std::vector<RolledField>& rolled_fields() {
  static const std::vector<RolledField> fields = make_fields();
  return fields;
}

const RolledField* rolled_field(const Field& wanted) {
  for (const RolledField& rolled : rolled_fields()) {
    if (rolled.field == &wanted) return &rolled;
  }
  return nullptr;
}

RollupSums& Rollup::sums(size_t field_index, const PageEvent& event) {
  const RolledField& rolled = rolled_fields()[field_index];
  const int64_t slot = std::max<int64_t>(event.timestamp(), 0) / rolled.slot_ms;
  Cursor& cursor = cursors_[field_index];
  if (cursor.at == nullptr || cursor.slot != slot) cursor = {slot, &slots_[{field_index, slot}]};
  if (rolled.integer != nullptr) {
    auto& numbers = cursor.at->numbers;
    const int64_t value = rolled.integer(event);
    for (auto& [known, sums] : numbers) {
      if (known == value) return sums;
    }
    ++entries_;
    return numbers.emplace_back(value, RollupSums{}).second;
  }
  const std::string_view value = rolled.text(event);
  auto& texts = cursor.at->texts;
  if (const auto known = texts.find(value); known != texts.end()) return known->second;
  ++entries_;
  return texts[std::string(value)];
}

void Rollup::add(const PageEvent& event) {
  ++events_;
  for (size_t i = 0; i < cursors_.size(); ++i) {
    RollupSums& at = sums(i, event);
    (event.primary() ? at.count : at.other_count) += 1;
    (event.primary() ? at.bytes : at.other_bytes) += event.numbytes();
  }
}

void Rollup::clear(uint64_t offset) {
  slots_.clear();
  cursors_.assign(cursors_.size(), Cursor{});
  entries_ = 0;
  events_ = 0;
  base_offset_ = offset;
}

void Rollup::visit(size_t field_index, int64_t slot_low, int64_t slot_high, const Visit& visit) const {
  for (auto at = slots_.lower_bound({field_index, slot_low}); at != slots_.end(); ++at) {
    const auto& [field, slot] = at->first;
    if (field != field_index || slot >= slot_high) return;
    for (const auto& [value, sums] : at->second.numbers) visit(slot, value, sums);
    for (const auto& [value, sums] : at->second.texts) {
      std::string clean = value;
      std::replace(clean.begin(), clean.end(), '\0', ' ');  // as Field::text()
      visit(slot, std::move(clean), sums);
    }
  }
}

}  // namespace sluice::store
