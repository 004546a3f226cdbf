#pragma once
// The query language: text to filter and back. The same for the console, the CLI, gRPC, HTTP and sinks.
//
//   query      = [ any ]                                      an empty query matches everything
//   any        = term { "and" term } | term { "or" term }     mixing them needs parentheses
//   term       = "not" term | "(" any ")" | comparison
//   comparison = field ( "eq" | "=" | "==" | "ne" | "neq" | "!=" | "gt" | ">" | "gte" | "ge" | ">=" | "lt" | "<" |
//                        "lte" | "le" | "<=" ) value
//              | field [ "not" ] ( "like" value | "~" value | "in" "(" value { "," value } ")" | "in" network )
//              | field "from" value "to" value                both included
//              | field [ "not" ] "exists"
//   value      = bare word | "text" | 'text'
//
// Words are read in any case; fields are those of store::fields(). Equality and `like` ignore the case of ASCII
// letters;
// `~` is RE2 and does not, unless it begins with (?i). Booleans are yes, no, true, false; times as parse_time() reads
// them. A field without a value is "", 0 or no, and `!=` is true for it.
#include <cstdint>
#include <string>
#include <string_view>

#include "events/query/lexer.h"
#include "events/store/filter.h"
#include "proxy/base/result.h"

namespace sluice::query {

// `now_ms` (epoch milliseconds) is what `now` in a query means.
base::Result<store::Filter, QueryError> parse(std::string_view query, int64_t now_ms);

// The canonical text of a filter: parse(print(f)) == f. "" for everything().
std::string print(const store::Filter& filter);

}  // namespace sluice::query
