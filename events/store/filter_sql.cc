// The SQL back end of filters. Negations are pushed down to the comparisons first: a comparison that has no column
// becomes "true" whether negated or not, so the condition never loses a row the filter wants.
#include <algorithm>
#include <utility>

#include "events/store/filter.h"
#include "events/store/filter_limits.h"
#include "proxy/base/assert.h"

namespace sluice::store {
namespace {

Blob blob(const AddressBytes& bytes) {
  return Blob{std::string(bytes.begin(), bytes.end())};
}

// %part% for LIKE ... ESCAPE '\'.
std::string like_pattern(std::string_view part) {
  std::string pattern = "%";
  for (const char c : part) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '%';
}

const char* sign(Operator op) {
  switch (op) {
    case Operator::kEqual: return " = ?";
    case Operator::kNotEqual: return " <> ?";
    case Operator::kLess: return " < ?";
    case Operator::kLessEqual: return " <= ?";
    case Operator::kGreater: return " > ?";
    case Operator::kGreaterEqual: return " >= ?";
    case Operator::kLike:
    case Operator::kRegex:
    case Operator::kIn:
    case Operator::kBetween:
    case Operator::kExists: break;
  }
  SLUICE_ASSERT(false);  // the others have no sign
  return "";
}

// Writes one condition; used once. Borrows what it is given.
class Writer {
 public:
  explicit Writer(const std::function<bool(const Field&)>& is_column) : is_column_(is_column) {}

  void write(const Filter& filter, bool negated) {
    if (const auto* conjunction = std::get_if<And>(&filter.node)) {
      join(conjunction->parts, negated, !negated);
    } else if (const auto* disjunction = std::get_if<Or>(&filter.node)) {
      join(disjunction->parts, negated, negated);
    } else if (const auto* inner = std::get_if<Not>(&filter.node)) {
      write(inner->part[0], !negated);
    } else {
      write(std::get<Comparison>(filter.node), negated);
    }
  }
  SqlCondition take() { return std::move(sql_); }

 private:
  // A database bounds the depth of an expression and reads a chain of n terms as depth n, so long ones are grouped.
  void join(const std::vector<Filter>& parts, bool negated, bool conjunction) {
    if (parts.empty()) {
      text(conjunction ? "1 = 1" : "1 = 0");
      return;
    }
    chain(parts.size(), conjunction ? " AND " : " OR ", [&](size_t i) { write(parts[i], negated); });
  }

  template <class Write>
  void chain(size_t count, const char* joint, Write write_part) {
    const bool grouped = count > sql_chain_terms;
    text("(");
    for (size_t i = 0; i < count; ++i) {
      const bool first = grouped && i % sql_chain_terms == 0;
      if (i > 0 && first) text(")");
      if (i > 0) text(joint);
      if (first) text("(");
      write_part(i);
    }
    text(grouped ? "))" : ")");
  }

  void write(const Comparison& c, bool negated) {
    const bool searches_text = c.op == Operator::kRegex && c.field->type() != FieldType::kEnum;
    const bool address_text = c.field->type() == FieldType::kAddress && c.op == Operator::kLike;
    if (c.field->type() == FieldType::kTextList || !is_column_(*c.field) || searches_text || address_text) {
      text("1 = 1");
      sql_.exact = false;
      return;
    }
    if (negated) text("NOT ");
    text("(");
    comparison(c);
    text(")");
  }

  void comparison(const Comparison& c) {
    const FieldType type = c.field->type();
    if (c.op == Operator::kExists) {
      column(c);
      text(type == FieldType::kText ? " <> ''" : type == FieldType::kAddress ? " <> x''" : " <> 0");
    } else if (type == FieldType::kEnum && (c.op == Operator::kLike || c.op == Operator::kRegex)) {
      words(c);
    } else if (c.op == Operator::kLike) {
      column(c);
      text(" LIKE ? ESCAPE '\\'");
      bind(like_pattern(std::get<std::string>(c.values[0])));
    } else if (c.op == Operator::kBetween) {
      column(c);
      collate(type);
      text(" BETWEEN ? AND ?");
      bind_value(c.values[0]);
      bind_value(c.values[1]);
    } else if (c.op == Operator::kIn) {
      type == FieldType::kAddress ? networks(c) : list(c);
    } else {
      column(c);
      collate(type);
      text(sign(c.op));
      bind_value(c.values[0]);
    }
  }

  void list(const Comparison& c) {
    column(c);
    collate(c.field->type());
    text(" IN (");
    for (size_t i = 0; i < c.values.size(); ++i) {
      text(i == 0 ? "?" : ",?");
      bind_value(c.values[i]);
    }
    text(")");
  }

  void networks(const Comparison& c) {
    chain(c.values.size(), " OR ", [&](size_t i) {
      const auto& range = std::get<AddressRange>(c.values[i]);
      column(c);
      text(" BETWEEN ? AND ?");
      bind(blob(range.first));
      bind(blob(range.last));
    });
  }

  // The words of an enumeration are few, so a search in their text is decided here. Numbers without a word have the
  // empty text; where that matches, the words that do not match are listed instead.
  void words(const Comparison& c) {
    const bool empty_matches = text_matches(c, "");
    column(c);
    text(empty_matches ? " NOT IN (" : " IN (");
    bool first = true;
    for (const Word& word : c.field->words()) {
      if (text_matches(c, word.text) == empty_matches) continue;
      text(first ? "?" : ",?");
      first = false;
      bind(word.number);
    }
    text(")");
  }

  void text(std::string_view piece) { sql_.text += piece; }
  void column(const Comparison& c) { sql_.text += '"' + c.field->name() + '"'; }
  void collate(FieldType type) {
    if (type == FieldType::kText) text(" COLLATE NOCASE");
  }
  template <class T>
  void bind(T value) {
    sql_.values.emplace_back(std::move(value));
  }
  void bind_value(const Value& value) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      bind(*number);
    } else if (const auto* piece = std::get_if<std::string>(&value)) {
      bind(*piece);
    } else {
      bind(blob(std::get<AddressRange>(value).first));
    }
  }

  const std::function<bool(const Field&)>& is_column_;
  SqlCondition sql_;
};

}  // namespace

SqlCondition to_sql(const Filter& filter, const std::function<bool(const Field&)>& is_column) {
  Writer writer(is_column);
  writer.write(filter, false);
  return writer.take();
}

}  // namespace sluice::store
