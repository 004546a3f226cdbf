#pragma once
// Everything a parsed ClientHello says, as text: touches every view and makes two parses comparable.
#include <string>

#include "proxy/wire/client_hello.h"
#include "proxy/wire/ja4.h"

namespace sluice::wire::test {

inline void append_bytes(std::string& out, const char* name, base::ByteView bytes) {
  out.append(" ").append(name).append("=").append(base::as_text(bytes));
}

inline void append_numbers(std::string& out, const char* name, const U16List& list) {
  out.append(" ").append(name).append("=");
  for (const uint16_t value : list) out += std::to_string(value) + ",";
}

inline void append_tagged(std::string& out, const char* name, const TaggedList& list) {
  out.append(" ").append(name).append("=");
  for (const Tagged& item : list) out.append(std::to_string(item.tag)).append(":").append(base::as_text(item.body));
}

inline std::string summary(const HelloParse& parse) {
  if (parse.is_need_more()) return "need more";
  if (parse.is_invalid()) return std::string("invalid: ") + describe(parse.reason());
  const ClientHello& hello = parse.value();
  std::string out = "complete " + std::to_string(parse.length()) + " version=" + std::to_string(hello.legacy_version) +
                    "/" + std::to_string(hello.version) + " name=" + std::string(hello.server_name);
  append_bytes(out, "random", hello.random);
  append_bytes(out, "session", hello.session_id);
  append_numbers(out, "ciphers", hello.cipher_suites);
  append_numbers(out, "versions", hello.supported_versions);
  append_numbers(out, "groups", hello.groups);
  append_numbers(out, "algorithms", hello.signature_algorithms);
  append_tagged(out, "extensions", hello.extensions);
  append_tagged(out, "shares", hello.key_shares);
  for (const std::string_view name : hello.alpn) out.append(" alpn=").append(name);
  out += " ech=" + std::to_string(static_cast<int>(hello.ech)) + " psk=" + std::to_string(hello.pre_shared_key) +
         " early=" + std::to_string(hello.early_data) + " ja4=" + ja4_raw(hello);
  return out;
}

inline auto make_peek() {
  return [peek = ClientHelloPeek()](base::ByteView held) mutable { return peek.feed(held); };
}

}  // namespace sluice::wire::test
