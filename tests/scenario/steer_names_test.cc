// What a steering client knows of a flow's destination: the address of a name, the name of an address, the first words
// of a direct flow; and what follows for QUIC.
#include "proxy/flow/limits.h"
#include "proxy/flow/steer_flow_verdict.h"
#include "tests/scenario/steer_scripts.h"

namespace sluice::flow::test {

TEST_CASE("a captured flow that names nobody has the name that DNS answers gave its address") {
  const auto destination = base::Endpoint::parse("198.51.100.9:443");
  Play direct(Mode::kWhole, policy_with("direct", "client"), "dropbox", destination, false, "client.dropbox.com");
  direct.received(Side::kClient, "not TLS").expect({"dial 198.51.100.9:443"});
  CHECK(direct.record().host == "client.dropbox.com");
  CHECK(direct.record().host_source == HostSource::kDns);
  // What the flow itself says counts more.
  Play named(Mode::kWhole, policy_with("direct", "client"), "dropbox", destination, false, "cdn.example");
  named.received(Side::kClient, hello_for("client.dropbox.com")).expect({"dial 198.51.100.9:443"});
  CHECK(named.record().host_source == HostSource::kSni);
  // The PoP is told the address: the name is only our guess.
  Play steered(Mode::kWhole, policy_with("direct", "client"), "ssh", destination, false, "git.example");
  steered.received(Side::kClient, "SSH-2.0-x").expect({"dial 198.51.100.9:443 by tunnel early=0"});
  CHECK(steered.record().host == "git.example");
}

TEST_CASE("QUIC of what is steered is refused so that it falls back; of a direct bypass it passes") {
  struct Row {
    const char* process;
    const char* host;
    const char* address;
    bool on_network;
    bool passes;
    Line line;
    bool recorded = true;
  };
  for (const Row& row : {Row{"firefox", "www.example", "198.51.100.9", false, false, Line::kQuicRefused},
                         {"dropbox", "client.dropbox.com", "198.51.100.9", false, true, Line::kAppDirect},
                         {"zoom", "us04web.zoom.us", "198.51.100.9", false, false, Line::kAppDropped},
                         {"zoom", "us04web.zoom.us", "198.51.100.9", true, false, Line::kAppDropped},
                         {"firefox", "www.example", "198.51.100.9", true, true, Line::kNone},
                         {"firefox", "quiet.example", "198.51.100.9", false, true, Line::kNone, false},
                         {"firefox", "10.1.2.3", "10.1.2.3", false, true, Line::kPrivateAddress}}) {
    INFO(row.process << " to " << row.host);
    Play play(Mode::kWhole, policy_with("direct", "client"), row.process, std::nullopt, row.on_network);
    FlowRecord record = play.record();
    record.host = row.host;
    record.destination = {*base::IpAddress::parse(row.address), 443};
    const DatagramVerdict verdict =
        judge_datagram(settings_of(policy_with("direct", "client"), row.on_network), record);
    CHECK(verdict.passes == row.passes);
    CHECK(verdict.line == row.line);
    CHECK(record.action == (row.passes ? Verdict::kBypass : Verdict::kDrop));
    CHECK(record.recorded == row.recorded);
    CHECK(record.primary);
    CHECK(record.bypass_mode == (row.passes ? BypassMode::kDirect : BypassMode::kNone));
    CHECK((record.bypass_reason_code == BypassReasonCode::kOnNetwork) == (row.on_network && row.passes));
  }
  // What goes through the tunnel goes there as TCP.
  Play tunnelled(Mode::kWhole, policy_with("tunnel", "client"));
  FlowRecord record = tunnelled.record();
  record.host = "client.dropbox.com";
  record.destination = *base::Endpoint::parse("198.51.100.9:443");
  CHECK(judge_datagram(settings_of(policy_with("tunnel", "client"), false), record).line == Line::kQuicRefused);
  CHECK((record.action == Verdict::kDrop && record.recorded && record.primary));
  CHECK(record.bypass_reason_code == BypassReasonCode::kUnspecified);
  // Where the packet filter cannot ask it decides by network alone; a bypass without a trace leaves none.
  FlowRecord refused = tunnelled.record();
  refused.action = Verdict::kBypass;
  refused.recorded = false;
  CHECK((refuse_datagram(Line::kNone, refused).line == Line::kNone && !refused.recorded));
  FlowRecord passed = tunnelled.record();
  passed.action = Verdict::kDrop;
  CHECK(pass_datagram(passed).passes);
  CHECK((passed.action == Verdict::kBypass && passed.bypass_reason_code == BypassReasonCode::kDestination));
}

TEST_CASE("a name is judged by the address that it has") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  // One that is private goes direct although nothing excepts its name.
  Play intranet(mode, policy_with("direct", "client"), "firefox");
  intranet.asks(connect_to("wiki.corp.example"), "10.1.2.3").expect({"dial wiki.corp.example:443"});
  intranet.in(connected_to("10.1.2.3:443"))
      .expect({announce(Line::kPrivateAddress), "record open", "send client " + established, "release client"});
  CHECK(intranet.record().bypass_reason_code == BypassReasonCode::kPrivateAddress);

