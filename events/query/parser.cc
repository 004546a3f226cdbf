#include "events/query/parser.h"

#include <optional>
#include <utility>
#include <vector>

#include "events/query/limits.h"
#include "events/query/value.h"
#include "proxy/base/text.h"

namespace sluice::query {

using store::Field;
using store::Filter;
using store::Operator;
using store::Value;
using Parsed = base::Result<Filter, QueryError>;

namespace {

constexpr std::pair<std::string_view, Operator> operators[] = {
    {"=", Operator::kEqual},         {"eq", Operator::kEqual},        {"!=", Operator::kNotEqual},
    {"ne", Operator::kNotEqual},     {"neq", Operator::kNotEqual},    {">", Operator::kGreater},
    {"gt", Operator::kGreater},      {">=", Operator::kGreaterEqual}, {"gte", Operator::kGreaterEqual},
    {"ge", Operator::kGreaterEqual}, {"<", Operator::kLess},          {"lt", Operator::kLess},
    {"<=", Operator::kLessEqual},    {"lte", Operator::kLessEqual},   {"le", Operator::kLessEqual},
    {"like", Operator::kLike},       {"~", Operator::kRegex},         {"in", Operator::kIn},
    {"from", Operator::kBetween},    {"exists", Operator::kExists},
};

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

bool is_word(const Token& token, std::string_view word) {
  return token.kind == Token::Kind::kWord && base::equal_ignore_case(token.text, word);
}

std::optional<Operator> operator_of(const Token& token) {
  if (token.kind != Token::Kind::kSign && token.kind != Token::Kind::kWord) return std::nullopt;
  for (const auto& [text, op] : operators) {
    if (base::equal_ignore_case(token.text, text)) return op;
  }
  return std::nullopt;
}

// Recursive descent over the tokens of one query; used once. Depth is bounded by query_depth_max.
class Parser {
 public:
  Parser(std::vector<Token> tokens, int64_t now_ms) : tokens_(std::move(tokens)), now_ms_(now_ms) {}

  Parsed run() {
    if (peek().kind == Token::Kind::kEnd) return store::everything();
    Parsed filter = any();
    if (filter.ok() && peek().kind != Token::Kind::kEnd) return trailing();
    return filter;
  }

