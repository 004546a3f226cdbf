#pragma once
// Words, strings and signs of a query.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace sluice::query {

// What is wrong with a query, for people: one sentence, and the bytes it speaks of.
struct QueryError {
  size_t offset = 0;
  size_t length = 0;
  std::string message;
};

struct Token {
  enum class Kind : uint8_t { kWord, kString, kSign, kOpen, kClose, kComma, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;   // of a string: unquoted; of a sign: "=", "!=", "<", "<=", ">", ">=", "~"
  size_t offset = 0;  // in bytes; of a string: with its quotes
  size_t length = 0;
};

// Ends with a kEnd token. In quoted strings \" \' \\ \n \r \t and \uXXXX are characters; any other backslash stands for
// itself, so that an expression like "\.exe$" reads as it is written.
base::Result<std::vector<Token>, QueryError> tokens_of(std::string_view query);

// `text` as a quoted string of the language.
std::string quoted(std::string_view text);

}  // namespace sluice::query
