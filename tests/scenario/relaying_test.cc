// Plain requests through an explicit proxy: one exchange after the other, each written anew, each with its record.
#include "tests/scenario/relay_scripts.h"

namespace sluice::flow::test {

TEST_CASE("relay: requests of one client to two origins, one after the other") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  to_sent(play);
  const std::string first = ok_response("hello", "Content-Type: text/html\r\n");
  play.received(Side::kOrigin, first).expect({"send client " + first, "record closed", "resume"});
  CHECK(play.record().close_reason == CloseReason::kCompleted);
  CHECK(play.record().action == Verdict::kAllow);
  CHECK(play.record().host == "a.example");
  CHECK(play.record().client_bytes == get_request("a.example").size());
  CHECK(play.record().server_bytes == first.size());
  REQUIRE(play.record().exchange);
  CHECK(play.record().exchange->url == "http://a.example/");
  CHECK(play.record().exchange->status == 200);
  CHECK(play.record().exchange->content_type == "text/html");
  const uint64_t id = play.record().event_counter;
  play.in(Resumed{}).expect({});

  play.received(Side::kClient, get_request("a.example", "", "/2"));
  play.expect({"record open", "send origin " + relayed("a.example", "", "/2")});
  CHECK(play.record().event_counter != id);
  CHECK(play.record().dialled);
  play.received(Side::kOrigin, ok_response("")).expect({"send client " + ok_response(""), "record closed", "resume"});
}

TEST_CASE("relay: another origin is dialled in place of the first") {
  Settings settings = open_settings();
  settings.allow_ports.push_back(8080);
  Playbook play(Mode::kWhole, settings);
  to_sent(play);
  play.received(Side::kOrigin, ok_response("x")).forget();
  play.in(Resumed{});
  play.received(Side::kClient, get_request("b.example:8080")).expect({"hang_up", "dial b.example:8080"});
  play.in(connected_at("203.0.113.8:8080")).expect({"record open", "send origin " + relayed("b.example:8080")});
  CHECK(play.record().exchange->url == "http://b.example:8080/");
  CHECK(play.record().earlier_client_bytes == get_request("a.example").size());
}

TEST_CASE("relay: what is of one connection, or not the client's to say, stays here") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  play.merge_sends();
  play.received(Side::kClient,
                get_request("a.example",
                            "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\n"
                            "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nSluice-User: root\r\n"
                            "X-Kept: \t a  b \r\nCookie: c=1\r\nVia: 1.1 x\r\n",
                            "/a?secret=1"))
      .expect({"release client", "dial a.example:80"});
  play.in(connected_at("203.0.113.7:80"));
  play.expect({"record open",
               "send origin " + relayed("a.example", "X-Kept: a  b\r\nCookie: c=1\r\nVia: 1.1 x\r\n", "/a?secret=1")});
  CHECK(play.record().exchange->url == "http://a.example/a");
  play.received(Side::kOrigin,
                "HTTP/1.1 200 Fine\r\nConnection: X-Hop\r\nX-Hop: 1\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n");
  play.expect(
      {"send client HTTP/1.1 200 Fine\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", "record closed", "resume"});
}

TEST_CASE("relay: a body goes up in its framing, its trailers filtered") {
  Playbook play(Mode::kWhole, open_settings());
  play.merge_sends();
  const std::string head = "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
  play.received(Side::kClient, head + "5;x\r\nhel").forget();
  play.in(connected_at("203.0.113.7:80"));
  play.expect({"record open",
               "send origin POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"});
  play.received(Side::kClient, "lo\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\nHost: b\r\n\r\n");
  play.expect({"send origin 2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n"});
  play.received(Side::kOrigin, "HTTP/1.1 204 No Content\r\n\r\n");
  play.expect({"send client HTTP/1.1 204 No Content\r\n\r\n", "record closed", "resume"});
}

TEST_CASE("relay: an open end becomes chunks, or the end of the connection for HTTP/1.0") {
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  play.received(Side::kOrigin, "HTTP/1.0 200 OK\r\n\r\nabc");
  play.expect({"send client HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"});
  play.in(ReadEnded{Side::kOrigin}).expect({"send client 0\r\n\r\n", "record closed", "hang_up", "resume"});
  play.in(Resumed{});

  play.received(Side::kClient, "GET http://a.example/ HTTP/1.0\r\n\r\n").expect({"dial a.example:80"});
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("a.example")});
  play.received(Side::kOrigin, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  play.expect({"send client HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", "record closed", "end_write client"});
  play.in(ReadEnded{Side::kClient}).expect({"close 8"});
}

TEST_CASE("relay: HEAD and 304 have the length of a body and none") {
  Playbook play(Mode::kWhole, open_settings());
  play.merge_sends();
  play.received(Side::kClient, "HEAD http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n").forget();
  play.in(connected_at("203.0.113.7:80")).forget();
  const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
  play.received(Side::kOrigin, response).expect({"send client " + response, "record closed", "resume"});
}

