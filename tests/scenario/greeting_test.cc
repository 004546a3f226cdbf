#include "tests/scenario/flow_scripts.h"

namespace sluice::flow::test {

namespace {

struct RefusedRequest {
  const char* what;
  std::string bytes;
  int status;
  CloseReason reason;
};

const RefusedRequest refused_requests[] = {
    {"garbage", "\x01\x02garbage\r\n\r\n", 400, CloseReason::kBadRequest},
    {"a bare line feed", "CONNECT example.com:443 HTTP/1.1\nHost: x\n\n", 400, CloseReason::kBadRequest},
    {"a blank before the colon", "CONNECT example.com:443 HTTP/1.1\r\nHost : x\r\n\r\n", 400, CloseReason::kBadRequest},
    {"an oversized head", "CONNECT example.com:443 HTTP/1.1\r\nX: " + std::string(17'000, 'x'), 431,
     CloseReason::kHeadTooLarge},
    {"no port", "CONNECT example.com HTTP/1.1\r\n\r\n", 400, CloseReason::kBadAuthority},
    {"a decimal address", "CONNECT 2130706433:443 HTTP/1.1\r\n\r\n", 400, CloseReason::kBadAuthority},
    {"an octal address", "CONNECT 0177.0.0.1:443 HTTP/1.1\r\n\r\n", 400, CloseReason::kBadAuthority},
    {"a short address", "CONNECT 127.1:443 HTTP/1.1\r\n\r\n", 400, CloseReason::kBadAuthority},
    {"a port outside the list", "CONNECT example.com:22 HTTP/1.1\r\n\r\n", 403, CloseReason::kPortNotAllowed},
    {"another scheme", "GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", 405,
     CloseReason::kMethodNotAllowed},
    {"a request to the proxy itself", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 405, CloseReason::kMethodNotAllowed},
};

}  // namespace

TEST_CASE("refused requests get a status, a proxy-status and a typed record before the answer") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  for (const RefusedRequest& request : refused_requests) {
    INFO(request.what);
    Playbook play(mode, open_settings());
    play.received(Side::kClient, request.bytes);
    const std::string status = "send client HTTP/1.1 " + std::to_string(request.status);
    REQUIRE(play.pending().size() >= 2);
    CHECK(play.pending()[1].find("Proxy-Status: pop-test; error=") != std::string::npos);
    play.expect({"record closed", status + "...", "end_write client"});
    CHECK(play.record().close_reason == request.reason);
    CHECK(play.record().error_stage == Stage::kGreeting);
    CHECK(play.record().action == Verdict::kBlock);
    // The client reads, closes, and only then do we.
    play.received(Side::kClient, "still talking").expect({});
    play.in(ReadEnded{Side::kClient}).expect({"close " + std::to_string(static_cast<int>(request.reason))});
  }
}

TEST_CASE("a refused client that stays is closed after the linger") {
  Playbook play(Mode::kWhole, open_settings());
  play.received(Side::kClient, "GET / HTTP/1.1\r\n\r\n").forget();
  CHECK(*play.machine().deadline() == play.now() + refusal_linger);
  play.tick().expect({"close 24"});
}

TEST_CASE("half a request is answered, nothing at all is not") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook half(mode, open_settings());
  half.received(Side::kClient, "CONNECT exam").expect({});
  half.in(ReadEnded{Side::kClient}).expect({"record closed", "send client HTTP/1.1 400...", "end_write client"});
  CHECK(half.record().close_reason == CloseReason::kHeadIncomplete);

  Playbook nothing(mode, open_settings());
  nothing.in(ReadEnded{Side::kClient}).expect({"close 1"});
}

TEST_CASE("a request that takes too long is answered 408") {
  Playbook play(Mode::kWhole, open_settings());
  play.received(Side::kClient, "CONNECT ").expect({});
  play.tick().expect({"record closed", "send client HTTP/1.1 408...", "end_write client"});
  CHECK(play.record().close_reason == CloseReason::kHeadTimeout);
}

