#pragma once
// The catalogue of everything a query can name. It is read from the descriptors of page_event.proto, so it cannot drift
// from the record: every field of PageEvent, the fields of Gap, Audit and Notice (as `audit_action` and so on where a
// page event has a field of that name with another meaning), and `record_type`.
//
// A record that does not carry a field has its empty value there: "", 0, no, no address. There is no third truth value.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace google::protobuf {
class FieldDescriptor;
}
namespace sluice::events::v1 {
class Record;
}

namespace sluice::store {

enum class FieldType : uint8_t {
  kText,      // compared ignoring ASCII case
  kTextList,  // repeated text: a comparison holds when it holds for any element; never a column
  kNumber,
  kBool,
  kEnum,
  kAddress,
  kTime,  // epoch milliseconds
};

// Sixteen bytes in network order; IPv4 addresses as ::ffff:a.b.c.d, so that every network is one range of bytes.
using AddressBytes = std::array<uint8_t, 16>;
std::optional<AddressBytes> address_bytes(std::string_view text);

struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
// A value as a table's column holds it and as SQL gets it bound.
using ColumnValue = std::variant<int64_t, std::string, Blob>;

// One word of an enumeration: lower case, without the prefix of its type.
struct Word {
  std::string text;
  int64_t number = 0;
};

// One queryable field. Lives as long as the program; immutable, used from any thread.
class Field {
 public:
  const std::string& name() const { return name_; }
  FieldType type() const { return type_; }
  // Words of an enumeration without `unspecified` (number 0), which is the empty value.
  const std::vector<Word>& words() const { return words_; }
  // Whether records of this kind (a number of `record_type`) have the field at all.
  bool carried_by(int64_t record_type) const;

  // Number, bool (0, 1), enum, time; 0 for the other types. Unsigned values past int64 are clamped.
  int64_t number(const events::v1::Record& record) const;
  // Text as exports show it: numbers and times in decimal, words, yes and no, list elements joined by ",". NUL bytes
  // become spaces, because SQL's text functions end at NUL and the record and its column must compare alike.
  std::string text(const events::v1::Record& record) const;
  // Elements of a list; of any other type its text, if it is not empty.
  std::vector<std::string> texts(const events::v1::Record& record) const;
  // None for an empty or malformed address.
  std::optional<AddressBytes> address(const events::v1::Record& record) const;
  bool empty(const events::v1::Record& record) const;

  // What a column named name() must hold for to_sql() to be right, never NULL: int64 for numbers, bools, enums and
  // times (0 when absent); text for text ("" when absent); for addresses a blob of 16 bytes, or an empty one.
  ColumnValue column(const events::v1::Record& record) const;

  // The word of an enumeration's number; "" when it has none.
  std::string_view word(int64_t number) const;

 private:
  friend class Catalogue;
  const google::protobuf::FieldDescriptor* in(const events::v1::Record& record) const;

  std::string name_;
  FieldType type_ = FieldType::kText;
  std::vector<Word> words_;
  bool is_record_type_ = false;
  // By the number of the record's case; null where that kind of record has no such field.
  static constexpr size_t record_types = 5;
  std::array<const google::protobuf::FieldDescriptor*, record_types> by_record_type_{};
};

// In the order of the proto file.
const std::vector<Field>& fields();
// By name or by an alias that collectors of commercial gateways know (`_id`, `dsthost`), ignoring case; null if
// unknown.
const Field* find_field(std::string_view name);
// find_field() for a name that our own code spells: it must exist.
const Field& field(std::string_view name);
// Known names that look like `name`, nearest first.
std::vector<std::string> nearest_fields(std::string_view name);

}  // namespace sluice::store
