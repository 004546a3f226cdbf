#pragma once
// What a parsed request head says, as text that makes two parses comparable.
#include <string>

#include "proxy/wire/http1.h"

namespace sluice::wire::test {

inline std::string head_summary(const Parse<RequestHead, Http1Error>& parse) {
  if (parse.is_need_more()) return "need more";
  if (parse.is_invalid()) return std::string("invalid: ") + describe(parse.reason());
  const RequestHead& head = parse.value();
  std::string out = "complete " + std::to_string(parse.length()) + " " + head.method + " " + head.target + " 1." +
                    std::to_string(head.minor_version);
  if (!head.fields.empty()) out += " ";
  for (const Field& field : head.fields) out += "|" + field.name + "=" + field.value;
  return out;
}

inline auto make_head_parser() {
  return [parser = RequestHeadParser()](base::ByteView held) mutable { return parser.feed(held); };
}

}  // namespace sluice::wire::test
