#include "events/store/filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "events/store/filter_limits.h"
#include "proxy/base/assert.h"
#include "proxy/base/ip.h"
#include "proxy/base/text.h"

namespace sluice::store {

using events::v1::Record;

class Regex {
 public:
  explicit Regex(const std::string& pattern) : re2_(pattern, options()) {}
  bool ok() const { return re2_.ok(); }
  const std::string& error() const { return re2_.error(); }
  bool found_in(std::string_view text) const {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), re2_);
  }

 private:
  static RE2::Options options() {
    RE2::Options options;
    options.set_max_mem(regex_bytes_max);
    options.set_log_errors(false);
    return options;
  }
  RE2 re2_;
};

namespace {
bool less_ignore_case(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(base::ascii_lower(x)) < static_cast<unsigned char>(base::ascii_lower(y));
  });
}

bool contains_ignore_case(std::string_view text, std::string_view part) {
  const auto same = [](char x, char y) { return base::ascii_lower(x) == base::ascii_lower(y); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end() || part.empty();
}

int order(int64_t a, const Value& value) {
  const int64_t b = std::get<int64_t>(value);
  return a < b ? -1 : a > b ? 1 : 0;
}

int order(std::string_view a, const Value& value) {
  const std::string& b = std::get<std::string>(value);
  return less_ignore_case(a, b) ? -1 : less_ignore_case(b, a) ? 1 : 0;
}

// Of a field's own value; kNotEqual stands for "differs from this value".
template <class T>
bool ordered_match(const Comparison& c, const T& value) {
  switch (c.op) {
    case Operator::kEqual: return order(value, c.values[0]) == 0;
    case Operator::kNotEqual: return order(value, c.values[0]) != 0;
    case Operator::kLess: return order(value, c.values[0]) < 0;
    case Operator::kLessEqual: return order(value, c.values[0]) <= 0;
    case Operator::kGreater: return order(value, c.values[0]) > 0;
    case Operator::kGreaterEqual: return order(value, c.values[0]) >= 0;
    case Operator::kIn:
      return std::any_of(c.values.begin(), c.values.end(), [&](const Value& v) { return order(value, v) == 0; });
    case Operator::kBetween: return order(value, c.values[0]) >= 0 && order(value, c.values[1]) <= 0;
    case Operator::kLike:
    case Operator::kRegex:
    case Operator::kExists: break;  // answered by the caller
  }
  return false;
}

bool address_match(const Comparison& c, const std::optional<AddressBytes>& address) {
  if (c.op == Operator::kNotEqual) return !address || *address != std::get<AddressRange>(c.values[0]).first;
  if (!address) return false;
  if (c.op == Operator::kBetween) {
    return std::get<AddressRange>(c.values[0]).first <= *address &&
           *address <= std::get<AddressRange>(c.values[1]).last;
  }
  return std::any_of(c.values.begin(), c.values.end(), [&](const Value& value) {
    const auto& range = std::get<AddressRange>(value);
    return range.first <= *address && *address <= range.last;
  });
}

bool comparison_matches(const Comparison& c, const Record& record) {
  if (c.op == Operator::kExists) return !c.field->empty(record);
  if (c.op == Operator::kLike || c.op == Operator::kRegex) {
    if (c.field->type() != FieldType::kTextList) return text_matches(c, c.field->text(record));
    const auto elements = c.field->texts(record);
    return std::any_of(elements.begin(), elements.end(), [&](const std::string& e) { return text_matches(c, e); });
  }
  switch (c.field->type()) {
    case FieldType::kNumber:
    case FieldType::kBool:
    case FieldType::kEnum:
    case FieldType::kTime: return ordered_match(c, c.field->number(record));
    case FieldType::kText: return ordered_match(c, c.field->text(record));
    case FieldType::kAddress: return address_match(c, c.field->address(record));
    case FieldType::kTextList: break;
  }
  const auto elements = c.field->texts(record);
  const auto holds = [&](const std::string& element) { return ordered_match(c, element); };
  if (c.op == Operator::kNotEqual) return std::all_of(elements.begin(), elements.end(), holds);
  return std::any_of(elements.begin(), elements.end(), holds);
}

template <class Kind>
Filter joined(std::vector<Filter> parts) {
  SLUICE_ASSERT(!parts.empty());
  Kind kind;
  for (Filter& part : parts) {
    if (Kind* same = std::get_if<Kind>(&part.node)) {
      std::move(same->parts.begin(), same->parts.end(), std::back_inserter(kind.parts));
    } else {
      kind.parts.push_back(std::move(part));
    }
  }
  if (kind.parts.size() == 1) return Filter(std::move(kind.parts[0]));
  return Filter{std::move(kind)};
}

bool fits(FieldType type, const Value& value) {
  switch (type) {
    case FieldType::kText:
    case FieldType::kTextList: return std::holds_alternative<std::string>(value);
    case FieldType::kNumber:
    case FieldType::kBool:
    case FieldType::kEnum:
    case FieldType::kTime: return std::holds_alternative<int64_t>(value);
    case FieldType::kAddress: return std::holds_alternative<AddressRange>(value);
  }
  return false;
}

bool arity_fits(Operator op, size_t count) {
  switch (op) {
    case Operator::kExists: return count == 0;
    case Operator::kBetween: return count == 2;
    case Operator::kIn: return count >= 1;
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
    case Operator::kLike:
    case Operator::kRegex: return count == 1;
  }
  return false;
}
}  // namespace

