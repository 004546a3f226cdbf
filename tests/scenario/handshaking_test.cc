// TLS that is decrypted: the origin's handshake, the certificate that the client is shown, and what is relayed inside.
#include "tests/scenario/relay_scripts.h"
#include "tests/support/policies.h"

namespace sluice::flow::test {

namespace {

constexpr const char* decrypting = R"(
tenant: acme
ssl_decryption_policies:
- {name: Leave bank, match: {domains: [bank.example]}, action: do_not_decrypt}
realtime_policies:
- {name: No uploads, match: {domains: [example.com], methods: [POST]}, action: block}
certificate_errors:
  default: block
  rules:
  - {domains: [lab.example], allow: [self_signed], action: allow}
  - {domains: [seen.example], allow: [expired, self_signed], action: mirror}
)";

Settings decrypting_settings() {
  Settings settings = open_settings();
  settings.interception = true;
  settings.policy = support::policy_of(decrypting);
  return settings;
}

Handshake done() {
  return {.failed = false, .alert = 0, .version = 0x0304, .cipher = "TLS_AES_128_GCM_SHA256", .alpn = "http/1.1"};
}

OriginSecured origin_with(std::initializer_list<tls::CertificateError> errors) {
  OriginSecured secured{done(), false, {}};
  secured.verdict.subject = "CN = example.com";
  for (const tls::CertificateError error : errors) secured.verdict.errors.add(error);
  return secured;
}

OriginSecured origin_failed(uint8_t alert) {
  return {Handshake{.failed = true, .alert = alert, .version = 0, .cipher = "", .alpn = ""}, false, {}};
}

std::string held(const std::string& host) {
  return " held=" + std::to_string(hello_for(host).size());
}

const std::string denied = "send client " + std::string("\x15\x03\x03\x00\x02\x02\x31", 7);
const std::string internal_error = "send client " + std::string("\x15\x03\x03\x00\x02\x02\x50", 7);

// After CONNECT and hello: the origin's handshake is asked for.
void to_handshaking(Playbook& play, const std::string& host) {
  play.received(Side::kClient, "CONNECT " + host + ":443 HTTP/1.1\r\n\r\n").expect({"dial " + host + ":443"});
  play.in(connected()).expect({"record open", "send client " + established, "release client"});
  play.received(Side::kClient, hello_for(host)).expect({"record open", "secure origin " + host});
}

void to_inside(Playbook& play, const std::string& host = "example.com") {
  to_handshaking(play, host);
  play.in(origin_with({})).expect({"release client", "hold origin", "secure client " + host + held(host)});
  play.in(ClientSecured{done(), true}).expect({"release origin", "release client"});
}

}  // namespace

TEST_CASE("handshaking: both handshakes, then requests inside") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, decrypting_settings());
  to_inside(play);
  CHECK(play.machine().stage_name() == std::string("relaying"));
  const std::string request = "GET /a?b HTTP/1.1\r\nHost: example.com\r\n\r\n";
  play.received(Side::kClient, request).expect({"record open", "send origin " + request});
  const std::string response = ok_response("hello");
  play.received(Side::kOrigin, response).merge_sends();
  play.forget();
  const FlowRecord& record = play.record();
  CHECK(record.exchange->url == "https://example.com/a");
  CHECK(record.action == Verdict::kAllow);
  CHECK(record.bypass_mode == BypassMode::kNone);
  CHECK(record.client_bytes == request.size());
  CHECK(record.server_bytes == response.size());
  REQUIRE(record.tls);
  CHECK(record.tls->version == 0x0304);
  CHECK(record.tls->cert_subject == "CN = example.com");
  CHECK(record.tls->cert_errors.empty());
}

