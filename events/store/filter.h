#pragma once
// Filter: the immutable tree behind every query, whatever wrote it (console, CLI, gRPC, HTTP, sink filters). Two back
// ends give the same answer: matches() in memory, and to_sql() for a table whose columns are some of the fields.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/store/field.h"
#include "proxy/base/result.h"

namespace sluice::store {

enum class Operator : uint8_t {
  kEqual,
  kNotEqual,  // the negation of kEqual: true for an empty field
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,     // substring, ignoring ASCII case
  kRegex,    // RE2, found anywhere in the text, case sensitive unless it says (?i)
  kIn,       // equal to one of the values; an address inside one of the networks
  kBetween,  // first value <= field <= second value
  kExists,   // not empty; takes no value
};

// An address (first == last) or a network, with IPv4 as ::ffff:a.b.c.d.
struct AddressRange {
  AddressBytes first{};
  AddressBytes last{};
  std::string text;  // as it prints: "10.0.0.0/8"
  bool operator==(const AddressRange&) const = default;
};

// Number, bool, enum, time: int64. Text: string. Address: AddressRange.
using Value = std::variant<int64_t, std::string, AddressRange>;

class Regex;  // a compiled RE2

struct Filter;
struct And {
  std::vector<Filter> parts;  // none: everything matches
};
struct Or {
  std::vector<Filter> parts;
};
struct Not {
  std::vector<Filter> part;  // exactly one
};
struct Comparison {
  const Field* field = nullptr;
  Operator op = Operator::kEqual;
  std::vector<Value> values;
  std::shared_ptr<const Regex> regex;  // for kRegex: compiled values[0]
};

// A value; copies share compiled expressions. Built by the functions below only. Used from any thread.
struct Filter {
  std::variant<And, Or, Not, Comparison> node;
};
bool operator==(const Filter& a, const Filter& b);

Filter everything();
// Nested runs of the same kind are flattened; a single part stands for itself.
Filter all_of(std::vector<Filter> parts);
Filter any_of(std::vector<Filter> parts);
// Two negations cancel.
Filter negation(Filter part);
// The values must be of the field's type and as many as `op` takes; not for kRegex.
Filter compare(const Field& field, Operator op, std::vector<Value> values);
base::Result<Filter> compare_regex(const Field& field, std::string pattern);

// Whether the language allows `op` on fields of this type.
bool allows(FieldType type, Operator op);
// "10.0.0.0/8", "fc00::/7", "192.0.2.1"; host bits must be zero.
std::optional<AddressRange> parse_address_range(std::string_view text);
// True if the tree names `field` anywhere.
bool mentions(const Filter& filter, const Field& field);

// The fields that the tree names, each once.
std::vector<const Field*> fields_of(const Filter& filter);

bool matches(const Filter& filter, const events::v1::Record& record);
// Whether a kLike or kRegex comparison holds for this text.
bool text_matches(const Comparison& comparison, std::string_view text);

// A condition with `?` placeholders; values never appear in the text. Columns are named as the fields, in double
// quotes, and hold what Field::column() returns: not NULL, text compared with COLLATE NOCASE (declare the columns so
// and their indexes are used), addresses as 16-byte blobs.
// Whether all that matches has one of some values of `field` that the filter names.
bool names_values_of(const Filter& filter, const Field& field);

struct SqlCondition {
  std::string text;
  std::vector<ColumnValue> values;  // in the order of the placeholders
  // False: the condition lets through more than the filter does, and every row must be checked with matches().
  bool exact = true;
};
// `is_column` says which fields the table has as columns. A comparison on any other field, on a list, or with an
// expression on text becomes "true", with exact = false.
SqlCondition to_sql(const Filter& filter, const std::function<bool(const Field&)>& is_column);

}  // namespace sluice::store
