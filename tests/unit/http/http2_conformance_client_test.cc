// RFC 9113, what an origin may say: raw frames, and what becomes of them. Rows are one connection each.
#include "tests/unit/http/http2_rows.h"

namespace sluice::http::test {

namespace {

void check_client(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO("RFC 9113 section " << row.section << ": " << row.name);
    RawPeer peer(Role::kClient);
    REQUIRE(peer.session.send_request(get(), true) == 1);
    peer.read();
    peer.send(row.frames);
    check_answer(peer, row.expected);
    if (peer.goaway) continue;
    const StreamId stream = peer.session.send_request(get(), true);
    peer.read();
    const size_t before = count<ResponseReceived>(peer.heard);
    peer.send(headers(static_cast<uint32_t>(stream), field(":status", "200")));
    CHECK(count<ResponseReceived>(peer.heard) == before + 1);
  }
}

std::string data(uint32_t stream, const std::string& bytes, uint8_t flags = flag_end_stream) {
  return frame(frame_data, flags, stream, bytes);
}
}  // namespace

TEST_CASE("conformance: responses") {
  const std::string ok = field(":status", "200");
  const auto malformed = stream_error(protocol_error);
  check_client({
      {"8.1", "interim, then final, then trailers",
       headers(1, field(":status", "103"), 0) + headers(1, ok, 0) + data(1, "x", 0) + headers(1, field("x-sum", "1")),
       goes_on()},
      {"8.1", "DATA before the head", data(1, "x"), either_error(protocol_error)},
      {"8.1", "an interim response that ends the stream", headers(1, field(":status", "100")), malformed},
      {"8.1", "DATA behind an interim response", headers(1, field(":status", "100"), 0) + data(1, "x"), malformed},
      {"8.1.1", "less content than announced", headers(1, ok + field("content-length", "2"), 0) + data(1, "x"),
       malformed},
      {"8.1.1", "more content than announced", headers(1, ok + field("content-length", "1"), 0) + data(1, "xy"),
       malformed},
      {"8.2.1", "upper case", headers(1, ok + field("X-Upper", "v")), malformed},
      {"8.2.1", "CR LF in a value", headers(1, ok + field("x", "v\r\nset-cookie: a=b")), malformed},
      {"8.2.1", "blanks around a value are taken away", headers(1, ok + field("x", " v ")), goes_on()},
      {"8.2.2", "transfer-encoding", headers(1, ok + field("transfer-encoding", "chunked"), 0), malformed},
      {"8.2.2", "connection", headers(1, ok + field("connection", "close")), malformed},
      {"8.3.2", "no status", headers(1, field("x", "y")), malformed},
      {"8.3.2", "two statuses", headers(1, ok + ok), malformed},
      {"8.3.2", "a status of two digits", headers(1, field(":status", "20")), malformed},
      {"8.3.2", "a status of letters", headers(1, field(":status", "2x0")), malformed},
      {"8.3.2", "a pseudo-header of requests", headers(1, ok + field(":path", "/")), malformed},
      {"8.6", "101", headers(1, field(":status", "101"), 0), malformed},
      {"8.4", "a push", frame(frame_push, 4, 1, number32(2) + get_block()), connection_error(protocol_error)},
      {"6.5.2", "ENABLE_PUSH by a server", frame(frame_settings, 0, 0, setting(2, 1)),
       connection_error(protocol_error)},
      {"5.1.1", "a stream that the server opens", headers(2, ok), connection_error(protocol_error)},
      {"5.1", "DATA of a stream that is not there", data(7, "x"), connection_error(protocol_error)},
  });
}

TEST_CASE("conformance: a push is refused before our SETTINGS were acknowledged as well") {
  Http2Session session({.role = Role::kClient}, time_ms(0));
  REQUIRE(session.send_request(get(), true) == 1);
  (void)session.take_output(1 << 16);
  const std::string bytes = frame(frame_settings, 0, 0, "") + frame(frame_push, 4, 1, number32(2) + get_block());
  session.receive(base::as_bytes(bytes), time_ms(0));
  SessionEvents events = session.take_events();
  while (!session.take_output(1 << 16).empty()) {
  }
  append(events, session.take_events());
  REQUIRE(first<ConnectionFailed>(events) != nullptr);
  CHECK(first<ConnectionFailed>(events)->code == Http2Code::kProtocolError);
}

TEST_CASE("conformance: a value of a response loses the blanks around it") {
  RawPeer peer(Role::kClient);
  REQUIRE(peer.session.send_request(get(), true) == 1);
  peer.read();
  peer.send(headers(1, field(":status", "200") + field("x", "\t v ")));
  REQUIRE(first<ResponseReceived>(peer.heard) != nullptr);
  CHECK(first<ResponseReceived>(peer.heard)->response.fields == Fields{{"x", "v"}});
}

}  // namespace sluice::http::test
