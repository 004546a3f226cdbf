#include "events/query/lexer.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

namespace sluice::query {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_sign(char c) {
  return c == '=' || c == '!' || c == '<' || c == '>' || c == '~';
}
bool ends_word(char c) {
  return is_space(c) || is_sign(c) || c == '(' || c == ')' || c == ',' || c == '"' || c == '\'';
}

void append_utf8(std::string& text, unsigned code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    text += static_cast<char>(0xe0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// The character behind \u; none unless four hex digits name one that may stand alone.
std::optional<unsigned> code_of(std::string_view digits) {
  unsigned code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (digits.size() != 4 || error != std::errc{} || end != digits.data() + 4) return std::nullopt;
  if (code == 0 || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return code;
}

// One pass over a query. Used once; borrows the query.
class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  base::Result<std::vector<Token>, QueryError> run() {
    while (true) {
      while (at_ < query_.size() && is_space(query_[at_])) ++at_;
      if (at_ == query_.size()) break;
      if (auto error = next()) return *error;
    }
    tokens_.push_back(Token{Token::Kind::kEnd, {}, query_.size(), 0});
    return std::move(tokens_);
  }

 private:
  std::optional<QueryError> next() {
    const char c = query_[at_];
    if (c == '(') return take(Token::Kind::kOpen, "(", 1);
    if (c == ')') return take(Token::Kind::kClose, ")", 1);
    if (c == ',') return take(Token::Kind::kComma, ",", 1);
    if (c == '"' || c == '\'') return string(c);
    if (is_sign(c)) return sign(c);
    size_t end = at_;
    while (end < query_.size() && !ends_word(query_[end])) {
      const auto byte = static_cast<unsigned char>(query_[end]);
      if (byte < 0x20 || byte == 0x7f)
        return QueryError{end, 1, "a control character stands here; quote it as \\u00XX"};
      ++end;
    }
    return take(Token::Kind::kWord, std::string(query_.substr(at_, end - at_)), end - at_);
  }

  std::optional<QueryError> take(Token::Kind kind, std::string text, size_t length) {
    tokens_.push_back(Token{kind, std::move(text), at_, length});
    at_ += length;
    return std::nullopt;
  }

  std::optional<QueryError> sign(char c) {
    const bool equals = at_ + 1 < query_.size() && query_[at_ + 1] == '=';
    if (c == '~') return take(Token::Kind::kSign, "~", 1);
    if (c == '=') return take(Token::Kind::kSign, "=", equals ? 2 : 1);
    if (c == '!' && !equals) return QueryError{at_, 1, "! stands only in !=; write `not` to negate"};
    return take(Token::Kind::kSign, equals ? std::string{c, '='} : std::string{c}, equals ? 2 : 1);
  }

  std::optional<QueryError> string(char quote) {
    std::string text;
    size_t end = at_ + 1;
    while (end < query_.size() && query_[end] != quote) {
      if (query_[end] == '\0') return QueryError{end, 1, "a NUL byte cannot be searched for"};
      if (query_[end] == '\\' && end + 1 < query_.size()) {
        end += escape(query_.substr(end), text);
      } else {
        text += query_[end++];
      }
    }
    if (end >= query_.size()) return QueryError{at_, query_.size() - at_, "this string has no closing quote"};
    return take(Token::Kind::kString, std::move(text), end + 1 - at_);
  }

  // Appends what `rest`, which begins with a backslash, stands for; returns how many bytes that took.
  static size_t escape(std::string_view rest, std::string& text) {
    switch (rest[1]) {
      case '"':
      case '\'':
      case '\\': text += rest[1]; return 2;
      case 'n': text += '\n'; return 2;
      case 'r': text += '\r'; return 2;
      case 't': text += '\t'; return 2;
      case 'u':
        if (const auto code = code_of(rest.substr(2, 4))) {
          append_utf8(text, *code);
          return 6;
        }
        break;
      default: break;
    }
    text += '\\';
    return 1;
  }

  std::string_view query_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

base::Result<std::vector<Token>, QueryError> tokens_of(std::string_view query) {
  return Lexer(query).run();
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace sluice::query
