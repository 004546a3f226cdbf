#include "events/store/field.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/base/ip.h"
#include "proxy/base/text.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::store {

using events::v1::Record;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {
constexpr size_t nearest_fields_max = 3;
// Letters from which on a name that contains the word is meant: "bytes" is client_bytes, but "ap" is rather app.
constexpr size_t part_of_name_min = 4;

// Names that existing collectors and their saved queries use for a field of ours with the same meaning and unit.
constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {"_id", "event_id"},
    {"dsthost", "host"},
    {"usergroup", "user_groups"},
    {"netskope_pop", "observed_by"},
    {"resp_content_type", "content_type"},
};

const Message& carried(const Record& record) {
  switch (record.record_case()) {
    case Record::kPageEvent: return record.page_event();
    case Record::kGap: return record.gap();
    case Record::kAudit: return record.audit();
    case Record::kNotice: return record.notice();
    case Record::RECORD_NOT_SET: break;
  }
  return record;
}

bool is_address(std::string_view name) {
  return name == "srcip" || name == "dstip" || name == "userip" || name == "egress_ip";
}

bool is_time(std::string_view name) {
  return name == "timestamp" || name.ends_with("_time") || name == "cert_not_after";
}

FieldType type_of(const FieldDescriptor& descriptor) {
  switch (descriptor.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return FieldType::kBool;
    case FieldDescriptor::CPPTYPE_ENUM: return FieldType::kEnum;
    case FieldDescriptor::CPPTYPE_INT64: return is_time(descriptor.name()) ? FieldType::kTime : FieldType::kNumber;
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64: return FieldType::kNumber;
    case FieldDescriptor::CPPTYPE_STRING:
      if (descriptor.is_repeated()) return FieldType::kTextList;
      return is_address(descriptor.name()) ? FieldType::kAddress : FieldType::kText;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
  SLUICE_ASSERT(false);  // a new kind of field in the proto needs its place here
  return FieldType::kText;
}

// HOST_SOURCE_HTTP_HOST -> http_host: every enumeration's zero is <PREFIX>UNSPECIFIED.
std::vector<Word> words_of(const EnumDescriptor& e) {
  const std::string_view zero = e.FindValueByNumber(0)->name();
  const size_t prefix = zero.size() - std::string_view("UNSPECIFIED").size();
  std::vector<Word> words;
  for (int i = 0; i < e.value_count(); ++i) {
    if (e.value(i)->number() == 0) continue;
    words.push_back(Word{base::ascii_lower(std::string_view(e.value(i)->name()).substr(prefix)), e.value(i)->number()});
  }
  return words;
}

std::string without_nul(std::string text) {
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}
}  // namespace

std::optional<AddressBytes> address_bytes(std::string_view text) {
  const auto address = base::IpAddress::parse(text);
  if (!address) return std::nullopt;
  if (!address->is_v4()) return address->bytes();
  AddressBytes mapped{};
  mapped[10] = mapped[11] = 0xff;
  std::copy_n(address->bytes().begin(), 4, mapped.begin() + 12);
  return mapped;
}

// Builds the fields once and finds them by name. Immutable after construction.
class Catalogue {
 public:
  static const Catalogue& instance() {
    static const Catalogue catalogue;
    return catalogue;
  }
  const std::vector<Field>& fields() const { return fields_; }
  const Field* find(std::string_view name) const {
    const auto found = by_name_.find(base::ascii_lower(name));
    return found == by_name_.end() ? nullptr : &fields_[found->second];
  }

 private:
  Catalogue() {
    const auto& oneof = *Record::descriptor()->oneof_decl(0);
    add_record_type(oneof);
    for (int i = 0; i < oneof.field_count(); ++i) add_message(*oneof.field(i));
    for (const auto& [alias, name] : aliases) {
      if (by_name_.contains(std::string(name))) by_name_.emplace(alias, by_name_.at(std::string(name)));
    }
  }

  void add_record_type(const google::protobuf::OneofDescriptor& oneof) {
    Field field;
    field.name_ = "record_type";
    field.type_ = FieldType::kEnum;
    field.is_record_type_ = true;
    for (int i = 0; i < oneof.field_count(); ++i) {
      field.words_.push_back(Word{oneof.field(i)->name(), oneof.field(i)->number()});
    }
    add(std::move(field));
  }

  void add_message(const FieldDescriptor& kind) {
    const auto at = static_cast<size_t>(kind.number());
    SLUICE_ASSERT(at < Field::record_types);
    for (int i = 0; i < kind.message_type()->field_count(); ++i) {
      const FieldDescriptor& descriptor = *kind.message_type()->field(i);
      Field field;
      field.name_ = descriptor.name();
      field.type_ = type_of(descriptor);
      if (const auto known = by_name_.find(field.name_); known != by_name_.end()) {
        Field& same = fields_[known->second];
        if (same.type_ == field.type_ && field.type_ != FieldType::kEnum) {
          same.by_record_type_[at] = &descriptor;
          continue;
        }
        field.name_ = kind.name() + "_" + field.name_;
      }
      if (field.type_ == FieldType::kEnum) field.words_ = words_of(*descriptor.enum_type());
      field.by_record_type_[at] = &descriptor;
      add(std::move(field));
    }
  }

