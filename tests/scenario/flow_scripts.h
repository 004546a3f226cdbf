#pragma once
// What the flow scripts share: settings, ordinary requests, ordinary hellos.
#include <string>

#include "proxy/flow/limits.h"
#include "tests/support/playbook.h"
#include "tests/unit/wire/hello_builder.h"

namespace sluice::flow::test {

using support::Playbook;
using Mode = Playbook::Mode;

inline const std::string connect_example = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
inline const std::string established = "HTTP/1.1 200 Connection established\r\n\r\n";

inline Settings open_settings() {
  Settings settings;
  settings.pop_name = "pop-test";
  settings.allow_any_source = true;
  return settings;
}

inline Settings password_settings() {
  Settings settings = open_settings();
  settings.authentication = true;
  return settings;
}

inline DialDone connected() {
  return {.failure = CloseReason::kUnspecified, .address = *base::Endpoint::parse("203.0.113.7:443"), .detail = {}};
}

inline DialDone failed(CloseReason reason) {
  return {.failure = reason, .address = {}, .detail = "No."};
}

inline std::string hello_for(std::string_view name) {
  const auto bytes = wire::test::record(wire::test::hybrid_hello(name).message());
  return {bytes.begin(), bytes.end()};
}

// After CONNECT and a successful dial: everything until then is expected here.
inline void to_peeking(Playbook& play) {
  play.received(Side::kClient, connect_example).expect({"dial example.com:443"});
  play.in(connected()).expect({"record open", "send client " + established, "release client"});
}

inline const std::string connect_address = "CONNECT 203.0.113.7:443 HTTP/1.1\r\n\r\n";

// After CONNECT to an address and a hello that names example.com: everything until then is expected here.
inline void to_redialing(Playbook& play) {
  play.received(Side::kClient, connect_address).expect({"dial 203.0.113.7:443"});
  play.in(connected()).expect({"record open", "send client " + established, "release client"});
  play.received(Side::kClient, hello_for("example.com")).expect({"dial example.com:443"});
}

}  // namespace sluice::flow::test