  const std::string offices =
      "tenant: acme\nsteering_configurations:\n- name: default\n  exceptions:\n"
      "  - {name: Offices, destinations: {cidrs: [203.0.113.0/24]}}\n";
  Play office(mode, offices, "firefox");
  office.asks(connect_to("office.example"), "203.0.113.7").expect({"dial office.example:443"});
  CHECK(office.record().bypass_reason_code == BypassReasonCode::kDestination);

  // What goes through the tunnel has its address in the line all the same.
  Play steered(mode, offices, "firefox");
  steered.asks(connect_to("www.example"), "198.51.100.7").expect({"send client " + established});
  CHECK(steered.record().destination == *base::Endpoint::parse("198.51.100.7:443"));
  CHECK_FALSE(steered.record().dialled);
  // And it is the PoP's to resolve.
  steered.received(Side::kClient, hello_for("www.example"));
  steered.expect({"dial www.example:443 by tunnel early=" + std::to_string(hello_for("www.example").size())});

  // Where the operator says that a name lives, its name alone counts.
  Play configured(mode, offices, "firefox");
  configured.received(Side::kClient, connect_to("here.example")).expect({"resolve here.example"});
  configured.in(Resolved{base::IpAddress::parse("127.0.0.1"), true}).expect({"send client " + established});
  CHECK(configured.record().destination == *base::Endpoint::parse("127.0.0.1:443"));

  Play unknown(mode, offices, "firefox");
  unknown.received(Side::kClient, connect_to("office.example")).expect({"resolve office.example"});
  unknown.in(Resolved{}).expect({"send client " + established});
}

TEST_CASE("an app that does not wait for the answer is held, not lost") {
  Play play(Mode::kWhole, policy_with("direct", "client"), "firefox");
  play.received(Side::kClient, connect_to("bank.example")).expect({"resolve bank.example"});
  const std::string flood(early_bytes_max, 'x');
  play.received(Side::kClient, flood).expect({"hold client"});
  play.in(ReadEnded{Side::kClient});
  play.in(Resolved{}).expect({"release client", "dial bank.example:443"});
  play.in(connected_to("198.51.100.1:443"));
  CHECK(play.pending().back() == "splice up=" + std::to_string(flood.size()) + " down=0 client_ended");
  CHECK(play.to_origin() == flood);
  play.forget();

  Play gone(Mode::kWhole, policy_with("direct", "client"), "firefox");
  gone.received(Side::kClient, connect_to("www.example")).forget();
  gone.in(ReadEnded{Side::kClient}).expect({});
  gone.in(Resolved{}).expect({"send client " + established, "close 1"});
}

TEST_CASE("a direct flow's first words go into the record and on unchanged, whatever they are") {
  const auto peeking = [](Play& play) {
    play.asks(connect_to("client.dropbox.com"));
    play.in(connected_to("198.51.100.1:443")).forget();
    REQUIRE(std::string(play.machine().stage_name()) == "peeking");
  };
  Play half(Mode::kWhole, policy_with("direct", "client"));
  peeking(half);
  half.received(Side::kClient, hello_for("client.dropbox.com").substr(0, 60)).expect({});
  half.tick().expect({"splice up=60 down=0"});  // the origin may say what it thinks of it
  Play first(Mode::kWhole, policy_with("direct", "client"));
  peeking(first);
  first.received(Side::kOrigin, "220 ready\r\n").expect({"splice up=0 down=11"});
  CHECK(first.to_client() == "220 ready\r\n");
  Play closed(Mode::kWhole, policy_with("direct", "client"));
  peeking(closed);
  closed.in(ReadEnded{Side::kOrigin}).expect({"splice up=0 down=0 origin_ended"});
  Play ended(Mode::kWhole, policy_with("direct", "client"));
  peeking(ended);
  ended.in(ReadEnded{Side::kClient}).expect({"splice up=0 down=0 client_ended"});
  Play silent(Mode::kWhole, policy_with("direct", "client"));
  peeking(silent);
  silent.tick().expect({"abort client", "abort origin", "record closed", "close 5"});
  Play reset(Mode::kWhole, policy_with("direct", "client"));
  peeking(reset);
  reset.received(Side::kClient, hello_for("client.dropbox.com").substr(0, 60));
  reset.in(Reset{Side::kClient}).expect({"abort origin", "record closed", "close 3"});
  CHECK(reset.record().client_bytes == 60);
}

}  // namespace sluice::flow::test
