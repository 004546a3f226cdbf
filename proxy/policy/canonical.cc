#include "proxy/policy/canonical.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/reflection.h>

#include <algorithm>

namespace sluice::policy {

namespace {

namespace pb = google::protobuf;

template <class Value>
void sort_field(pb::Message& message, const pb::FieldDescriptor& field) {
  const auto values = message.GetReflection()->GetMutableRepeatedFieldRef<Value>(&message, &field);
  std::vector<Value> sorted;
  for (int i = 0; i < values.size(); ++i) sorted.push_back(values.Get(i));
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) values.Set(static_cast<int>(i), sorted[i]);
}

// Every list of plain values in a policy is a set.
void sort_values(pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->is_map()) continue;
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) {
        sort_values(*reflection.MutableMessage(&message, field));
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        sort_values(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    } else if (field->is_repeated() && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING) {
      sort_field<std::string>(message, *field);
    } else if (field->is_repeated() && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT32) {
      sort_field<uint32_t>(message, *field);
    } else if (field->is_repeated() && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_ENUM) {
      sort_field<int32_t>(message, *field);
    }
  }
}

template <class Messages>
void sort_by_name(Messages& messages) {
  std::sort(messages.pointer_begin(), messages.pointer_end(),
            [](const auto* a, const auto* b) { return a->name() < b->name(); });
}

}  // namespace

std::string canonical_bytes(const config::v1::TenantPolicy& policy,
                            const std::vector<config::v1::DirectoryUser>& users) {
  config::v1::TenantPolicy copy = policy;
  copy.mutable_directory()->Clear();
  for (const auto& user : users) *copy.mutable_directory()->add_users() = user;
  sort_values(copy);
  sort_by_name(*copy.mutable_url_lists());
  sort_by_name(*copy.mutable_custom_categories());
  sort_by_name(*copy.mutable_certificate_pinned_apps());
  sort_by_name(*copy.mutable_directory()->mutable_users());
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace sluice::policy
