// RFC 9113 section by section: raw frames, and what becomes of them. Rows are one connection each.
#include "tests/unit/http/http2_rows.h"

namespace sluice::http::test {

namespace {

// As a server, and then once more byte by byte: the same must follow.
void check_server(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    for (const bool bytewise : {false, true}) {
      INFO("RFC 9113 section " << row.section << ": " << row.name << (bytewise ? ", byte by byte" : ""));
      RawPeer peer(Role::kServer);
      for (size_t at = 0, step = bytewise ? 1 : row.frames.size(); at < row.frames.size(); at += step) {
        peer.send(row.frames.substr(at, step), !bytewise);
      }
      peer.read();
      check_answer(peer, row.expected);
      if (peer.goaway) continue;
      const size_t before = count<RequestReceived>(peer.heard);
      peer.send(headers(1001, get_block()));
      CHECK(count<RequestReceived>(peer.heard) == before + 1);
      CHECK_FALSE(peer.goaway);
    }
  }
}

std::string request_with(const std::string& more) {
  return headers(1, get_block() + more);
}
std::string open_post(const std::string& more = "") {
  return headers(1, get_block("POST") + more, 0);
}
std::string data(uint32_t stream, const std::string& bytes, uint8_t flags = flag_end_stream) {
  return frame(frame_data, flags, stream, bytes);
}
std::string reset_frame(uint32_t stream, uint32_t code = cancel) {
  return frame(frame_rst, 0, stream, number32(code));
}

}  // namespace

TEST_CASE("conformance: the preface") {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
                                   std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r!") + frame(frame_settings, 0, 0, ""),
                                   preface + frame(frame_ping, 0, 0, "12345678")}) {
    Http2Session session(Http2Session::Options{}, time_ms(0));
    session.receive(base::as_bytes(bytes), time_ms(0));
    while (!session.take_output(1 << 16).empty()) {
    }
    SessionEvents events = session.take_events();
    REQUIRE(first<ConnectionFailed>(events) != nullptr);
    CHECK(first<ConnectionFailed>(events)->code == Http2Code::kProtocolError);
    CHECK(session.finished());
  }
}