bool text_matches(const Comparison& comparison, std::string_view text) {
  if (comparison.op == Operator::kRegex) return comparison.regex->found_in(text);
  return contains_ignore_case(text, std::get<std::string>(comparison.values[0]));
}

bool operator==(const Filter& a, const Filter& b) {
  if (a.node.index() != b.node.index()) return false;
  if (const auto* and_a = std::get_if<And>(&a.node)) return and_a->parts == std::get<And>(b.node).parts;
  if (const auto* or_a = std::get_if<Or>(&a.node)) return or_a->parts == std::get<Or>(b.node).parts;
  if (const auto* not_a = std::get_if<Not>(&a.node)) return not_a->part == std::get<Not>(b.node).part;
  const auto& x = std::get<Comparison>(a.node);
  const auto& y = std::get<Comparison>(b.node);
  return x.field == y.field && x.op == y.op && x.values == y.values;
}

Filter everything() {
  return Filter{And{}};
}

Filter all_of(std::vector<Filter> parts) {
  return parts.empty() ? everything() : joined<And>(std::move(parts));
}

Filter any_of(std::vector<Filter> parts) {
  return joined<Or>(std::move(parts));
}

Filter negation(Filter part) {
  if (Not* inner = std::get_if<Not>(&part.node)) return Filter(std::move(inner->part[0]));
  Not node;
  node.part.push_back(std::move(part));
  return Filter{std::move(node)};
}

Filter compare(const Field& field, Operator op, std::vector<Value> values) {
  SLUICE_ASSERT(op != Operator::kRegex && allows(field.type(), op) && arity_fits(op, values.size()));
  for (const Value& value : values) {
    SLUICE_ASSERT(op == Operator::kLike ? std::holds_alternative<std::string>(value) : fits(field.type(), value));
    if (const auto* range = std::get_if<AddressRange>(&value)) {
      SLUICE_ASSERT(op == Operator::kIn || range->first == range->last);
    }
  }
  return Filter{Comparison{&field, op, std::move(values), nullptr}};
}

base::Result<Filter> compare_regex(const Field& field, std::string pattern) {
  SLUICE_ASSERT(allows(field.type(), Operator::kRegex));
  auto regex = std::make_shared<const Regex>(pattern);
  if (!regex->ok()) return base::Error{"the expression is not valid: " + regex->error()};
  return Filter{Comparison{&field, Operator::kRegex, {Value(std::move(pattern))}, std::move(regex)}};
}

