// The steering client's flow: how it is asked, what it decides, and which way it goes; the 2x2 of mode and
// bypass_exceptions_at; without a tunnel; refusals in each language.
#include "tests/scenario/steer_scripts.h"

namespace sluice::flow::test {

TEST_CASE("a direct bypass: asked, dialled, recorded before its first byte, spliced") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Play play(mode, policy_with("direct", "client"));
  play.asks(connect_to("client.dropbox.com")).expect({"dial client.dropbox.com:443"});
  play.in(connected_to("198.51.100.1:443"));
  play.expect({announce(Line::kAppDirect), "record open", "send client " + established, "release client"});
  const std::string hello = hello_for("client.dropbox.com");
  play.received(Side::kClient, hello).expect({"splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(play.to_origin() == hello);  // untouched
  const FlowRecord& record = play.record();
  CHECK(record.origin == Origin::kClient);
  CHECK(record.primary);
  CHECK(record.action == Verdict::kBypass);
  CHECK(record.bypass_mode == BypassMode::kDirect);
  CHECK(record.bypass_reason_code == BypassReasonCode::kCertificatePinnedApp);
  CHECK(record.policy == "Dropbox");
  CHECK(record.policy_layer == Layer::kClient);
  CHECK(record.process_identity == ProcessIdentity::kName);
  CHECK(record.correlation_id == "laptop-7/0000000000000001-2");
  CHECK(record.host == "client.dropbox.com");
  CHECK(record.host_source == HostSource::kConnect);
  CHECK(record.sni == "client.dropbox.com");
  CHECK(record.alpn == "h2,http/1.1");
  CHECK(record.tls_version == 0x0304);
  CHECK_FALSE(record.ja4_raw.empty());
  CHECK(record.app == "Dropbox");
  CHECK(record.destination == *base::Endpoint::parse("198.51.100.1:443"));
  play.tick({.client = 1, .server = 2}).expect({"record open"});
  play.in(SpliceEnded{{.client = 10, .server = 20}, CloseReason::kOriginClosed}).expect({"record closed", "close 2"});
  CHECK(record.client_bytes == 10);
  CHECK(record.server_bytes == 20);
}

TEST_CASE("the line follows the app's mode, the path is the tunnel when either says so") {
  struct Row {
    const char* mode;
    const char* at;
    Line line;
    bool tunnel;
  };
  for (const Row& row : {Row{"direct", "client", Line::kAppDirect, false},
                         {"direct", "cloud", Line::kAppDirect, true},
                         {"tunnel", "client", Line::kAppTunnelled, true},
                         {"tunnel", "cloud", Line::kAppTunnelled, true}}) {
    INFO(row.mode << " " << row.at);
    const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
    Play play(mode, policy_with(row.mode, row.at));
    play.asks(connect_to("api.dropbox.com"));
    if (!row.tunnel) {
      play.expect({"dial api.dropbox.com:443"});
      play.in(connected_to("198.51.100.1:443"));
      CHECK(play.pending()[0] == announce(row.line));
      play.forget();
      continue;
    }
    // The app is let in at once; its hello goes behind our CONNECT, not behind the PoP's answer.
    play.expect({"send client " + established});
    const std::string hello = hello_for("api.dropbox.com");
    play.received(Side::kClient, hello);
    play.expect({"dial api.dropbox.com:443 by tunnel early=" + std::to_string(hello.size())});
    play.in(DialDone{});
    play.expect({announce(row.line), "record open", "release client", "splice up=0 down=0"});
    const FlowRecord& record = play.record();
    CHECK(record.bypass_mode == BypassMode::kTunnel);
    CHECK_FALSE(record.primary);  // the PoP records it too
    CHECK(record.sni == "api.dropbox.com");
    play.in(SpliceEnded{{.client = 5, .server = 7}, CloseReason::kClientClosed}).expect({"record closed", "close 1"});
    CHECK(record.client_bytes == hello.size() + 5);
  }
}

TEST_CASE("what the PoP hears of a flow") {
  Play play(Mode::kWhole, policy_with("tunnel", "client"));
  play.asks(connect_to("api.dropbox.com")).forget();
  flow::Outbox out;
  play.machine().handle(Received{Side::kClient, base::Chunk::copy_of(hello_for("api.dropbox.com"))}, play.now(), out);
  REQUIRE(out.size() == 1);
  const auto& dial = std::get<Dial>(out[0]);
  REQUIRE(dial.tunnel != nullptr);
  const Metadata& metadata = dial.tunnel->metadata;
  CHECK(metadata.flow_id == "0000000000000001-2");
  CHECK(metadata.process == "dropbox");
  CHECK(metadata.process_pid == 7);
  CHECK(metadata.source == base::Endpoint::parse("192.0.2.10:40000"));
  CHECK(metadata.verdict == SteeringVerdict::kBypass);
  CHECK(metadata.rule == "Dropbox");
  CHECK(metadata.policy_version == play.record().policy_version);
  CHECK(dial.tunnel->early.text() == hello_for("api.dropbox.com"));
}

TEST_CASE("what is steered is the PoP's to record: a line, no record") {
  Play play(Mode::kWhole, policy_with("direct", "client"), "firefox");
  play.asks(connect_to("www.example")).expect({"send client " + established});
  play.received(Side::kClient, hello_for("www.example")).forget();
  play.in(DialDone{}).expect({announce(Line::kSteered), "release client", "splice up=0 down=0"});
  play.in(SpliceEnded{{}, CloseReason::kClientClosed}).expect({"close 1"});
}

TEST_CASE("a captured flow is named by its first words, and goes to its original destination") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  const auto destination = base::Endpoint::parse("198.51.100.9:443");
  const std::string hello = hello_for("client.dropbox.com");
  Play direct(mode, policy_with("direct", "client"), "dropbox", destination);
  direct.received(Side::kClient, hello).expect({"dial 198.51.100.9:443"});
  direct.in(connected_to("198.51.100.9:443"));
  direct.expect({announce(Line::kAppDirect), "record open", "release client",
                 "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(direct.to_origin() == hello);  // untouched
  CHECK(direct.record().host == "client.dropbox.com");
  CHECK(direct.record().host_source == HostSource::kSni);
  CHECK(direct.record().access_method == AccessMethod::kTransparent);

  Play steered(mode, policy_with("direct", "client"), "firefox", destination);
  steered.received(Side::kClient, hello_for("www.example"));
  const std::string early = std::to_string(hello_for("www.example").size());
  steered.expect({"dial www.example:443 by tunnel early=" + early});

  Play plain(mode, policy_with("direct", "client"), "firefox", base::Endpoint::parse("198.51.100.9:80"));
  const std::string request = "GET / HTTP/1.1\r\nHost: bank.example\r\n\r\n";
  plain.received(Side::kClient, request).expect({"dial 198.51.100.9:80"});
  plain.in(connected_to("198.51.100.9:80")).forget();
  CHECK(plain.to_origin() == request);
  CHECK(plain.record().host == "bank.example");
  CHECK(plain.record().host_source == HostSource::kHttpHost);

  Play other(mode, policy_with("direct", "client"), "ssh", base::Endpoint::parse("198.51.100.9:443"));
  other.received(Side::kClient, "SSH-2.0-x\r\n");
  other.expect({"dial 198.51.100.9:443 by tunnel early=0"});
}

TEST_CASE("a captured flow on which nobody speaks") {
  Play spare(Mode::kWhole, policy_with("direct", "client"), "firefox", base::Endpoint::parse("198.51.100.9:443"));
  spare.tick().expect({"close 1"});
  Play left(Mode::kWhole, policy_with("direct", "client"), "firefox", base::Endpoint::parse("198.51.100.9:443"));
  left.in(ReadEnded{Side::kClient}).expect({"close 1"});
  // Elsewhere the origin may speak first.
  Play mail(Mode::kWhole, policy_with("direct", "client"), "mail", base::Endpoint::parse("198.51.100.9:25"));
  CHECK(*mail.machine().deadline() == mail.now() + silent_client_wait);
  mail.tick().expect({"dial 198.51.100.9:25"});  // not steered: only web ports are
  mail.in(connected_to("198.51.100.9:25")).expect({"release client", "splice up=0 down=0"});
  mail.in(SpliceEnded{{}, CloseReason::kClientClosed}).expect({"close 1"});
}

TEST_CASE("a dropped app hears why in its own language, and nothing is dialled") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Play asked(mode, policy_with("direct", "client"), "zoom");
  asked.asks(connect_to("us04web.zoom.us"));
  asked.expect({announce(Line::kAppDropped), "record closed", "send client HTTP/1.1 403...", "end_write client"});
  CHECK(asked.record().action == Verdict::kDrop);
  CHECK(asked.record().policy == "Zoom");
  CHECK(asked.record().primary);
  asked.in(ReadEnded{Side::kClient}).expect({"close 80"});

  Play captured(mode, policy_with("direct", "client"), "zoom", base::Endpoint::parse("198.51.100.9:443"));
  captured.received(Side::kClient, hello_for("us04web.zoom.us"));
  captured.expect({announce(Line::kAppDropped), "record closed", alert(), "end_write client"});
  CHECK(captured.record().client_bytes == hello_for("us04web.zoom.us").size());
  CHECK(captured.record().server_bytes == tls_access_denied().size());

  Play plain(mode, policy_with("direct", "client"), "zoom");
  plain.asks("GET http://zoom.us/ HTTP/1.1\r\nHost: zoom.us\r\n\r\n");
  REQUIRE(plain.pending().size() == 4);
  CHECK(plain.pending()[2].find("This connection is not allowed.") != std::string::npos);
  plain.expect({announce(Line::kAppDropped), "record closed", "send client HTTP/1.1 403...", "end_write client"});
}

TEST_CASE("without a tunnel the flow goes direct or nowhere, as the policy wants") {
  Play open(Mode::kWhole, policy_with("direct", "client", "open"), "firefox");
  open.asks(connect_to("www.example")).forget();
  const std::string hello = hello_for("www.example");
  open.received(Side::kClient, hello).forget();
  open.in(failed(CloseReason::kTunnelLost)).expect({"dial www.example:443"});
  open.in(connected_to("198.51.100.1:443"));
  open.expect({announce(Line::kNone), "record open", "release client",
               "splice up=" + std::to_string(hello.size()) + " down=0"});
  CHECK(open.to_origin() == hello);
  CHECK(open.record().bypass_reason_code == BypassReasonCode::kFailOpen);
  CHECK(open.record().bypass_mode == BypassMode::kDirect);
  CHECK(open.record().primary);

  Play closed(Mode::kWhole, policy_with("direct", "client", "closed"), "firefox");
  closed.asks(connect_to("www.example")).forget();
  closed.received(Side::kClient, hello).forget();
  closed.in(failed(CloseReason::kTunnelLost));
  closed.expect({announce(Line::kNone), "record closed", alert(), "end_write client"});
  CHECK(closed.record().action == Verdict::kBlock);
  CHECK(closed.record().policy == "fail closed");
  CHECK(closed.record().close_reason == CloseReason::kTunnelLost);

  // A tunnelled bypass keeps its reason, and its line says where it went.
  Play app(Mode::kWhole, policy_with("tunnel", "client", "open"));
  app.asks(connect_to("api.dropbox.com")).forget();
  app.received(Side::kClient, hello_for("api.dropbox.com")).forget();
  app.in(failed(CloseReason::kTunnelLost)).expect({"dial api.dropbox.com:443"});
  app.in(connected_to("198.51.100.1:443"));
  CHECK(app.pending()[0] == announce(Line::kAppDirect));
  CHECK(app.record().bypass_reason_code == BypassReasonCode::kCertificatePinnedApp);
  CHECK(app.record().primary);
  app.forget();
}

TEST_CASE("what a PoP refuses is told to the app; its own record is the PoP's") {
  Play play(Mode::kWhole, policy_with("direct", "client"), "firefox");
  play.asks(connect_to("www.example")).forget();
  play.received(Side::kClient, hello_for("www.example")).forget();
  DialDone refused = failed(CloseReason::kPolicyBlock);
  refused.policy = "Block bad";
  play.in(std::move(refused)).expect({announce(Line::kSteered), alert(), "end_write client"});
  CHECK(play.record().policy == "Block bad");
  play.in(ReadEnded{Side::kClient}).expect({"close 80"});
  // An origin that cannot be reached hangs up, as it would have done.
  Play unreachable(Mode::kWhole, policy_with("direct", "client"), "firefox");
  unreachable.asks(connect_to("www.example")).forget();
  unreachable.received(Side::kClient, hello_for("www.example")).forget();
  unreachable.in(failed(CloseReason::kDnsNotFound)).expect({announce(Line::kSteered), "abort client", "close 42"});
}

TEST_CASE("on its own network the client tunnels nothing") {
  Play play(Mode::kWhole, policy_with("direct", "client"), "firefox", std::nullopt, true);
  play.asks(connect_to("www.example")).expect({"dial www.example:443"});
  play.in(connected_to("198.51.100.1:443")).forget();
  CHECK(play.record().bypass_reason_code == BypassReasonCode::kOnNetwork);
  CHECK(play.record().primary);
}

TEST_CASE("a bypass that is not to be logged leaves no trace") {
  Play play(Mode::kWhole, policy_with("direct", "client"), "firefox");
  play.asks(connect_to("quiet.example")).expect({"dial quiet.example:443"});
  play.in(connected_to("198.51.100.1:443"));
  play.expect({"send client " + established, "release client"});
  play.received(Side::kOrigin, "220 ").expect({"splice up=0 down=4"});
  play.in(SpliceEnded{{}, CloseReason::kClientClosed}).expect({"close 1"});
}

TEST_CASE("SOCKS5 and plain requests ask for the same") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Play socks(mode, policy_with("direct", "client"), "firefox");
  socks.received(Side::kClient, std::string("\x05\x01\x00", 3)).expect({"send client " + std::string("\x05\x00", 2)});
  socks.asks(std::string("\x05\x01\x00\x03\x0c", 5) + "bank.example" + std::string("\x01\xbb", 2));
  socks.expect({"dial bank.example:443"});
  socks.in(connected_to("198.51.100.1:443"));
  REQUIRE(socks.pending().size() == 4);
  CHECK(socks.pending()[0] == announce(Line::kException));
  CHECK(socks.pending()[2].starts_with(std::string("send client \x05\x00", 14)));
  socks.forget();

  Play plain(mode, policy_with("direct", "client"), "firefox");
  const std::string request =
      "GET http://bank.example/a?b HTTP/1.1\r\nHost: other.example\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Mine: 2\r\n"
      "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n\r\n";
  plain.received(Side::kClient, request + "body");
  CHECK(plain.pending()[0] == "resolve bank.example");
  plain.forget();
  plain.in(Resolved{}).expect({"dial bank.example:80"});
  plain.in(connected_to("198.51.100.1:80")).forget();
  const std::string rewritten = "GET /a?b HTTP/1.1\r\nHost: bank.example\r\nX-Mine: 2\r\nConnection: close\r\n\r\n";
  CHECK(plain.to_origin() == rewritten + "body");
  plain.in(SpliceEnded{{.client = rewritten.size() + 4, .server = 9}, CloseReason::kOriginClosed}).forget();
  CHECK(plain.record().client_bytes == request.size() + 4);  // as the app sent it
}

TEST_CASE("requests that are no good are answered, counted and not recorded") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  for (const auto& [bytes, status] :
       std::vector<std::pair<std::string, std::string>>{{"\x01garbage\r\n\r\n", "400"},
                                                        {"CONNECT 127.1:443 HTTP/1.1\r\n\r\n", "400"},
                                                        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "405"}}) {
    Play play(mode, policy_with("direct", "client"));
    play.received(Side::kClient, bytes).expect({"send client HTTP/1.1 " + status + "...", "end_write client"});
  }
  Play late(mode, policy_with("direct", "client"));
  late.received(Side::kClient, "CONNECT ").tick().expect({"send client HTTP/1.1 408...", "end_write client"});
}