TEST_CASE("conformance: frames and header compression") {
  const std::string ping = frame(frame_ping, 0, 0, "12345678");
  check_server({
      {"4.1", "a type that nobody knows", frame(0xfa, 0, 0, "what"), goes_on()},
      {"4.1", "the same on a stream", open_post() + frame(0xfa, 0, 1, "what"), goes_on()},
      {"4.1", "flags that mean nothing", frame(frame_ping, 0xfe, 0, "12345678"), goes_on()},
      {"4.1", "the reserved bit", frame(frame_ping, 0, 0x80000000, "12345678"), goes_on()},
      {"4.2", "DATA over the largest size", open_post() + data(1, std::string(16'385, 'x')),
       either_error(frame_size_error)},
      {"4.2", "HEADERS over the largest size", headers(1, get_block() + field("x", std::string(16'385, 'x'))),
       connection_error(frame_size_error)},
      {"4.3", "an index of nothing", headers(1, get_block() + "\x80"), connection_error(compression_error)},
      {"4.3", "an index beyond the table", headers(1, get_block() + "\xff\x7f"), connection_error(compression_error)},
      {"4.3", "a block that is cut",
       headers(1, get_block() + std::string("\x00\x05"
                                            "ab",
                                            4)),
       connection_error(compression_error)},
      {"4.3", "a table larger than allowed", headers(1, "\x3f\xe2\x1f" + get_block()),
       connection_error(compression_error)},
      {"4.3", "another frame inside a block", frame(frame_headers, flag_end_stream, 1, get_block()) + ping,
       connection_error(protocol_error)},
      {"4.3", "another stream inside a block",
       frame(frame_headers, flag_end_stream, 1, get_block()) + headers(3, get_block()),
       connection_error(protocol_error)},
      {"5.5", "an unknown frame inside a block", frame(frame_headers, 1, 1, get_block()) + frame(0xfa, 0, 0, ""),
       connection_error(protocol_error)},
  });
}

TEST_CASE("conformance: states of streams") {
  const std::string whole = headers(1, get_block());
  check_server({
      {"5.1", "DATA on an idle stream", data(1, "x"), connection_error(protocol_error)},
      {"5.1", "RST_STREAM on an idle stream", reset_frame(1), connection_error(protocol_error)},
      {"5.1", "WINDOW_UPDATE on an idle stream", frame(frame_window, 0, 1, number32(100)),
       connection_error(protocol_error)},
      {"5.1", "CONTINUATION on an idle stream", frame(frame_continuation, 4, 1, get_block()),
       connection_error(protocol_error)},
      {"5.1", "DATA after the end", whole + data(1, "x"), either_error(stream_closed)},
      {"5.1", "HEADERS after the end", whole + whole, either_error(stream_closed)},
      {"5.1", "DATA after a reset: a peer may", open_post() + reset_frame(1) + data(1, "x"), goes_on()},
      {"5.1", "HEADERS after a reset", open_post() + reset_frame(1) + whole, either_error(stream_closed)},
      {"5.1", "RST_STREAM after a reset", open_post() + reset_frame(1) + reset_frame(1), goes_on()},
      {"5.1", "WINDOW_UPDATE after a reset", open_post() + reset_frame(1) + frame(frame_window, 0, 1, number32(9)),
       goes_on()},
      {"5.1.1", "an even number", headers(2, get_block()), connection_error(protocol_error)},
      {"5.1.1", "a number below the last", headers(5, get_block()) + headers(3, get_block()),
       connection_error(protocol_error)},
      {"5.3", "PRIORITY of an idle stream", frame(frame_priority, 0, 9, number32(0) + "x"), goes_on()},
      {"5.3", "priority in HEADERS", headers(1, number32(0) + "x" + get_block(), flag_end_stream | flag_priority),
       goes_on()},
  });
}

TEST_CASE("conformance: DATA, HEADERS, PRIORITY, RST_STREAM") {
  check_server({
      {"6.1", "DATA of stream 0", data(0, "x"), connection_error(protocol_error)},
      {"6.1", "padding", open_post() + frame(frame_data, flag_padded, 1, "\x02xyz" + std::string(2, '\0')), goes_on()},
      {"6.1", "padding longer than the frame", open_post() + frame(frame_data, flag_padded, 1, "\x09xyz"),
       connection_error(protocol_error)},
      {"6.2", "HEADERS of stream 0", headers(0, get_block()), connection_error(protocol_error)},
      {"6.2", "padding longer than the frame", headers(1, "\xff" + get_block(), flag_padded | flag_end_stream),
       connection_error(protocol_error)},
      {"6.2", "cut into CONTINUATIONs",
       frame(frame_headers, flag_end_stream, 1, get_block().substr(0, 7)) +
           frame(frame_continuation, 0, 1, get_block().substr(7, 5)) +
           frame(frame_continuation, flag_end_headers, 1, get_block().substr(12)),
       goes_on()},
      {"6.3", "PRIORITY of stream 0", frame(frame_priority, 0, 0, number32(0) + "x"), connection_error(protocol_error)},
      {"6.3", "PRIORITY of another length", open_post() + frame(frame_priority, 0, 1, number32(0)),
       either_error(frame_size_error)},
      {"6.4", "RST_STREAM of stream 0", reset_frame(0), connection_error(protocol_error)},
      {"6.4", "RST_STREAM of another length", open_post() + frame(frame_rst, 0, 1, "abc"),
       connection_error(frame_size_error)},
  });
}

TEST_CASE("conformance: SETTINGS, PUSH_PROMISE, PING, GOAWAY, CONTINUATION") {
  check_server({
      {"6.5", "an acknowledgement with content", frame(frame_settings, flag_ack, 0, setting(1, 1)),
       connection_error(frame_size_error)},
      {"6.5", "SETTINGS of a stream", frame(frame_settings, 0, 1, ""), connection_error(protocol_error)},
      {"6.5", "a length that is no multiple of six", frame(frame_settings, 0, 0, "abc"),
       connection_error(frame_size_error)},
      {"6.5.2", "ENABLE_PUSH 2", frame(frame_settings, 0, 0, setting(2, 2)), connection_error(protocol_error)},
      {"6.5.2", "a window beyond 2^31 - 1", frame(frame_settings, 0, 0, setting(4, 0x80000000)),
       connection_error(flow_control_error)},
      {"6.5.2", "MAX_FRAME_SIZE too small", frame(frame_settings, 0, 0, setting(5, 16'383)),
       connection_error(protocol_error)},
      {"6.5.2", "MAX_FRAME_SIZE too large", frame(frame_settings, 0, 0, setting(5, 1 << 24)),
       connection_error(protocol_error)},
      {"6.5.2", "a setting that nobody knows", frame(frame_settings, 0, 0, setting(0xfade, 7)), goes_on()},
      {"6.5.2", "the same setting twice", frame(frame_settings, 0, 0, setting(4, 1) + setting(4, 99)), goes_on()},
      {"6.6", "PUSH_PROMISE by a client", open_post() + frame(frame_push, 4, 1, number32(2) + get_block()),
       connection_error(protocol_error)},
      {"6.7", "PING of a stream", frame(frame_ping, 0, 1, "12345678"), connection_error(protocol_error)},
      {"6.7", "PING of another length", frame(frame_ping, 0, 0, "1234567"), connection_error(frame_size_error)},
      {"6.7", "an answer to no PING", frame(frame_ping, flag_ack, 0, "12345678"), goes_on()},
      {"6.8", "GOAWAY of a stream", frame(frame_goaway, 0, 1, number32(0) + number32(0)),
       connection_error(protocol_error)},
      {"6.10", "CONTINUATION of nothing", headers(1, get_block()) + frame(frame_continuation, 4, 1, ""),
       connection_error(protocol_error)},
      {"6.10", "CONTINUATION of stream 0",
       frame(frame_headers, 1, 1, get_block()) + frame(frame_continuation, 4, 0, ""), connection_error(protocol_error)},
      {"6.10", "CONTINUATION of another stream",
       frame(frame_headers, 1, 1, get_block()) + frame(frame_continuation, 4, 3, ""), connection_error(protocol_error)},
  });
}

TEST_CASE("conformance: PING and SETTINGS are answered") {
  RawPeer peer(Role::kServer);
  peer.send(frame(frame_ping, 0, 0, "abcdefgh") + frame(frame_settings, 0, 0, setting(3, 7)));
  REQUIRE(peer.said.size() == 2);
  CHECK(peer.said[0].type == frame_ping);
  CHECK(peer.said[0].flags == flag_ack);
  CHECK(peer.said[0].payload == "abcdefgh");
  CHECK(peer.said[1].type == frame_settings);
  CHECK(peer.said[1].flags == flag_ack);
  peer.said.clear();
  peer.send(frame(frame_ping, flag_ack, 0, "abcdefgh"));
  CHECK(peer.said.empty());
}

TEST_CASE("conformance: flow control") {
  check_server({
      {"6.9", "an increment of nothing", frame(frame_window, 0, 0, number32(0)), connection_error(protocol_error)},
      {"6.9", "the same on a stream", open_post() + frame(frame_window, 0, 1, number32(0)),
       either_error(protocol_error)},
      {"6.9", "another length", frame(frame_window, 0, 0, "abc"), connection_error(frame_size_error)},
      {"6.9.1", "the connection's window overflows", frame(frame_window, 0, 0, number32(0x7fffffff)),
       connection_error(flow_control_error)},
      {"6.9.1", "a stream's window overflows", open_post() + frame(frame_window, 0, 1, number32(0x7fffffff)),
       stream_error(flow_control_error)},
      {"6.9.2", "SETTINGS make a window overflow",
       open_post() + frame(frame_window, 0, 1, number32(0x7fff0000)) +
           frame(frame_settings, 0, 0, setting(4, 0x7fffffff)),
       either_error(flow_control_error)},
  });
}

TEST_CASE("conformance: a sender keeps the windows") {
  const auto sizes_of_data = [](const RawPeer& peer) {
    std::vector<size_t> sizes;
    for (const RawFrame& one : peer.said) {
      if (one.type == frame_data) sizes.push_back(one.payload.size());
    }
    return sizes;
  };
  RawPeer peer(Role::kServer);
  peer.send(frame(frame_settings, 0, 0, setting(4, 1)) + headers(1, get_block()));
  peer.session.send_response(1, answer(200), false);
  say(peer.session, 1, "hello");
  peer.session.send_end(1);
  peer.read();
  CHECK(sizes_of_data(peer) == std::vector<size_t>{1});
  peer.send(frame(frame_window, 0, 1, number32(2)));
  CHECK(sizes_of_data(peer) == std::vector<size_t>{1, 2});
  peer.send(frame(frame_settings, 0, 0, setting(4, 0)));  // the window is now -1
  peer.send(frame(frame_window, 0, 1, number32(1)));
  CHECK(sizes_of_data(peer).size() == 2);
  peer.send(frame(frame_window, 0, 1, number32(100)));
  CHECK(sizes_of_data(peer) == std::vector<size_t>{1, 2, 2});
  CHECK(count<StreamClosed>(peer.heard) == 1);

  RawPeer full(Role::kServer);  // the connection's 65,535 bytes, however large the stream's window
  full.send(frame(frame_settings, 0, 0, setting(4, 1 << 20)) + headers(1, get_block()));
  full.session.send_response(1, answer(200), false);
  full.session.send_data(1, base::Chunk::copy_of(std::string(100'000, 'x')));
  full.read();
  size_t total = 0;
  for (const size_t size : sizes_of_data(full)) total += size;
  CHECK(total == 65'535);
}

TEST_CASE("conformance: more than the windows allow") {
  const std::string full = frame(frame_data, 0, 1, std::string(16'384, 'x'));
  RawPeer peer(Role::kServer);
  peer.send(open_post());
  for (int i = 0; i < 100 && !peer.goaway && peer.resets.empty(); ++i) peer.send(full);
  CHECK((peer.goaway == flow_control_error || is_reset(peer, flow_control_error)));
  CHECK(content(peer.heard, 1).size() <= size_t{128} * 1024);
}

TEST_CASE("conformance: messages, fields and pseudo-headers of requests") {
  const std::string method = field(":method", "GET"), scheme = field(":scheme", "https"), path = field(":path", "/"),
                    authority = field(":authority", "a.example");
  const auto malformed = stream_error(protocol_error);
  check_server({
      {"8.1", "trailers", open_post() + data(1, "x", 0) + headers(1, field("x-sum", "1")), goes_on()},
      {"8.1", "trailers that end nothing", open_post() + headers(1, field("x-sum", "1"), 0), either_error(1)},
      {"8.1", "a pseudo-header in trailers", open_post() + headers(1, field(":path", "/")), malformed},
      {"8.1.1", "less content than announced", open_post(field("content-length", "2")) + data(1, "x"), malformed},
      {"8.1.1", "more content than announced", open_post(field("content-length", "1")) + data(1, "xy"), malformed},
      {"8.1.1", "no content where some was announced", request_with(field("content-length", "1")), malformed},
      {"8.1.1", "two lengths", open_post(field("content-length", "1") + field("content-length", "1")), malformed},
      {"8.1.1", "a length with a sign", open_post(field("content-length", "+1")), malformed},
      {"8.1.1", "a list of lengths", open_post(field("content-length", "1, 1")), malformed},
      {"8.2.1", "upper case", request_with(field("X-Upper", "v")), malformed},
      {"8.2.1", "a blank in a name", request_with(field("x y", "v")), malformed},
      {"8.2.1", "a colon in a name", request_with(field("x:y", "v")), malformed},
      {"8.2.1", "CR LF in a name", request_with(field("x\r\nhost", "v")), malformed},
      {"8.2.1", "a byte above 0x7f in a name", request_with(field("x\xe9", "v")), malformed},
      {"8.2.1", "an empty name", request_with(field("", "v")), malformed},
      {"8.2.1", "CR LF in a value", request_with(field("x", "v\r\nhost: b.example")), malformed},
      {"8.2.1", "LF in a value", request_with(field("x", "v\nw")), malformed},
      {"8.2.1", "CR in a value", request_with(field("x", "v\rw")), malformed},
      {"8.2.1", "NUL in a value", request_with(field("x", std::string("v\0w", 3))), malformed},
      {"8.2.1", "a blank before a value", request_with(field("x", " v")), malformed},
      {"8.2.1", "a tab behind a value", request_with(field("x", "v\t")), malformed},
      {"8.2.1", "a byte above 0x7f in a value", request_with(field("x", "caf\xe9")), goes_on()},
      {"8.2.2", "connection", request_with(field("connection", "close")), malformed},
      {"8.2.2", "keep-alive", request_with(field("keep-alive", "timeout=5")), malformed},
      {"8.2.2", "proxy-connection", request_with(field("proxy-connection", "keep-alive")), malformed},
      {"8.2.2", "transfer-encoding", open_post(field("transfer-encoding", "chunked")), malformed},
      {"8.2.2", "upgrade", request_with(field("upgrade", "websocket")), malformed},
      {"8.2.2", "TE of anything", request_with(field("te", "gzip")), malformed},
      {"8.2.2", "TE of trailers and more", request_with(field("te", "trailers, deflate")), malformed},
      {"8.2.2", "TE of trailers", request_with(field("te", "trailers")), goes_on()},
      {"8.3", "an unknown pseudo-header", headers(1, get_block() + field(":x", "v")), malformed},
      {"8.3", "one of responses", headers(1, get_block() + field(":status", "200")), malformed},
      {"8.3", "one behind fields", headers(1, method + scheme + authority + field("x", "v") + path), malformed},
      {"8.3", "the same one twice", headers(1, get_block() + field(":path", "/")), malformed},
      {"8.3.1", "no method", headers(1, scheme + path + authority), malformed},
      {"8.3.1", "no scheme", headers(1, method + path + authority), malformed},
      {"8.3.1", "no path", headers(1, method + scheme + authority), malformed},
      {"8.3.1", "an empty path", headers(1, method + scheme + field(":path", "") + authority), malformed},
      {"8.3.1", "a path without a slash", headers(1, method + scheme + field(":path", "x") + authority), malformed},
      {"8.3.1", "an absolute path", headers(1, method + scheme + field(":path", "http://b/") + authority), malformed},
      {"8.3.1", "a path with a blank", headers(1, method + scheme + field(":path", "/ HTTP/1.1") + authority),
       malformed},
      {"8.3.1", "a path with CR LF", headers(1, method + scheme + field(":path", "/\r\nx: y") + authority), malformed},
      {"8.3.1", "a path with a fragment", headers(1, method + scheme + field(":path", "/#x") + authority), malformed},
      {"8.3.1", "`*` of GET", headers(1, method + scheme + field(":path", "*") + authority), malformed},
      {"8.3.1", "`*` of OPTIONS", headers(1, field(":method", "OPTIONS") + scheme + field(":path", "*") + authority),
       goes_on()},
      {"8.3.1", "a method that is no token", headers(1, field(":method", "G T") + scheme + path + authority),
       malformed},
      {"8.3.1", "no authority at all", headers(1, method + scheme + path), malformed},
      {"8.3.1", "Host instead of an authority", headers(1, method + scheme + path + field("host", "a.example")),
       goes_on()},
      {"8.3.1", "Host beside the same authority", request_with(field("host", "A.example:443")), goes_on()},
      {"8.3.1", "Host beside another authority", request_with(field("host", "b.example")), refused(Kind::kRules)},
      {"8.3.1", "two Hosts", request_with(field("host", "a.example") + field("host", "a.example")),
       either_error(protocol_error)},
      {"8.3.1", "user info", headers(1, method + scheme + path + field(":authority", "u@a.example")),
       refused(Kind::kAuthority)},
      {"8.3.1", "a number that is no address", headers(1, method + scheme + path + field(":authority", "127.1")),
       refused(Kind::kAuthority)},
      {"8.3.1", "another scheme", headers(1, method + field(":scheme", "http") + path + authority),
       refused(Kind::kTarget)},
      {"8.5", "CONNECT", headers(1, field(":method", "CONNECT") + authority, 0), refused(Kind::kTarget)},
      {"8.5", "CONNECT with a path", headers(1, field(":method", "CONNECT") + path + authority, 0), malformed},
  });
}

TEST_CASE("conformance: extended CONNECT") {
  const std::string rest = field(":scheme", "https") + field(":path", "/chat") + field(":authority", "a.example");
  const std::string connect = field(":method", "CONNECT");
  check_server({
      {"RFC 8441 4", "a WebSocket", headers(1, connect + field(":protocol", "websocket") + rest, 0), goes_on()},
      {"RFC 8441 4", "another protocol", headers(1, connect + field(":protocol", "connect-udp") + rest, 0),
       refused(Kind::kTarget)},
      {"RFC 8441 4", "a protocol of GET", headers(1, field(":method", "GET") + field(":protocol", "websocket") + rest),
       stream_error(protocol_error)},
      {"RFC 8441 4", "a WebSocket without a path",
       headers(1, connect + field(":protocol", "websocket") + field(":scheme", "https") + field(":authority", "a"), 0),
       stream_error(protocol_error)},
      {"RFC 8441 4", "a WebSocket that ends at once", headers(1, connect + field(":protocol", "websocket") + rest),
       stream_error(protocol_error)},
  });
}

TEST_CASE("conformance: crumbs of a Cookie are one field again") {
  RawPeer peer(Role::kServer);
  peer.send(request_with(field("cookie", "a=1") + field("x", "y") + field("cookie", "b=2") + field("cookie", "c=3")));
  REQUIRE(first<RequestReceived>(peer.heard) != nullptr);
  CHECK(first<RequestReceived>(peer.heard)->request.fields == Fields{{"cookie", "a=1; b=2; c=3"}, {"x", "y"}});
}

TEST_CASE("conformance: what only a hop may see goes no further") {
  RawPeer peer(Role::kServer);
  peer.send(request_with(field("proxy-authorization", "Basic eDp5") + field("sluice-user", "root") +
                         field("expect", "100-continue") + field("accept", "*/*")));
  REQUIRE(first<RequestReceived>(peer.heard) != nullptr);
  CHECK(first<RequestReceived>(peer.heard)->request.fields == Fields{{"accept", "*/*"}});
}

TEST_CASE("conformance: a head that is too large can be answered") {
  RawPeer peer(Role::kServer);
  std::string block = get_block();
  for (int i = 0; i < 60; ++i) block += field("x-" + std::to_string(i), std::string(500, 'v'));
  peer.send(frame(frame_headers, flag_end_stream, 1, block.substr(0, 16'000)) +
            frame(frame_continuation, flag_end_headers, 1, block.substr(16'000)));
  const auto* refusal = first<RequestRefused>(peer.heard);
  REQUIRE(refusal != nullptr);
  CHECK(refusal->problem.kind == Kind::kTooLarge);
  CHECK(refusal->authority == "a.example");
  peer.session.send_response(1, answer(431, {}), true);
  peer.read();
  CHECK(peer.session.idle());
}

}  // namespace sluice::http::test