 private:
  const Token& peek() const { return tokens_[at_]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  static QueryError at(const Token& token, std::string message) {
    return QueryError{token.offset, token.length, std::move(message)};
  }

  QueryError trailing() const {
    const Token& token = peek();
    if (token.kind == Token::Kind::kClose) return at(token, "this parenthesis closes nothing");
    if (token.kind == Token::Kind::kSign)
      return at(token, "a value with " + quoted(token.text) + " in it needs quotes");
    return at(token, "expected `and`, `or` or the end here; a value with spaces needs quotes");
  }

  Parsed any() {
    Parsed first = term();
    if (!first.ok()) return first;
    std::vector<Filter> parts{std::move(first).value()};
    const Token joint = peek();
    while (is_word(peek(), "and") || is_word(peek(), "or")) {
      const Token& here = next();
      if (!base::equal_ignore_case(here.text, joint.text)) {
        return at(here,
                  "`and` and `or` are mixed here; say with parentheses what belongs together, as in "
                  "(a and b) or c");
      }
      Parsed part = term();
      if (!part.ok()) return part;
      parts.push_back(std::move(part).value());
    }
    return is_word(joint, "or") ? store::any_of(std::move(parts)) : store::all_of(std::move(parts));
  }

  Parsed term() {
    const Token token = peek();
    const bool negated = is_word(token, "not");
    if (!negated && token.kind != Token::Kind::kOpen) return comparison();
    if (depth_ == query_depth_max) {
      return at(token, "parentheses and `not` are nested more than " + std::to_string(query_depth_max) + " deep");
    }
    next();
    ++depth_;
    Parsed inner = negated ? term() : any();
    --depth_;
    if (!inner.ok()) return inner;
    if (negated) return store::negation(std::move(inner).value());
    if (peek().kind != Token::Kind::kClose) {
      return peek().kind == Token::Kind::kEnd ? at(token, "this parenthesis is not closed") : trailing();
    }
    next();
    return inner;
  }

  Parsed comparison() {
    if (++comparisons_ > query_comparisons_max) {
      return at(peek(), "a query has at most " + std::to_string(query_comparisons_max) + " comparisons");
    }
    const Token name = peek();
    if (name.kind != Token::Kind::kWord || is_word(name, "and") || is_word(name, "or")) {
      return at(name, "expected the name of a field here, as in app eq Dropbox");
    }
    next();
    const Field* field = store::find_field(name.text);
    if (field == nullptr) return unknown_field(name);
    const bool negated = is_word(peek(), "not");
    if (negated) next();
    const Token op_token = peek();
    const auto op = operator_of(op_token);
    if (!op || (negated && !negatable(*op))) return expected_operator(*field, op_token, negated);
    if (!store::allows(field->type(), *op)) {
      return at(op_token, field->name() + ' ' + describe(field->type()) + ", where " + quoted(op_token.text) +
                              " has no meaning; " + operators_of(field->type()));
    }
    next();
    Parsed compared = operands(*field, *op, op_token);
    if (!compared.ok() || !negated) return compared;
    return store::negation(std::move(compared).value());
  }

  static bool negatable(Operator op) {
    return op == Operator::kIn || op == Operator::kLike || op == Operator::kRegex || op == Operator::kExists;
  }

  QueryError unknown_field(const Token& name) const {
    std::string message = "there is no field " + quoted(name.text);
    if (const auto near = store::nearest_fields(name.text); !near.empty()) {
      return at(name, message + "; did you mean " + list_of(near) + "?");
    }
    return at(name, message + "; a comparison is written as in app eq Dropbox");
  }

  static QueryError expected_operator(const Field& field, const Token& token, bool negated) {
    if (negated) return at(token, "behind `not` stands in, like, ~ or exists");
    return at(token, "expected an operator behind " + field.name() + ", which " + describe(field.type()) + "; " +
                         operators_of(field.type()));
  }

  Parsed operands(const Field& field, Operator op, const Token& op_token) {
    if (op == Operator::kExists) return store::compare(field, op, {});
    if (op == Operator::kIn && peek().kind == Token::Kind::kOpen) return list(field);
    if (op == Operator::kIn && field.type() != store::FieldType::kAddress) {
      return at(peek(), "`in` takes a list in parentheses, as in " + field.name() + " in (a, b)");
    }
    auto first = value(field, op, op_token);
    if (!first.ok()) return first.error();
    if (op == Operator::kRegex) return regex(field, std::get<std::string>(std::move(first).value()));
    std::vector<Value> values{std::move(first).value()};
    if (op == Operator::kBetween) {
      if (!is_word(peek(), "to")) return at(peek(), "expected `to` here, as in " + field.name() + " from A to B");
      const Token to = next();
      auto second = value(field, op, to);
      if (!second.ok()) return second.error();
      values.push_back(std::move(second).value());
    }
    return store::compare(field, op, std::move(values));
  }

  Parsed list(const Field& field) {
    const Token open = next();
    std::vector<Value> values;
    while (true) {
      auto one = value(field, Operator::kIn, open);
      if (!one.ok()) return one.error();
      values.push_back(std::move(one).value());
      if (peek().kind == Token::Kind::kClose) break;
      if (peek().kind != Token::Kind::kComma) {
        return at(peek(), "expected a comma or ) here; a value with spaces needs quotes");
      }
      next();
    }
    next();
    return store::compare(field, Operator::kIn, std::move(values));
  }

  Parsed regex(const Field& field, std::string pattern) {
    const Token& token = tokens_[at_ - 1];
    if (++regexes_ > query_regexes_max) {
      return at(token, "a query has at most " + std::to_string(query_regexes_max) + " expressions");
    }
    auto compared = store::compare_regex(field, std::move(pattern));
    if (!compared.ok()) return at(token, compared.error().message);
    return std::move(compared).value();
  }

  base::Result<Value, QueryError> value(const Field& field, Operator op, const Token& after) {
    const Token& token = peek();
    const bool joint = is_word(token, "and") || is_word(token, "or");
    if ((token.kind != Token::Kind::kWord && token.kind != Token::Kind::kString) || joint) {
      return at(token, "a value is missing behind " + quoted(after.text));
    }
    if (++values_ > query_values_max) {
      return at(token, "a query has at most " + std::to_string(query_values_max) + " values");
    }
    auto parsed = parse_value(field, op, token.text, now_ms_);
    if (!parsed.ok()) return at(token, parsed.error().message);
    next();
    return std::move(parsed).value();
  }

  std::vector<Token> tokens_;
  const int64_t now_ms_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t comparisons_ = 0;
  size_t values_ = 0;
  size_t regexes_ = 0;
};

}  // namespace

Parsed parse(std::string_view query, int64_t now_ms) {
  if (query.size() > query_bytes_max) {
    return QueryError{query_bytes_max, query.size() - query_bytes_max,
                      "a query has at most " + std::to_string(query_bytes_max) + " bytes"};
  }
  auto tokens = tokens_of(query);
  if (!tokens.ok()) return tokens.error();
  return Parser(std::move(tokens).value(), now_ms).run();
}

}  // namespace sluice::query
