// Peers that waste our time or memory: refused with the right code, and bounded.
#include <catch2/catch.hpp>
#include <functional>

#include "proxy/http/limits.h"
#include "tests/unit/http/http2_peer.h"

namespace sluice::http::test {

namespace {

using Role = Http2Session::Role;

// Sends `one` until the session has enough of it; how many it took.
int64_t until_refused(RawPeer& peer, const std::function<std::string(uint32_t)>& one, bool read_answers = true) {
  int64_t sent = 0;
  while (!peer.goaway && !peer.session.finished() && sent < 200'000) {
    peer.send(one(static_cast<uint32_t>(sent)), read_answers);
    peer.heard.clear();
    peer.said.clear();
    ++sent;
  }
  peer.read();
  return sent;
}

std::string reset_frame(uint32_t stream) {
  return frame(frame_rst, 0, stream, number32(cancel));
}

}  // namespace

TEST_CASE("http2 abuse: rapid reset") {
  RawPeer peer(Role::kServer);
  const int64_t sent =
      until_refused(peer, [](uint32_t i) { return headers(2 * i + 1, get_block()) + reset_frame(2 * i + 1); });
  CHECK(peer.goaway == enhance_your_calm);
  CHECK(sent <= resets_burst_max + 1);
  CHECK(peer.session.finished());
}

TEST_CASE("http2 abuse: resets of what was answered, or spread over time, are ordinary") {
  RawPeer peer(Role::kServer);
  for (uint32_t i = 0; i < 5'000 && !peer.goaway; ++i) {
    const uint32_t stream = 2 * i + 1;
    peer.send(headers(stream, get_block()));
    peer.session.send_response(static_cast<StreamId>(stream), answer(200), false);
    peer.read();
    peer.send(reset_frame(stream));
  }
  CHECK_FALSE(peer.goaway);
  RawPeer slow(Role::kServer);
  for (uint32_t i = 0; i < 3'000 && !slow.goaway; ++i) {
    slow.now += base::Duration(20);
    slow.send(headers(2 * i + 1, get_block()) + reset_frame(2 * i + 1));
  }
  CHECK_FALSE(slow.goaway);
  CHECK(slow.session.idle());
}

TEST_CASE("http2 abuse: MadeYouReset, by every way to make us reset a stream") {
  const std::string post = get_block("POST");
  const std::vector<std::pair<const char*, std::function<std::string(uint32_t)>>> ways = {
      {"an increment of nothing",
       [&](uint32_t id) { return headers(id, get_block()) + frame(frame_window, 0, id, number32(0)); }},
      {"a window that overflows",
       [&](uint32_t id) { return headers(id, get_block()) + frame(frame_window, 0, id, number32(0x7fffffff)); }},
      {"content beyond its length",
       [&](uint32_t id) {
         return headers(id, post + field("content-length", "1"), 0) + frame(frame_data, 0, id, "xy");
       }},
      {"HEADERS after the end", [&](uint32_t id) { return headers(id, get_block()) + headers(id, field("x", "y")); }},
      {"an uppercase name", [&](uint32_t id) { return headers(id, get_block() + field("Upper", "x")); }},
      {"a blank before a value", [&](uint32_t id) { return headers(id, get_block() + field("x", " v")); }},
      {"a fragment in the path",
       [&](uint32_t id) {
         return headers(id, field(":method", "GET") + field(":scheme", "https") + field(":path", "/#f") +
                                field(":authority", "a.example"));
       }},
  };
  for (const auto& [name, way] : ways) {
    INFO(name);
    RawPeer peer(Role::kServer);
    const int64_t sent = until_refused(peer, [&](uint32_t i) { return way(2 * i + 1); });
    CHECK(peer.goaway);
    CHECK(sent <= resets_burst_max + 1);
    CHECK(peer.session.finished());
  }
}

TEST_CASE("http2 abuse: our own resets cost the peer nothing") {
  RawPeer peer(Role::kServer);
  for (uint32_t i = 0; i < 3'000 && !peer.goaway; ++i) {
    peer.send(headers(2 * i + 1, get_block()));
    peer.session.reset(static_cast<StreamId>(2 * i + 1), Http2Code::kInternalError);  // an origin failed
    peer.read();
  }
  CHECK_FALSE(peer.goaway);
}

TEST_CASE("http2 abuse: floods of frames that move nothing") {
  const std::vector<std::string> floods = {
      frame(frame_ping, 0, 0, "12345678"),
      frame(frame_settings, 0, 0, ""),
      frame(frame_settings, 0, 0, setting(4, 65'535)),
      frame(frame_priority, 0, 3, number32(0) + "x"),
      frame(frame_window, 0, 0, number32(1)),
      frame(frame_ping, flag_ack, 0, "12345678"),
  };
  for (const Role role : {Role::kServer, Role::kClient}) {
    for (const std::string& one : floods) {
      INFO("frame type " << static_cast<int>(static_cast<uint8_t>(one[3])));
      RawPeer peer(role);
      const int64_t sent = until_refused(peer, [&](uint32_t) { return one; });
      CHECK(peer.goaway == enhance_your_calm);
      CHECK(sent <= idle_frames_burst_max + 2);
    }
  }
}

TEST_CASE("http2 abuse: empty DATA, and endless interim responses") {
  RawPeer peer(Role::kServer);
  peer.send(headers(1, get_block("POST"), 0));
  const int64_t sent = until_refused(peer, [](uint32_t) { return frame(frame_data, 0, 1, ""); });
  CHECK(peer.goaway == enhance_your_calm);
  CHECK(sent <= idle_frames_burst_max + 1);
  RawPeer origin(Role::kClient);
  REQUIRE(origin.session.send_request(get(), true) == 1);
  origin.read();
  const int64_t interim = until_refused(origin, [](uint32_t) { return headers(1, field(":status", "103"), 0); });
  CHECK(origin.goaway == enhance_your_calm);
  CHECK(interim <= idle_frames_burst_max + 2);
}

TEST_CASE("http2 abuse: a window opened byte by byte") {
  RawPeer peer(Role::kServer);
  peer.send(frame(frame_settings, 0, 0, setting(4, 0)) + headers(1, get_block()));
  peer.session.send_response(1, answer(200), false);
  peer.session.send_data(1, base::Chunk::copy_of(std::string(1'000'000, 'x')));
  const int64_t sent = until_refused(peer, [](uint32_t) { return frame(frame_window, 0, 1, number32(1)); });
  CHECK(peer.goaway == enhance_your_calm);
  CHECK(sent <= idle_frames_burst_max + 2);
}

TEST_CASE("http2 abuse: a reader that acknowledges every small message is ordinary") {
  RawPeer peer(Role::kServer);
  peer.send(headers(1, get_block()));
  peer.session.send_response(1, answer(200), false);
  for (int i = 0; i < 20'000 && !peer.goaway; ++i) {
    say(peer.session, 1, "tick");
    peer.read();
    peer.send(frame(frame_window, 0, 1, number32(4)) + frame(frame_window, 0, 0, number32(4)));
    peer.heard.clear();
    peer.said.clear();
  }
  CHECK_FALSE(peer.goaway);
}

TEST_CASE("http2 abuse: a peer that reads no answers does not make us keep them") {
  RawPeer peer(Role::kServer);
  for (int i = 0; i < 3'000; ++i) peer.send(frame(frame_ping, 0, 0, "12345678"), false);
  peer.read();
  CHECK(peer.goaway == enhance_your_calm);
  CHECK(peer.sent_bytes < 100 * acknowledgements_max);
  RawPeer broken(Role::kServer);  // malformed requests, their resets never read
  for (uint32_t i = 0; i < 3'000; ++i) broken.send(headers(2 * i + 1, get_block() + field("Upper", "x")), false);
  broken.read();
  CHECK(broken.goaway);
  CHECK(broken.sent_bytes < 10'000);
}

TEST_CASE("http2 abuse: endless CONTINUATION") {
  RawPeer peer(Role::kServer);
  peer.send(frame(frame_headers, flag_end_stream, 1, get_block()));
  const int64_t sent = until_refused(peer, [](uint32_t) { return frame(frame_continuation, 0, 1, field("x", "y")); });
  CHECK(peer.goaway == enhance_your_calm);
  CHECK(sent <= static_cast<int64_t>(continuations_max) + 1);
  CHECK(peer.session.finished());
}

TEST_CASE("http2 abuse: a HPACK bomb is one large request, which can be answered") {
  RawPeer peer(Role::kServer);
  std::string bomb = get_block() + std::string(1, '\x40') + hpack_text("x-bomb") + hpack_text(std::string(3'920, 'b'));
  bomb += std::string(12'000, '\xbe');  // 47 MB of fields
  peer.send(headers(1, bomb));
  const auto* refusal = first<RequestRefused>(peer.heard);
  REQUIRE(refusal != nullptr);
  CHECK(refusal->problem.kind == Problem::Kind::kTooLarge);
  peer.session.send_response(1, answer(431, {}), true);
  peer.read();
  CHECK(peer.session.idle());
  CHECK_FALSE(peer.goaway);
}

TEST_CASE("http2 abuse: streams above the limit") {
  RawPeer peer(Role::kServer, 10);
  for (uint32_t i = 0; i < 10; ++i) peer.send(headers(2 * i + 1, get_block()));
  CHECK(count<RequestReceived>(peer.heard) == 10);
  peer.send(headers(21, get_block()));
  CHECK((peer.goaway || peer.resets.contains(21)));
  CHECK(count<RequestReceived>(peer.heard) == 10);
}

TEST_CASE("http2 abuse: a stalled owner bounds what a connection holds") {
  RawPeer peer(Role::kServer, 1'000);
  size_t sent = 0;
  for (uint32_t i = 0; i < 1'000; ++i) {
    peer.send(headers(2 * i + 1, get_block("POST"), 0));
    for (int part = 0; part < 7; ++part) {  // within the stream's window, never read by anybody
      size_t window = 1 << 20;
      for (const RawFrame& one : peer.said) {
        if (one.type == frame_window && one.stream == 0) window += read_number(one.payload);
      }
      if (sent + 16'384 > window) break;
      peer.send(frame(frame_data, 0, 2 * i + 1, std::string(16'384, 'x')));
      sent += 16'384;
    }
  }
  CHECK_FALSE(peer.goaway);
  CHECK(sent >= unconsumed_bytes_max);
  CHECK(sent <= unconsumed_bytes_max + static_cast<size_t>(inspected_window_bytes_max));
}

}  // namespace sluice::http::test
