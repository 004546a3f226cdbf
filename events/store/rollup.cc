#include "events/store/rollup.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "events/store/event_key.h"

namespace sluice::store {

using events::v1::PageEvent;

namespace {
constexpr int64_t minute_ms = 60'000;
constexpr int64_t hour_ms = 3'600'000;
constexpr char separator = '\0';  // between the texts of a value; in none of them
constexpr size_t value_at = 1 + sizeof(RollupGroup);

void add_text(std::string& to, std::string_view text) {
  const size_t at = to.size();
  to += text;
  if (std::memchr(text.data(), '\0', text.size()) == nullptr) return;
  std::replace(to.begin() + static_cast<ptrdiff_t>(at), to.end(), '\0', ' ');  // as Field::text()
}
void add_number(std::string& to, int64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  to.append(digits.data(), end.ptr);
}

RolledKey per_minute(int64_t number, std::vector<RolledField> fields) {
  return {number, minute_ms, std::move(fields), nullptr};
}
RolledKey per_hour(int64_t number, std::vector<RolledField> fields, const Field* indexed = nullptr) {
  return {number, hour_ms, std::move(fields), indexed};
}

#define SLUICE_ROLLED_TEXT(name)                                                       \
  RolledField {                                                                        \
    &field(#name), [](std::string& to, const PageEvent& e) { add_text(to, e.name()); } \
  }
#define SLUICE_ROLLED_NUMBER(name)                                                       \
  RolledField {                                                                          \
    &field(#name), [](std::string& to, const PageEvent& e) { add_number(to, e.name()); } \
  }

std::vector<RolledKey> make_keys() {
  const RolledField app = SLUICE_ROLLED_TEXT(app);
  const RolledField domain = SLUICE_ROLLED_TEXT(domain);
  const RolledField host = SLUICE_ROLLED_TEXT(host);
  const RolledField user = SLUICE_ROLLED_TEXT(user);
  const RolledField policy_kind = SLUICE_ROLLED_NUMBER(policy_kind);
  return {
      per_minute(1, {}),
      per_minute(2, {SLUICE_ROLLED_NUMBER(bypass_reason_code), SLUICE_ROLLED_NUMBER(bypass_layer)}),
      per_minute(3, {SLUICE_ROLLED_NUMBER(close_reason), policy_kind}),
      per_minute(4, {SLUICE_ROLLED_NUMBER(type), SLUICE_ROLLED_NUMBER(origin), SLUICE_ROLLED_NUMBER(state)}),
      per_hour(5, {SLUICE_ROLLED_TEXT(observed_by)}),
      per_hour(6, {SLUICE_ROLLED_TEXT(dst_country)}),
      per_hour(7, {SLUICE_ROLLED_TEXT(site)}),
      per_hour(8, {SLUICE_ROLLED_TEXT(category), SLUICE_ROLLED_TEXT(appcategory)}),
      per_hour(9, {SLUICE_ROLLED_TEXT(process_name)}),
      per_hour(10, {app}, app.field),
      per_hour(11, {SLUICE_ROLLED_TEXT(policy), policy_kind, app}),
      per_hour(12, {user}, user.field),
      per_hour(13, {domain, app}),
      per_hour(14, {host, domain, app}, host.field),
      per_hour(15,
               {SLUICE_ROLLED_TEXT(device_id), user, SLUICE_ROLLED_TEXT(hostname), SLUICE_ROLLED_TEXT(device_os),
                SLUICE_ROLLED_TEXT(client_version), SLUICE_ROLLED_TEXT(policy_version)},
               user.field),
  };
}
#undef SLUICE_ROLLED_TEXT
#undef SLUICE_ROLLED_NUMBER
}  // namespace

const std::vector<RolledKey>& rolled_keys() {
  static const std::vector<RolledKey> keys = make_keys();
  return keys;
}

bool in_every_group(const Field& wanted) {
  static const Field* const action = &field("action");
  static const Field* const bypass = &field("bypass_traffic");
  return &wanted == action || &wanted == bypass;
}

bool covers(const RolledKey& key, const std::vector<const Field*>& fields) {
  return std::all_of(fields.begin(), fields.end(), [&](const Field* wanted) {
    return in_every_group(*wanted) || std::any_of(key.fields.begin(), key.fields.end(),
                                                  [&](const RolledField& has) { return has.field == wanted; });
  });
}

int64_t action_of(RollupGroup group) {
  return static_cast<int32_t>(static_cast<uint32_t>(group >> 1));
}
int64_t bypass_of(RollupGroup group) {
  return static_cast<int64_t>(group & 1);
}

int64_t integer_of(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<std::string_view> parts_of(const RolledKey& key, std::string_view value) {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < key.fields.size(); ++i) {
    const size_t end = std::min(value.find(separator), value.size());
    parts.push_back(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return parts;
}

void RollupSums::add(const RollupSums& more) {
  count += more.count;
  bytes += more.bytes;
  last = std::max(last, more.last);
  other_count += more.other_count;
  other_bytes += more.other_bytes;
  other_last = std::max(other_last, more.other_last);
}

void Rollup::add(const PageEvent& event) {
  ++events_;
  const int64_t time = std::clamp<int64_t>(event.timestamp(), 0, key_time_max);
  if (at_ == nullptr || at_hour_ != time / hour_ms) {
    at_hour_ = time / hour_ms;
    at_ = &hours_[at_hour_];
    at_->resize(rolled_keys().size());
  }
  const RollupGroup group =
      uint64_t{static_cast<uint32_t>(event.action())} << 1 | static_cast<uint64_t>(event.bypass_traffic());
  for (size_t i = 0; i < at_->size(); ++i) {
    const RolledKey& key = rolled_keys()[i];
    scratch_.resize(value_at);
    scratch_[0] = static_cast<char>(key.slot_ms == minute_ms ? time % hour_ms / minute_ms : 0);
    std::memcpy(scratch_.data() + 1, &group, sizeof group);
    for (const RolledField& field : key.fields) {
      if (&field != key.fields.data()) scratch_ += separator;
      field.append(scratch_, event);
    }
    Sums& known = (*at_)[i];
    auto at = known.find(std::string_view(scratch_));
    if (at == known.end()) {
      at = known.emplace(scratch_, RollupSums{}).first;
      ++entries_;
    }
    RollupSums& sums = at->second;
    (event.primary() ? sums.count : sums.other_count) += 1;
    (event.primary() ? sums.bytes : sums.other_bytes) += event.numbytes();
    int64_t& last = event.primary() ? sums.last : sums.other_last;
    last = std::max(last, time % hour_ms);
  }
}

void Rollup::clear(uint64_t offset) {
  hours_.clear();
  at_ = nullptr;
  entries_ = 0;
  events_ = 0;
  base_offset_ = offset;
}

void Rollup::visit(size_t key, int64_t hour_low, int64_t hour_high, const Visit& visit) const {
  for (auto at = hours_.lower_bound(hour_low); at != hours_.end() && at->first < hour_high; ++at) {
    for (const auto& [packed, sums] : at->second[key]) {
      Place place;
      place.minute = static_cast<uint8_t>(packed[0]);
      std::memcpy(&place.group, packed.data() + 1, sizeof place.group);
      place.value = std::string_view(packed).substr(value_at);
      visit(at->first, place, sums);
    }
  }
}

std::vector<int64_t> Rollup::hours() const {
  std::vector<int64_t> all;
  for (const auto& [hour, sums] : hours_) all.push_back(hour);
  return all;
}

}  // namespace sluice::store