TEST_CASE("relay: interim responses pass to those who understand them") {
  Playbook play(Mode::kWhole, open_settings());
  play.merge_sends();
  play.received(
      Side::kClient,
      "PUT http://a.example/ HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  play.in(connected_at("203.0.113.7:80"));
  play.forget();
  play.received(Side::kOrigin, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  play.expect({"send client HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"});
  play.received(Side::kClient, "ok").expect({"send origin ok"});
  play.received(Side::kOrigin, ok_response("")).expect({"send client " + ok_response(""), "record closed", "resume"});
  play.in(Resumed{});
  play.received(Side::kClient, get_request("a.example")).forget();
  play.received(Side::kOrigin, "HTTP/1.1 100 Continue\r\n\r\n").expect({});  // nobody expected it
}

TEST_CASE("relay: requests sent ahead wait for their turn, bounded") {
  Playbook play(Mode::kWhole, open_settings());
  play.merge_sends();
  play.received(Side::kClient, get_request("a.example", "", "/1") + get_request("a.example", "", "/2"));
  play.expect({"release client", "dial a.example:80"});
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("a.example", "", "/1")});
  play.received(Side::kClient, std::string(early_bytes_max, 'x')).expect({"hold client"});
  play.received(Side::kOrigin, ok_response("1")).expect({"send client " + ok_response("1"), "record closed", "resume"});
  play.in(Resumed{}).expect({"record open", "send origin " + relayed("a.example", "", "/2")});
}

TEST_CASE("relay: a WebSocket is opaque once the origin agrees") {
  const Mode mode = GENERATE(Mode::kWhole, Mode::kBytewise);
  Playbook play(mode, open_settings());
  play.merge_sends();
  const std::string fields = "Sec-WebSocket-Key: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  play.received(Side::kClient, get_request("a.example", fields)).forget();
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("a.example", fields)});
  const std::string agreed =
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n";
  play.received(Side::kOrigin, agreed + "\x81\x01x").expect({"send client " + agreed + "\x81\x01x"});
  play.received(Side::kClient, "GET / HTTP/1.1\r\n\r\n").expect({"send origin GET / HTTP/1.1\r\n\r\n"});
  play.in(ReadEnded{Side::kClient}).expect({"end_write origin"});
  play.received(Side::kOrigin, "bye").expect({"send client bye"});
  play.in(ReadEnded{Side::kOrigin}).expect({"record closed", "close 1"});
  CHECK(play.record().client_bytes == get_request("a.example", fields).size() + 18);
  CHECK(play.record().server_bytes == agreed.size() + 6);
}

TEST_CASE("relay: another protocol than the one asked for is refused") {
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  play.received(Side::kOrigin, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n");
  play.expect({"abort origin", "record closed", "send client HTTP/1.1 502 Bad Gateway\r\n...", "end_write client"});
}

TEST_CASE("relay: an idle origin that went away is dialled again for a request that may be repeated") {
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  play.received(Side::kOrigin, ok_response("x")).forget();
  play.in(Resumed{}).forget();
  play.received(Side::kClient, get_request("a.example")).forget();
  play.in(ReadEnded{Side::kOrigin}).expect({"hang_up", "dial a.example:80"});
  play.in(connected_at("203.0.113.7:80")).expect({"record open", "send origin " + relayed("a.example")});
  play.in(ReadEnded{Side::kOrigin});  // once is enough
  play.expect({"record closed", "send client HTTP/1.1 502 Bad Gateway\r\n...", "end_write client"});
  CHECK(play.record().close_reason == CloseReason::kOriginClosed);
}

TEST_CASE("relay: an origin that closes between requests costs the client nothing") {
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  play.received(Side::kOrigin, ok_response("x")).forget();
  play.in(Resumed{}).forget();
  play.in(ReadEnded{Side::kOrigin}).expect({"hang_up"});
  play.received(Side::kClient, get_request("a.example")).expect({"dial a.example:80"});
}

TEST_CASE("relay: the origin's connection is not kept for ever") {
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  play.received(Side::kOrigin, ok_response("x")).forget();
  play.in(Resumed{}).forget();
  CHECK(*play.machine().deadline() == play.now() + origin_idle_max);
  play.tick().expect({"hang_up"});
  play.tick().expect({"close 5"});
}

TEST_CASE("relay: the total time of a connection is bounded when so configured") {
  Settings settings = open_settings();
  settings.timeouts.total = base::Duration(20'000);
  Playbook play(Mode::kWhole, settings);
  const base::Time begun = play.now();
  to_sent(play);
  SECTION("in an exchange") {
    play.tick().expect({"abort client", "abort origin", "record closed", "close 6"});
  }
  SECTION("between two") {
    play.received(Side::kOrigin, ok_response("x")).forget();
    play.in(Resumed{}).forget();
    play.tick().expect({"close 6"});
  }
  CHECK(play.now() == begun + settings.timeouts.total);
}

TEST_CASE("relay: half a response is never taken for a whole one") {
  const bool reset = GENERATE(true, false);
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  play.received(Side::kOrigin, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").forget();
  if (reset) {
    play.in(Reset{Side::kOrigin}).expect({"abort client", "record closed", "close 4"});
  } else {
    play.in(ReadEnded{Side::kOrigin}).expect({"abort client", "record closed", "close 2"});
  }
}

TEST_CASE("relay: an answer before the request was whole closes the connection") {
  Playbook play(Mode::kWhole, open_settings());
  play.merge_sends();
  play.received(Side::kClient, "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 99\r\n\r\nabc");
  play.in(connected_at("203.0.113.7:80")).forget();
  const std::string response = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
  play.received(Side::kOrigin, response);
  play.expect({"send client " + response, "record closed", "hang_up", "end_write client"});
}

TEST_CASE("relay: a client that leaves ends the exchange") {
  Playbook play(Mode::kWhole, open_settings());
  to_sent(play);
  SECTION("reset") {
    play.in(Reset{Side::kClient}).expect({"abort origin", "record closed", "close 3"});
  }
  SECTION("FIN behind a whole request") {
    play.in(ReadEnded{Side::kClient}).expect({});
    play.received(Side::kOrigin, ok_response("x"));
    play.expect({"send client HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "record closed", "end_write client"});
  }
}

}  // namespace sluice::flow::test
