#include <string>

#include "events/query/parser.h"
#include "events/query/value.h"

namespace sluice::query {

using store::Comparison;
using store::Filter;
using store::Operator;

namespace {

const char* sign(Operator op) {
  switch (op) {
    case Operator::kEqual: return " = ";
    case Operator::kNotEqual: return " != ";
    case Operator::kLess: return " < ";
    case Operator::kLessEqual: return " <= ";
    case Operator::kGreater: return " > ";
    case Operator::kGreaterEqual: return " >= ";
    case Operator::kLike: return " like ";
    case Operator::kRegex: return " ~ ";
    case Operator::kIn: return " in ";
    case Operator::kBetween: return " from ";
    case Operator::kExists: return " exists";
  }
  return "";
}

bool is_network(const store::Value& value) {
  const auto* range = std::get_if<store::AddressRange>(&value);
  return range != nullptr && range->first != range->last;
}

std::string print_comparison(const Comparison& c) {
  std::string text = c.field->name() + sign(c.op);
  const bool list = c.op == Operator::kIn && !(c.values.size() == 1 && is_network(c.values[0]));
  if (list) text += '(';
  for (size_t i = 0; i < c.values.size(); ++i) {
    if (i > 0) text += c.op == Operator::kBetween ? " to " : ", ";
    text += print_value(*c.field, c.values[i]);
  }
  if (list) text += ')';
  return text;
}

std::string print_node(const Filter& filter, bool grouped);

std::string print_chain(const std::vector<Filter>& parts, const char* joint, bool grouped) {
  std::string text = grouped ? "(" : "";
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += joint;
    text += print_node(parts[i], true);
  }
  return grouped ? text + ')' : text;
}

// `grouped`: stands inside something else, so a chain needs its parentheses.
std::string print_node(const Filter& filter, bool grouped) {
  if (const auto* conjunction = std::get_if<store::And>(&filter.node)) {
    return print_chain(conjunction->parts, " and ", grouped && !conjunction->parts.empty());
  }
  if (const auto* disjunction = std::get_if<store::Or>(&filter.node)) {
    return print_chain(disjunction->parts, " or ", grouped);
  }
  if (const auto* inner = std::get_if<store::Not>(&filter.node)) return "not " + print_node(inner->part[0], true);
  return print_comparison(std::get<Comparison>(filter.node));
}

}  // namespace

std::string print(const Filter& filter) {
  return print_node(filter, false);
}

}  // namespace sluice::query