// Every stage hears every input: it ends in order, or the flow says which pair was not meant to be.
TEST_CASE("no pair of stage and input breaks the rules") {
  struct Reach {
    const char* stage;
    void (*reach)(Play&);
  };
  const Reach ways[] = {
      {"greeting", [](Play&) {}},
      {"resolving", [](Play& p) { p.received(Side::kClient, connect_to("www.example")); }},
      {"hearing", [](Play& p) { p.asks(connect_to("www.example")); }},
      {"dialing", [](Play& p) { p.asks(connect_to("bank.example")); }},
      {"peeking",
       [](Play& p) {
         p.asks(connect_to("bank.example"));
         p.in(connected_to("198.51.100.1:443"));
       }},
      {"splicing",
       [](Play& p) {
         p.asks(connect_to("bank.example"));
         p.in(connected_to("198.51.100.1:443"));
         p.received(Side::kClient, "x");
       }},
      {"refusing", [](Play& p) { p.received(Side::kClient, "x\r\n\r\n"); }},
  };
  const auto inputs = [] {
    std::vector<Input> all;
    for (const Side side : {Side::kClient, Side::kOrigin}) {
      all.emplace_back(Received{side, base::Chunk::copy_of("x")});
      all.emplace_back(ReadEnded{side});
      all.emplace_back(Reset{side});
    }
    all.emplace_back(AuthDone{true});
    all.emplace_back(Resolved{});
    all.emplace_back(DialDone{});
    all.emplace_back(failed(CloseReason::kTunnelLost));
    all.emplace_back(failed(CloseReason::kConnectRefused));
    all.emplace_back(SpliceEnded{{}, CloseReason::kClientClosed});
    all.emplace_back(Tick{});
    all.emplace_back(Shutdown{CloseReason::kDrain, {}});
    all.emplace_back(PolicyChanged{});
    return all;
  };
  for (const Reach& way : ways) {
    for (size_t i = 0; i < inputs().size(); ++i) {
      Play play(Mode::kWhole, policy_with("direct", "client"), "firefox");
      way.reach(play);
      play.forget();
      REQUIRE(std::string(play.machine().stage_name()) == way.stage);
      INFO(way.stage << " hears input " << i);
      std::vector<Input> all = inputs();
      play.in(std::move(all[i]));
      size_t closes = 0;
      for (const std::string& action : play.pending()) {
        CHECK(closes == 0);  // nothing after Close
        closes += action.starts_with("close ") ? 1 : 0;
      }
      CHECK(play.machine().done() == (closes == 1));
      if (play.record().close_reason == CloseReason::kInternalError) {
        CHECK(play.record().policy.ends_with(std::string(" in ") + way.stage));
      }
      play.forget();
    }
  }
}

}  // namespace sluice::flow::test
