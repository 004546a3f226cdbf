#include "events/store/rolled_filter.h"

#include <google/protobuf/descriptor.h>

namespace sluice::store {

using google::protobuf::FieldDescriptor;

namespace {
void set_field(events::v1::PageEvent& event, const Field& field, std::string_view text) {
  const FieldDescriptor* descriptor = event.GetDescriptor()->FindFieldByName(field.name());
  if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const int64_t number = integer_of(text);
    event.GetReflection()->SetEnumValue(&event, descriptor, static_cast<int>(number));
  } else {
    event.GetReflection()->SetString(&event, descriptor, std::string(text));
  }
}
}  // namespace

RolledFilter::RolledFilter(const Filter* filter, const RolledKey& key) : filter_(filter), key_(key) {
  record_.mutable_page_event();
  if (filter == nullptr) return;
  for (const Field* field : fields_of(*filter)) (in_every_group(*field) ? by_group_ : by_value_) = true;
}

bool RolledFilter::accepts(RollupGroup group, std::string_view value) {
  if (filter_ == nullptr) return true;
  events::v1::PageEvent& event = *record_.mutable_page_event();
  if (by_group_) {
    event.set_action(static_cast<events::v1::Verdict>(action_of(group)));
    event.set_bypass_traffic(bypass_of(group) != 0);
  }
  if (by_value_) {
    const auto parts = parts_of(key_, value);
    for (size_t i = 0; i < parts.size(); ++i) set_field(event, *key_.fields[i].field, parts[i]);
  }
  return matches(*filter_, record_);
}

}  // namespace sluice::store
