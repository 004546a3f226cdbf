#include "tests/scenario/flow_scripts.h"

namespace sluice::flow::test {

TEST_CASE("a failed dial is answered with its own status and recorded with its own reason") {
  struct Failure {
    CloseReason reason;
    int status;
    const char* error;
    Verdict action;
  };
  const Failure failures[] = {
      {CloseReason::kDestinationProhibited, 403, "destination_ip_prohibited", Verdict::kBlock},
      {CloseReason::kDnsNotFound, 502, "dns_error", Verdict::kAllow},
      {CloseReason::kDnsTimeout, 504, "dns_timeout", Verdict::kAllow},
      {CloseReason::kDnsError, 502, "dns_error", Verdict::kAllow},
      {CloseReason::kConnectRefused, 502, "connection_refused", Verdict::kAllow},
      {CloseReason::kConnectTimeout, 504, "connection_timeout", Verdict::kAllow},
      {CloseReason::kConnectUnreachable, 502, "destination_ip_unroutable", Verdict::kAllow},
      {CloseReason::kConnectError, 502, "destination_unavailable", Verdict::kAllow},
  };
  for (const Failure& failure : failures) {
    Playbook play(Mode::kWhole, open_settings());
    play.received(Side::kClient, connect_example).expect({"dial example.com:443"});
    play.in(failed(failure.reason));
    REQUIRE(play.pending().size() >= 2);
    CHECK(play.pending()[1].find(std::string("error=") + failure.error) != std::string::npos);
    play.expect(
        {"record closed", "send client HTTP/1.1 " + std::to_string(failure.status) + "...", "end_write client"});
    CHECK(play.record().close_reason == failure.reason);
    CHECK(play.record().error_stage == Stage::kDialing);
    CHECK(play.record().action == failure.action);
  }
}

TEST_CASE("a hello is read, recorded, and passed on bit for bit") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  const std::string hello = hello_for("example.com");
  Playbook play(mode, open_settings());
  to_peeking(play);
  play.received(Side::kClient, hello);
  play.expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);
  const FlowRecord& record = play.record();
  CHECK(record.sni == "example.com");
  CHECK(record.alpn == "h2,http/1.1");
  CHECK(record.ech == Ech::kOuter);
  CHECK(record.tls_version == 0x0304);
  CHECK(record.ja4_raw.substr(0, 10) == "t13d1513h2");
  CHECK(record.action == Verdict::kBypass);
  CHECK(record.bypass_reason_code == BypassReasonCode::kInterceptionOff);
  CHECK(record.host == "example.com");
}

TEST_CASE("a hello sent behind its CONNECT goes on at once") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  const std::string hello = hello_for("example.com");
  Playbook play(mode, open_settings());
  play.received(Side::kClient, connect_example + hello).expect({"dial example.com:443"});
  play.in(connected());
  play.expect({"record open", "send client " + established, "release client", "record open",
               "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);
}

TEST_CASE("a client that sends all and FIN before the dial is done is still served") {
  Playbook play(Mode::kWhole, open_settings());
  play.received(Side::kClient, connect_example + "plain").expect({"dial example.com:443"});
  play.in(ReadEnded{Side::kClient}).expect({});
  play.in(connected());
  play.expect({"record open", "send client " + established, "release client", "record open",
               "splice up=5 down=0 client_ended"});
}

TEST_CASE("a name in the hello that is not the name dialled is refused by a TLS alert") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  to_peeking(play);
  play.received(Side::kClient, hello_for("other.example"));
  play.expect({"record closed", std::string("send client \x15\x03\x03\x00\x02\x02\x31", 19), "end_write client"});
  CHECK(play.record().close_reason == CloseReason::kSniMismatch);
  CHECK(play.record().action == Verdict::kBlock);
  CHECK(play.record().server_bytes == 7);
  CHECK(play.to_origin().empty());
}

TEST_CASE("a name in the hello that is no name makes the hello malformed") {
  for (const std::string_view odd : {"exam ple.com", "0x7f.1", "127.1", "a..example.com"}) {
    Playbook play(Mode::kWhole, open_settings());
    to_peeking(play);
    play.received(Side::kClient, hello_for(odd)).forget();
    CHECK(play.record().close_reason == CloseReason::kClientHelloMalformed);
    CHECK(play.to_origin().empty());
  }
}

TEST_CASE("what is not TLS is passed on and recorded as such") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  to_peeking(play);
  play.received(Side::kClient, "g").expect({"record open", "splice up=1 down=0"});
  CHECK(play.record().tls_version == 0);
}