bool allows(FieldType type, Operator op) {
  switch (op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kIn:
    case Operator::kExists: return true;
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kGreater:
    case Operator::kGreaterEqual:
      return type == FieldType::kText || type == FieldType::kNumber || type == FieldType::kTime;
    case Operator::kLike:
    case Operator::kRegex:
      return type == FieldType::kText || type == FieldType::kTextList || type == FieldType::kEnum ||
             type == FieldType::kAddress;
    case Operator::kBetween:
      return type == FieldType::kText || type == FieldType::kNumber || type == FieldType::kTime ||
             type == FieldType::kAddress;
  }
  return false;
}

std::optional<AddressRange> parse_address_range(std::string_view text) {
  const auto cidr = base::Cidr::parse(text);
  const size_t slash = text.find('/');
  const auto address = base::IpAddress::parse(text.substr(0, slash));
  const auto first = address_bytes(text.substr(0, slash));
  if (!cidr || !address || !first) return std::nullopt;
  AddressRange range{*first, *first, cidr->to_string()};
  if (slash != std::string_view::npos) {
    const size_t prefix = *base::parse_decimal(text.substr(slash + 1)) + (address->is_v4() ? 96 : 0);
    for (size_t bit = prefix; bit < 128; ++bit) range.last[bit / 8] |= static_cast<uint8_t>(0x80u >> (bit % 8));
  }
  if (range.first == range.last) range.text = address->to_string();
  return range;
}

bool mentions(const Filter& filter, const Field& field) {
  const auto any = [&](const std::vector<Filter>& parts) {
    return std::any_of(parts.begin(), parts.end(), [&](const Filter& part) { return mentions(part, field); });
  };
  if (const auto* node = std::get_if<And>(&filter.node)) return any(node->parts);
  if (const auto* node = std::get_if<Or>(&filter.node)) return any(node->parts);
  if (const auto* node = std::get_if<Not>(&filter.node)) return any(node->part);
  return std::get<Comparison>(filter.node).field == &field;
}

std::vector<const Field*> fields_of(const Filter& filter) {
  std::vector<const Field*> found;
  const auto add = [&](const std::vector<Filter>& parts) {
    for (const Filter& part : parts) {
      for (const Field* field : fields_of(part)) {
        if (std::find(found.begin(), found.end(), field) == found.end()) found.push_back(field);
      }
    }
  };
  if (const auto* node = std::get_if<And>(&filter.node)) add(node->parts);
  if (const auto* node = std::get_if<Or>(&filter.node)) add(node->parts);
  if (const auto* node = std::get_if<Not>(&filter.node)) add(node->part);
  if (const auto* node = std::get_if<Comparison>(&filter.node)) found.push_back(node->field);
  return found;
}

bool matches(const Filter& filter, const Record& record) {
  const auto holds = [&](const Filter& part) { return matches(part, record); };
  if (const auto* node = std::get_if<And>(&filter.node)) {
    return std::all_of(node->parts.begin(), node->parts.end(), holds);
  }
  if (const auto* node = std::get_if<Or>(&filter.node)) {
    return std::any_of(node->parts.begin(), node->parts.end(), holds);
  }
  if (const auto* node = std::get_if<Not>(&filter.node)) return !matches(node->part[0], record);
  return comparison_matches(std::get<Comparison>(filter.node), record);
}

bool names_values_of(const Filter& filter, const Field& field) {
  const auto names = [&](const Filter& part) { return names_values_of(part, field); };
  if (const auto* all = std::get_if<And>(&filter.node)) return std::any_of(all->parts.begin(), all->parts.end(), names);
  if (const auto* any = std::get_if<Or>(&filter.node)) {
    return !any->parts.empty() && std::all_of(any->parts.begin(), any->parts.end(), names);
  }
  const auto* comparison = std::get_if<Comparison>(&filter.node);
  return comparison != nullptr && comparison->field == &field &&
         (comparison->op == Operator::kEqual || comparison->op == Operator::kIn);
}

}  // namespace sluice::store