TEST_CASE("a source outside allow_sources is refused at its first byte") {
  Settings settings = open_settings();
  settings.allow_any_source = false;
  settings.allow_sources = {*base::Cidr::parse("10.0.0.0/8")};
  Playbook http(Mode::kWhole, settings);
  http.received(Side::kClient, "C").expect({"record closed", "send client HTTP/1.1 403...", "end_write client"});
  CHECK(http.record().close_reason == CloseReason::kSourceNotAllowed);
  Playbook socks(Mode::kWhole, settings);
  socks.received(Side::kClient, "\x05").expect({"record closed", "send client \x05\xff", "end_write client"});
}

TEST_CASE("basic authentication") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  const std::string head = "CONNECT example.com:443 HTTP/1.1\r\n";
  const std::string alice = "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";  // alice:secret

  Playbook missing(mode, password_settings());
  missing.received(Side::kClient, head + "\r\n");
  REQUIRE(missing.pending().size() >= 2);
  CHECK(missing.pending()[1].find("Proxy-Authenticate: Basic") != std::string::npos);
  missing.expect({"record closed", "send client HTTP/1.1 407...", "end_write client"});
  CHECK(missing.record().close_reason == CloseReason::kAuthenticationRequired);

  Playbook wrong(mode, password_settings());
  wrong.received(Side::kClient, head + alice).expect({"authenticate alice secret"});
  wrong.in(AuthDone{false}).expect({"record closed", "send client HTTP/1.1 407...", "end_write client"});
  CHECK(wrong.record().close_reason == CloseReason::kAuthenticationFailed);
  CHECK(wrong.record().user == "alice");

  Playbook right(mode, password_settings());
  right.received(Side::kClient, head + alice + "early").expect({"authenticate alice secret"});
  right.in(AuthDone{true}).expect({"dial example.com:443"});
  right.in(connected());
  CHECK(right.to_origin() == "early");
  right.forget();
}

TEST_CASE("a password check that outlasts the request's deadline changes nothing any more") {
  Playbook play(Mode::kWhole, password_settings());
  play.received(Side::kClient,
                "CONNECT example.com:443 HTTP/1.1\r\nProxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n");
  play.expect({"authenticate alice secret"});
  play.tick().expect({"record closed", "send client HTTP/1.1 408...", "end_write client"});
  play.in(AuthDone{true}).expect({});
  play.in(ReadEnded{Side::kClient}).expect({"close 22"});
}

TEST_CASE("SOCKS5 without a password") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  play.received(Side::kClient, std::string("\x05\x01\x00", 3)).expect({std::string("send client \x05\x00", 14)});
  play.received(Side::kClient, std::string("\x05\x01\x00\x03\x0b", 5) + "example.com" + std::string("\x01\xbb", 2));
  play.expect({"dial example.com:443"});
  play.in(connected());
  play.expect(
      {"record open", std::string("send client \x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 22), "release client"});
}

TEST_CASE("SOCKS5 with a password") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, password_settings());
  play.received(Side::kClient, std::string("\x05\x02\x00\x02", 4)).expect({"send client \x05\x02"});
  play.received(Side::kClient,
                "\x01\x05"
                "alice"
                "\x06"
                "secret")
      .expect({"authenticate alice secret"});
  play.in(AuthDone{true}).expect({std::string("send client \x01\x00", 14), "release client"});
  play.received(Side::kClient, std::string("\x05\x01\x00\x01\xcb\x00\x71\x07\x01\xbb", 10));
  play.expect({"dial 203.0.113.7:443"});
  play.in(failed(CloseReason::kConnectRefused));
  play.expect(
      {"record closed", std::string("send client \x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", 22), "end_write client"});
}

TEST_CASE("SOCKS5 that offers no acceptable method, and commands that are not CONNECT") {
  Playbook method(Mode::kWhole, password_settings());
  method.received(Side::kClient, std::string("\x05\x01\x00", 3));
  method.expect({"record closed", "send client \x05\xff", "end_write client"});
  CHECK(method.record().close_reason == CloseReason::kAuthenticationRequired);

  Playbook bind(Mode::kWhole, open_settings());
  bind.received(Side::kClient, std::string("\x05\x01\x00", 3)).forget();
  bind.received(Side::kClient, std::string("\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", 10));
  bind.expect(
      {"record closed", std::string("send client \x05\x07\x00\x01\x00\x00\x00\x00\x00\x00", 22), "end_write client"});
}

}  // namespace sluice::flow::test