TEST_CASE("what could become an HTTP method is waited for, not for ever") {
  Playbook late(Mode::kWhole, open_settings());
  to_peeking(late);
  late.received(Side::kClient, "GE").expect({});
  late.tick().expect({"record open", "splice up=2 down=0"});

  Playbook ended(Mode::kWhole, open_settings());
  to_peeking(ended);
  ended.received(Side::kClient, "GE").expect({});
  ended.in(ReadEnded{Side::kClient}).expect({"record open", "splice up=2 down=0 client_ended"});

  Playbook other(Mode::kWhole, open_settings());
  to_peeking(other);
  other.received(Side::kClient, "GE").expect({});
  other.received(Side::kClient, "X").expect({"record open", "splice up=3 down=0"});
}

TEST_CASE("an origin that speaks first is passed on") {
  Playbook play(Mode::kWhole, open_settings());
  to_peeking(play);
  play.received(Side::kOrigin, "220 mail").expect({"record open", "splice up=0 down=8"});
  CHECK(play.to_client() == "220 mail");
}

TEST_CASE("an origin that speaks into a partial hello waits, within bounds") {
  Playbook play(Mode::kWhole, open_settings());
  to_peeking(play);
  const std::string hello = hello_for("example.com");
  play.received(Side::kClient, hello.substr(0, 100)).expect({});
  play.received(Side::kOrigin, std::string(origin_first_bytes_max, 'x')).expect({"hold origin"});
  play.received(Side::kClient, hello.substr(100));
  play.expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=16384"});
}

TEST_CASE("hellos that do not become whole close the flow with their own reason") {
  SECTION("at the deadline") {
    Playbook play(Mode::kWhole, open_settings());
    to_peeking(play);
    play.received(Side::kClient, hello_for("example.com").substr(0, 50)).expect({});
    CHECK(*play.machine().deadline() == play.now() + base::Duration(5'000));
    play.tick().expect({"record closed", "close 60"});
    CHECK(play.record().client_bytes == 50);
  }
  SECTION("malformed") {
    Playbook play(Mode::kWhole, open_settings());
    to_peeking(play);
    play.received(Side::kClient, std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9));
    play.expect({"record closed", "close 62"});
  }
  SECTION("too large") {
    Playbook play(Mode::kWhole, open_settings());
    to_peeking(play);
    wire::test::Bytes message{1, 0x01, 0x11, 0x70};  // a ClientHello of 70,000 bytes
    message.resize(70'004, 0);
    const auto bytes = wire::test::records_of(message, 4'096);
    play.received(Side::kClient, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    play.expect({"record closed", "close 61"});
  }
  SECTION("cut by FIN") {
    Playbook play(Mode::kWhole, open_settings());
    to_peeking(play);
    play.received(Side::kClient, "\x16\x03").expect({});
    play.in(ReadEnded{Side::kClient}).expect({"record closed", "close 62"});
  }
}

TEST_CASE("silence on both sides lasts until the idle timeout, and is never classified") {
  Playbook play(Mode::kWhole, open_settings());
  to_peeking(play);
  CHECK(*play.machine().deadline() == play.now() + base::Duration(300'000));
  play.tick().expect({"record closed", "close 5"});
}

TEST_CASE("a client that ends without a word leaves the floor to the origin") {
  Playbook play(Mode::kWhole, open_settings());
  to_peeking(play);
  play.in(ReadEnded{Side::kClient}).expect({"record open", "splice up=0 down=0 client_ended"});
}

TEST_CASE("an origin that ends without a word may still listen") {
  Playbook play(Mode::kWhole, open_settings());
  to_peeking(play);
  play.in(ReadEnded{Side::kOrigin}).expect({"record open", "splice up=0 down=0 origin_ended"});
}

TEST_CASE("resets are passed to the other side") {
  for (const Side side : {Side::kClient, Side::kOrigin}) {
    Playbook play(Mode::kWhole, open_settings());
    to_peeking(play);
    play.in(Reset{side});
    play.expect(
        {"abort " + support::side_name(other(side)), "record closed", side == Side::kClient ? "close 3" : "close 4"});
  }
}

TEST_CASE("early bytes are held within bounds") {
  Playbook play(Mode::kWhole, open_settings());
  play.received(Side::kClient, connect_example).expect({"dial example.com:443"});
  play.received(Side::kClient, std::string(early_bytes_max, 'x')).expect({"hold client"});
  play.in(Reset{Side::kClient}).expect({"record closed", "close 3"});
}

}  // namespace sluice::flow::test