TEST_CASE("handshaking: each request is judged, and must be for the name in the certificate") {
  Playbook play(Mode::kWhole, decrypting_settings());
  to_inside(play);
  play.received(Side::kClient, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n");
  play.expect({"record closed", "send client HTTP/1.1 403 Forbidden...", "end_write client"});
  CHECK(play.record().policy == "No uploads");

  Playbook other(Mode::kWhole, decrypting_settings());
  to_inside(other);
  other.received(Side::kClient, "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n");
  other.expect({"record closed", "send client HTTP/1.1 421 Misdirected Request...", "end_write client"});
}

TEST_CASE("handshaking: the origin's connection is secured again when it is dialled again") {
  Playbook play(Mode::kWhole, decrypting_settings());
  to_inside(play);
  const std::string request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
  play.in(ReadEnded{Side::kOrigin, false}).expect({"hang_up"});
  play.received(Side::kClient, request).expect({"dial example.com:443"});
  play.in(connected()).expect({"secure origin example.com"});
  SECTION("well") {
    play.in(origin_with({})).expect({"record open", "send origin " + request});
  }
  SECTION("it is another one now") {
    play.in(origin_with({tls::CertificateError::kNameMismatch}));
    play.expect({"hang_up", "record closed", "send client HTTP/1.1 502 Bad Gateway...", "end_write client"});
    CHECK(play.record().close_reason == CloseReason::kCertificateError);
    CHECK(play.record().tls->cert_errors == std::vector<std::string>{"name_mismatch"});
  }
  SECTION("the handshake fails") {
    play.in(origin_failed(80));
    play.expect({"hang_up", "record closed", "send client HTTP/1.1 502 Bad Gateway...", "end_write client"});
    CHECK(play.record().close_reason == CloseReason::kTlsOrigin);
  }
  SECTION("it takes too long") {
    play.tick().expect({"hang_up", "record closed", "send client HTTP/1.1 502 Bad Gateway...", "end_write client"});
  }
  play.forget();
}

TEST_CASE("handshaking: a wrong certificate blocks by default, passes by rule, or is shown to the client") {
  using enum tls::CertificateError;
  SECTION("block") {
    Playbook play(Mode::kWhole, decrypting_settings());
    to_handshaking(play, "example.com");
    play.in(origin_with({kExpired, kWeakKey}));
    play.expect({"hang_up", "release client", "record closed", denied, "end_write client"});
    CHECK(play.record().action == Verdict::kBlock);
    CHECK(play.record().policy_kind == PolicyKind::kCertificateError);
    CHECK(play.record().policy == "certificate_errors");
    CHECK(play.record().close_reason == CloseReason::kCertificateError);
    CHECK(play.record().tls->cert_errors == std::vector<std::string>{"expired", "weak_key"});
    CHECK(play.record().client_bytes == hello_for("example.com").size());
    CHECK(play.record().server_bytes == 7);
  }
  SECTION("allow") {
    Playbook play(Mode::kWhole, decrypting_settings());
    to_handshaking(play, "lab.example");
    play.in(origin_with({kSelfSigned}));
    play.expect({"release client", "hold origin", "secure client lab.example" + held("lab.example")});
    CHECK(play.record().policy == "lab.example");
  }
  SECTION("mirror") {
    Playbook play(Mode::kWhole, decrypting_settings());
    to_handshaking(play, "seen.example");
    play.in(origin_with({kExpired}));
    play.expect({"release client", "hold origin", "secure client seen.example mirrored" + held("seen.example")});
    play.in(ClientSecured{{.failed = true, .alert = 45, .version = 0, .cipher = "", .alpn = ""}, true});
    play.expect({"record closed", "close 100"});
    CHECK(play.record().tls->failed == Side::kClient);
    CHECK(play.record().tls->alert == 45);
  }
}

TEST_CASE("handshaking: an origin that fails is an alert for the client") {
  Playbook play(Mode::kWhole, decrypting_settings());
  to_handshaking(play, "example.com");
  SECTION("by alert") {
    play.in(origin_failed(70));
  }
  SECTION("by time") {
    play.tick();
  }
  play.expect({"hang_up", "release client", "record closed", internal_error, "end_write client"});
  CHECK(play.record().close_reason == CloseReason::kTlsOrigin);
  CHECK(play.record().tls->failed == Side::kOrigin);
  CHECK(play.record().error_stage == Stage::kHandshaking);
}

TEST_CASE("handshaking: an origin that asks for a client's certificate is spliced, over a fresh connection") {
  Playbook play(Mode::kWhole, decrypting_settings());
  to_handshaking(play, "example.com");
  OriginSecured asks = origin_with({});
  asks.wants_certificate = true;
  play.in(std::move(asks)).expect({"hang_up", "dial example.com:443"});
  SECTION("which is there") {
    play.in(connected());
    play.expect(
        {"release client", "record open", "splice up=" + std::to_string(hello_for("example.com").size()) + " down=0"});
    CHECK(play.to_origin() == hello_for("example.com"));
    CHECK(play.record().action == Verdict::kBypass);
    CHECK(play.record().bypass_reason_code == BypassReasonCode::kClientCertificate);
  }
  SECTION("which is not") {
    play.in(failed(CloseReason::kConnectRefused));
    play.expect({"release client", "record closed", internal_error, "end_write client"});
  }
}

TEST_CASE("handshaking: an origin that refuses HTTP/1.1, which is all that the client speaks, is offered HTTP/2") {
  Playbook play(Mode::kWhole, decrypting_settings());
  std::string hello = hello_for("example.com");
  hello.replace(hello.find("\x02h2"), 3, "\x02xx");
  play.received(Side::kClient, "CONNECT example.com:443 HTTP/1.1\r\n\r\n").in(connected()).forget();
  play.received(Side::kClient, hello).expect({"record open", "secure origin example.com"});
  play.in(origin_failed(120)).expect({"hang_up", "dial example.com:443"});
  SECTION("and is translated for") {
    play.in(connected()).expect({"secure origin example.com"});
    OriginSecured secured = origin_with({});
    secured.handshake.alpn = "h2";
    play.in(std::move(secured)).forget();
    play.in(ClientSecured{done(), true}).forget();
    CHECK(play.machine().stage_name() == std::string("multiplexing"));
  }
  SECTION("and refuses that, too") {
    play.in(connected()).expect({"secure origin example.com"});
    play.in(origin_failed(120))
        .expect({"hang_up", "release client", "record closed", internal_error, "end_write client"});
    CHECK(play.record().close_reason == CloseReason::kTlsOrigin);
  }
  SECTION("and is gone") {
    play.in(failed(CloseReason::kConnectRefused));
    play.expect({"release client", "record closed", internal_error, "end_write client"});
  }
}

TEST_CASE("handshaking: a client that leaves meanwhile ends the flow") {
  Playbook play(Mode::kWhole, decrypting_settings());
  to_handshaking(play, "example.com");
  SECTION("in order") {
    play.in(ReadEnded{Side::kClient, false}).expect({"record closed", "close 1"});
  }
  SECTION("not in order") {
    play.in(Reset{Side::kClient}).expect({"abort origin", "record closed", "close 3"});
  }
  SECTION("while it is shown the certificate") {
    play.in(origin_with({})).forget();
    play.in(ClientSecured{{.failed = true, .alert = 0, .version = 0, .cipher = "", .alpn = ""}, true});
    play.expect({"record closed", "close 100"});
    CHECK(play.record().client_bytes == 0);
  }
}

TEST_CASE("handshaking: what is exempt stays untouched") {
  Playbook play(Mode::kWhole, decrypting_settings());
  play.received(Side::kClient, "CONNECT bank.example:443 HTTP/1.1\r\n\r\n").forget();
  play.in(connected()).forget();
  play.received(Side::kClient, hello_for("bank.example"));
  play.expect({"record open", "splice up=" + std::to_string(hello_for("bank.example").size()) + " down=0"});
  CHECK(play.record().bypass_reason_code == BypassReasonCode::kSslPolicy);
}

TEST_CASE("handshaking: a name that is learned from the hello is dialled, then decrypted") {
  Playbook play(Mode::kWhole, decrypting_settings());
  play.received(Side::kClient, connect_address).expect({"dial 203.0.113.7:443"});
  play.in(connected()).expect({"send client " + established, "release client"});  // it is not yet known what it is
  play.received(Side::kClient, hello_for("example.com")).expect({"dial example.com:443"});
  play.in(connected()).expect({"record open", "secure origin example.com"});
}

TEST_CASE("handshaking: what is no HTTP inside is closed, or passes by rule") {
  Settings settings = decrypting_settings();
  const bool passes = GENERATE(false, true);
  if (passes) settings.policy = support::policy_of(std::string(decrypting) + "unknown_protocol: splice\n");
  Playbook play(Mode::kWhole, settings);
  to_inside(play);
  SECTION("the client says something else") {
    play.received(Side::kClient, "\x10\x20MQTT");
    if (passes) {
      play.expect({"record open", "send origin \x10\x20MQTT"});
      play.received(Side::kOrigin, "ack").expect({"send client ack"});
      play.in(ReadEnded{Side::kClient, false}).expect({"end_write origin"});
      play.in(ReadEnded{Side::kOrigin, false}).expect({"record closed", "close 1"});
      CHECK(play.record().client_bytes == 6);
      CHECK(play.record().server_bytes == 3);
    }
  }
  SECTION("the origin speaks first") {
    play.received(Side::kOrigin, "220 smtp\r\n");
    if (passes) play.expect({"record open", "send client 220 smtp\r\n"});
  }
  if (passes) {
    CHECK(play.record().action == Verdict::kBypass);
    CHECK(play.record().bypass_reason_code == BypassReasonCode::kProtocol);
  } else {
    play.expect({"abort client", "abort origin", "record closed", "close 64"});
    CHECK(play.record().action == Verdict::kBlock);
    CHECK(play.record().policy == "unknown_protocol");
  }
  CHECK_FALSE(play.record().exchange);
}

TEST_CASE("handshaking: after a reload, what is exempt now ends here, and what is spliced no longer stays so") {
  Settings bypass = decrypting_settings();
  bypass.policy = support::policy_of(
      "tenant: acme\nssl_decryption_policies:\n"
      "- {name: Leave it, match: {domains: [example.com]}, action: do_not_decrypt}\n");
  SECTION("decrypted, idle") {
    Playbook play(Mode::kWhole, decrypting_settings());
    to_inside(play);
    play.in(PolicyChanged{std::make_shared<const Settings>(bypass), {}}).expect({"record closed", "close 81"});
  }
  SECTION("decrypted, in the middle of an exchange") {
    Playbook play(Mode::kWhole, decrypting_settings());
    to_inside(play);
    play.received(Side::kClient, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").forget();
    play.in(PolicyChanged{std::make_shared<const Settings>(bypass), {}}).expect({});
    play.received(Side::kOrigin, ok_response("x"))
        .expect({"send client HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
                 "Connection: close...",
                 "send client x", "record closed", "end_write client"});
  }
  SECTION("spliced") {
    Playbook play(Mode::kWhole, bypass);
    play.received(Side::kClient, connect_example).forget();
    play.in(connected()).forget();
    play.received(Side::kClient, hello_for("example.com"));
    play.expect({"record open", "splice up=" + std::to_string(hello_for("example.com").size()) + " down=0"});
    play.in(PolicyChanged{std::make_shared<const Settings>(decrypting_settings()), {}});
    play.expect({"abort client", "abort origin", "record closed", "close 81"});
  }
}

TEST_CASE("handshaking: a body that is cut off is not passed on as a whole one") {
  Playbook play(Mode::kWhole, decrypting_settings());
  to_inside(play);
  play.received(Side::kClient, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").forget();
  play.received(Side::kOrigin, "HTTP/1.1 200 OK\r\n\r\nhalf").forget();
  SECTION("cut") {
    play.in(ReadEnded{Side::kOrigin, true}).expect({"abort client", "record closed", "close 4"});
  }
  SECTION("ended") {
    play.in(ReadEnded{Side::kOrigin, false}).forget();
    CHECK(play.record().close_reason == CloseReason::kCompleted);
  }
}

}  // namespace sluice::flow::test