  void add(Field field) {
    by_name_.emplace(field.name_, fields_.size());
    fields_.push_back(std::move(field));
  }

  std::vector<Field> fields_;
  std::unordered_map<std::string, size_t> by_name_;
};

const FieldDescriptor* Field::in(const Record& record) const {
  const auto at = static_cast<size_t>(record.record_case());
  return at < by_record_type_.size() ? by_record_type_[at] : nullptr;
}

bool Field::carried_by(int64_t record_type) const {
  if (is_record_type_) return true;
  const auto at = static_cast<size_t>(record_type);
  return at < by_record_type_.size() && by_record_type_[at] != nullptr;
}

int64_t Field::number(const Record& record) const {
  if (is_record_type_) return static_cast<int64_t>(record.record_case());
  const FieldDescriptor* descriptor = in(record);
  if (descriptor == nullptr) return 0;
  const Message& message = carried(record);
  const Reflection& reflection = *message.GetReflection();
  switch (descriptor->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return reflection.GetBool(message, descriptor) ? 1 : 0;
    case FieldDescriptor::CPPTYPE_ENUM: return reflection.GetEnumValue(message, descriptor);
    case FieldDescriptor::CPPTYPE_INT64: return reflection.GetInt64(message, descriptor);
    case FieldDescriptor::CPPTYPE_UINT32: return reflection.GetUInt32(message, descriptor);
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<int64_t>(std::min<uint64_t>(reflection.GetUInt64(message, descriptor),
                                                     static_cast<uint64_t>(std::numeric_limits<int64_t>::max())));
    default: return 0;  // text has no number; type_of() admits no other kind
  }
}

std::string Field::text(const Record& record) const {
  switch (type_) {
    case FieldType::kNumber:
    case FieldType::kTime: return std::to_string(number(record));
    case FieldType::kBool: return number(record) != 0 ? "yes" : "no";
    case FieldType::kEnum: return std::string(word(number(record)));
    case FieldType::kText:
    case FieldType::kAddress: {
      const FieldDescriptor* descriptor = in(record);
      if (descriptor == nullptr) return {};
      const Message& message = carried(record);
      return without_nul(message.GetReflection()->GetString(message, descriptor));
    }
    case FieldType::kTextList: break;
  }
  std::string joined;
  for (const std::string& element : texts(record)) {
    if (!joined.empty()) joined += ',';
    joined += element;
  }
  return joined;
}

std::vector<std::string> Field::texts(const Record& record) const {
  std::vector<std::string> elements;
  if (type_ != FieldType::kTextList) {
    if (!empty(record)) elements.push_back(text(record));
    return elements;
  }
  const FieldDescriptor* descriptor = in(record);
  if (descriptor == nullptr) return elements;
  const Message& message = carried(record);
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, descriptor); ++i) {
    elements.push_back(without_nul(reflection.GetRepeatedString(message, descriptor, i)));
  }
  return elements;
}

std::optional<AddressBytes> Field::address(const Record& record) const {
  return type_ == FieldType::kAddress ? address_bytes(text(record)) : std::nullopt;
}

bool Field::empty(const Record& record) const {
  switch (type_) {
    case FieldType::kNumber:
    case FieldType::kTime:
    case FieldType::kBool:
    case FieldType::kEnum: return number(record) == 0;
    case FieldType::kText: return text(record).empty();
    case FieldType::kAddress: return !address(record).has_value();
    case FieldType::kTextList: return texts(record).empty();
  }
  return true;
}

ColumnValue Field::column(const Record& record) const {
  switch (type_) {
    case FieldType::kNumber:
    case FieldType::kTime:
    case FieldType::kBool:
    case FieldType::kEnum: return number(record);
    case FieldType::kAddress: {
      const auto bytes = address(record);
      return bytes ? Blob{std::string(bytes->begin(), bytes->end())} : Blob{};
    }
    case FieldType::kText:
    case FieldType::kTextList: break;
  }
  return text(record);
}

std::string_view Field::word(int64_t number) const {
  for (const Word& word : words_) {
    if (word.number == number) return word.text;
  }
  return {};
}

const std::vector<Field>& fields() {
  return Catalogue::instance().fields();
}

const Field* find_field(std::string_view name) {
  return Catalogue::instance().find(name);
}

const Field& field(std::string_view name) {
  const Field* found = find_field(name);
  SLUICE_ASSERT(found != nullptr);
  return *found;
}

std::vector<std::string> nearest_fields(std::string_view name) {
  const std::string word = base::ascii_lower(name);
  std::vector<std::string> nearest;
  std::vector<std::string> others;
  for (const Field& field : fields()) {
    const bool contains = word.size() >= part_of_name_min && field.name().find(word) != std::string::npos;
    (contains ? nearest : others).push_back(field.name());
  }
  for (std::string& other : base::nearest_words(word, others, nearest_fields_max)) nearest.push_back(std::move(other));
  if (nearest.size() > nearest_fields_max) nearest.resize(nearest_fields_max);
  return nearest;
}

}  // namespace sluice::store
