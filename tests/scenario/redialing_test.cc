// A client that asked for an address and then speaks to a name: the name counts, and we resolve it ourselves.
#include "tests/scenario/flow_scripts.h"

namespace sluice::flow::test {

namespace {
const std::string access_denied("send client \x15\x03\x03\x00\x02\x02\x31", 19);
const std::string internal_error("send client \x15\x03\x03\x00\x02\x02\x50", 19);

DialDone connected_to(const char* address) {
  return {.failure = CloseReason::kUnspecified, .address = *base::Endpoint::parse(address), .detail = {}};
}
}  // namespace

TEST_CASE("a name in the hello for an address is dialled as we resolve it, and the hello is replayed") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  const std::string hello = hello_for("example.com");
  to_redialing(play);
  CHECK(play.to_origin().empty());
  play.in(connected_to("198.51.100.3:443"));
  play.expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);
  const FlowRecord& record = play.record();
  CHECK(record.host == "example.com");
  CHECK(record.host_source == HostSource::kSni);
  CHECK(record.sni == "example.com");
  CHECK(record.destination == *base::Endpoint::parse("198.51.100.3:443"));
  CHECK(record.client_bytes == hello.size());
}

TEST_CASE("a hello sent behind the CONNECT for an address is redialled at once, and more may follow") {
  Playbook play(Mode::kWhole, open_settings());
  const std::string hello = hello_for("example.com");
  play.received(Side::kClient, connect_address + hello).expect({"dial 203.0.113.7:443"});
  play.in(connected());
  play.expect({"record open", "send client " + established, "release client", "dial example.com:443"});
  play.received(Side::kClient, "early").expect({});
  play.in(ReadEnded{Side::kClient}).expect({});
  play.in(connected_to("198.51.100.3:443"));
  play.expect({"record open", "splice up=" + std::to_string(hello.size() + 5) + " down=0 client_ended"});
  CHECK(play.to_origin() == hello + "early");
}

TEST_CASE("what an origin said to the wrong name is not passed on") {
  Playbook play(Mode::kWhole, open_settings());
  const std::string hello = hello_for("example.com");
  play.received(Side::kClient, connect_address).forget();
  play.in(connected()).forget();
  play.received(Side::kClient, hello.substr(0, 100)).expect({});
  play.received(Side::kOrigin, "220 hello").expect({});
  play.received(Side::kClient, hello.substr(100)).expect({"dial example.com:443"});
  play.in(connected_to("198.51.100.3:443"));
  play.expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_client().empty());
}

TEST_CASE("an address without a name, or with itself as the name, stays where it was dialled") {
  SECTION("no name") {
    Playbook play(Mode::kWhole, open_settings());
    play.received(Side::kClient, connect_address).forget();
    play.in(connected()).forget();
    const auto bytes = wire::test::record(wire::test::HelloSpec{}.message());
    const std::string hello(bytes.begin(), bytes.end());
    play.received(Side::kClient, hello);
    play.expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
    CHECK(play.record().sni.empty());
  }
  SECTION("itself") {
    Playbook play(Mode::kWhole, open_settings());
    play.received(Side::kClient, connect_address).forget();
    play.in(connected()).forget();
    const std::string hello = hello_for("203.0.113.7");
    play.received(Side::kClient, hello);
    play.expect({"record open", "splice up=" + std::to_string(hello.size()) + " down=0"});
  }
  SECTION("another address is refused") {
    Playbook play(Mode::kWhole, open_settings());
    play.received(Side::kClient, connect_address).forget();
    play.in(connected()).forget();
    play.received(Side::kClient, hello_for("203.0.113.8"));
    play.expect({"record closed", access_denied, "end_write client"});
    CHECK(play.record().close_reason == CloseReason::kSniMismatch);
  }
}

TEST_CASE("a name that cannot be dialled is answered inside the tunnel and recorded with its own reason") {
  struct Failure {
    CloseReason reason;
    const std::string& answer;
    Verdict action;
  };
  const Failure failures[] = {{CloseReason::kDestinationProhibited, access_denied, Verdict::kBlock},
                              {CloseReason::kDnsNotFound, internal_error, Verdict::kAllow},
                              {CloseReason::kConnectTimeout, internal_error, Verdict::kAllow}};
  for (const Failure& failure : failures) {
    Playbook play(Mode::kWhole, open_settings());
    to_redialing(play);
    play.in(failed(failure.reason)).expect({"record closed", failure.answer, "end_write client"});
    CHECK(play.record().close_reason == failure.reason);
    CHECK(play.record().error_stage == Stage::kDialing);
    CHECK(play.record().action == failure.action);
    CHECK(play.record().server_bytes == 7);
    CHECK(play.to_origin().empty());
  }
}

TEST_CASE("a client that leaves while its name is dialled is recorded") {
  Playbook play(Mode::kWhole, open_settings());
  to_redialing(play);
  play.in(Reset{Side::kClient}).expect({"record closed", "close 3"});
  CHECK(play.record().client_bytes == hello_for("example.com").size());
}

TEST_CASE("what a client sends while its name is dialled is held within bounds") {
  Playbook play(Mode::kWhole, open_settings());
  to_redialing(play);
  play.received(Side::kClient, std::string(early_bytes_max, 'x')).expect({"hold client"});
  play.in(Shutdown{CloseReason::kDrain, {}}).expect({"record closed", "close 85"});
}

}  // namespace sluice::flow::test
