// Peers that break rules or waste our time: refused with the right code, and bounded.
#include <catch2/catch.hpp>
#include <string>

#include "proxy/http/limits.h"
#include "tests/unit/http/raw_frames.h"
#include "tests/unit/http/session_pair.h"

namespace sluice::http::test {

namespace {

std::string connect_block() {
  return field(":method", "CONNECT") + field(":authority", "a.example:443");
}

// A server and what a hostile client says to it, byte by byte as we please.
class Victim {
 public:
  Victim() : session({TunnelSession::Role::kServer, 100}, now) {
    send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(frame_settings, 0, 0, ""));
  }
  void send(const std::string& bytes, bool read_answers = true) {
    session.receive(base::as_bytes(bytes), now);
    while (TunnelStream* stream = session.take_request()) {
      stream->respond(200, {}, false);
      taken.push_back(stream);
    }
    session.dispatch();
    if (read_answers) drain();
  }
  void drain() {
    for (base::ByteView bytes = session.output(); !bytes.empty(); bytes = session.output()) {
      const std::string_view text = base::as_text(bytes);
      if (text.size() >= 17 && text[3] == frame_goaway) {
        goaway = static_cast<uint32_t>(static_cast<uint8_t>(text[16]));
      }
      if (text.size() == 13 && text[3] == frame_rst) ++resets;
      sent += bytes.size();
    }
  }

  base::Time now = at_ms(0);
  TunnelSession session;
  std::vector<TunnelStream*> taken;
  std::optional<uint32_t> goaway;
  int resets = 0;
  uint64_t sent = 0;
};

}  // namespace

TEST_CASE("rapid reset: streams opened and reset at once are refused after a burst") {
  Victim victim;
  uint32_t id = 1;
  int pairs = 0;
  while (!victim.goaway && pairs < 10'000) {
    victim.send(frame(frame_headers, 4, id, connect_block()) + frame(frame_rst, 0, id, number32(8)));
    for (TunnelStream* stream : victim.taken) stream->release(false);
    victim.taken.clear();
    id += 2;
    ++pairs;
  }
  CHECK(victim.goaway == enhance_your_calm);
  CHECK(pairs <= resets_burst_max + 1);
  CHECK(victim.session.streams() == 0);
  CHECK(victim.session.finished());
}

TEST_CASE("resets spread over time are ordinary") {
  Victim victim;
  for (uint32_t i = 0; i < 3'000; ++i) {
    victim.now += base::Duration(20);
    victim.send(frame(frame_headers, 4, 2 * i + 1, connect_block()) + frame(frame_rst, 0, 2 * i + 1, number32(8)));
    for (TunnelStream* stream : victim.taken) stream->release(false);
    victim.taken.clear();
  }
  CHECK_FALSE(victim.goaway);
}

TEST_CASE("answered flows may all be reset at once") {
  Victim victim;
  for (uint32_t round = 0; round < 50; ++round) {
    for (uint32_t i = 0; i < 100; ++i) {
      victim.send(frame(frame_headers, 4, 2 * (100 * round + i) + 1, connect_block()));
    }
    for (uint32_t i = 0; i < 100; ++i) {
      victim.send(frame(frame_rst, 0, 2 * (100 * round + i) + 1, number32(8)));
    }
    for (TunnelStream* stream : victim.taken) stream->release(false);
    victim.taken.clear();
  }
  CHECK_FALSE(victim.goaway);
  CHECK(victim.session.streams() == 0);
}

TEST_CASE("resets that a peer makes us send count as well") {
  Victim victim;
  uint32_t id = 1;
  int tries = 0;
  while (!victim.goaway && tries < 10'000) {
    // An uppercase field name is an error of the stream: we must reset it.
    victim.send(frame(frame_headers, 4, id, connect_block() + field("Upper", "x")));
    id += 2;
    ++tries;
  }
  CHECK(victim.goaway == enhance_your_calm);
  CHECK(tries <= resets_burst_max + 1);
  CHECK(victim.session.streams() == 0);
}

TEST_CASE("floods of frames that move nothing are refused after a burst") {
  const std::string ping = frame(frame_ping, 0, 0, "12345678");
  const std::string settings = frame(frame_settings, 0, 0, "");
  const std::string priority = frame(frame_priority, 0, 3, number32(0) + "x");
  const std::string window = frame(frame_window, 0, 0, number32(1));
  for (const std::string& one : {ping, settings, priority, window}) {
    Victim victim;
    int sent = 0;
    while (!victim.goaway && sent < 100'000) {
      victim.send(one);
      ++sent;
    }
    INFO("frame type " << static_cast<int>(static_cast<uint8_t>(one[3])));
    CHECK(victim.goaway == enhance_your_calm);
    CHECK(sent <= idle_frames_burst_max + 1);
  }
}

TEST_CASE("empty DATA frames are refused after a burst") {
  Victim victim;
  victim.send(frame(frame_headers, 4, 1, connect_block()));
  int sent = 0;
  while (!victim.goaway && sent < 100'000) {
    victim.send(frame(frame_data, 0, 1, ""));
    ++sent;
  }
  CHECK(victim.goaway == enhance_your_calm);
}

TEST_CASE("a peer that reads no answers does not make us keep them") {
  Victim victim;
  for (int i = 0; i < 3'000; ++i) victim.send(frame(frame_ping, 0, 0, "12345678"), false);
  victim.drain();
  CHECK(victim.goaway == enhance_your_calm);
  CHECK(victim.sent < 100 * acknowledgements_max);
}

TEST_CASE("endless CONTINUATION ends the tunnel") {
  Victim victim;
  victim.send(frame(frame_headers, 0, 1, connect_block()));
  int sent = 0;
  while (!victim.session.finished() && sent < 1'000) {
    victim.send(frame(frame_continuation, 0, 1, field("x", "y")));
    ++sent;
  }
  CHECK(victim.session.finished());
  CHECK(victim.goaway);
  CHECK(sent <= static_cast<int>(continuations_max) + 2);
}

TEST_CASE("a head that is too large is answered, and one that is a bomb is reset") {
  Victim victim;
  std::string block = connect_block();
  for (int i = 0; i < 140; ++i) block += field("x-" + std::to_string(i), std::string(120, 'v'));
  victim.send(frame(frame_headers, 0, 1, block.substr(0, 16'000)) +
              frame(frame_continuation, 4, 1, block.substr(16'000)));
  CHECK(victim.taken.empty());  // 431 was sent
  CHECK(victim.session.streams() <= 1);
  // One entry of 4 KB in the table, referred to again and again.
  const std::string name = "x-bomb";
  std::string bomb = connect_block() + std::string(1, '\x40') + static_cast<char>(name.size()) + name;
  bomb += std::string("\x7f\xd1\x1d", 3) + std::string(3'920, 'b');  // 3920 = 127 + 3793, in 7-bit groups
  bomb += std::string(4'000, '\xbe');
  victim.send(frame(frame_headers, 4, 3, bomb));
  CHECK(victim.taken.empty());
  CHECK(victim.session.streams() <= 1);
  CHECK_FALSE(victim.session.finished());
}

TEST_CASE("more bytes than the window, a window that overflows, and no preface") {
  Victim over;
  over.send(frame(frame_headers, 4, 1, connect_block()));
  const std::string data = frame(frame_data, 0, 1, std::string(16'384, 'x'));
  for (int i = 0; i < 100 && !over.goaway && over.resets == 0; ++i) over.send(data);
  CHECK((over.goaway == flow_control_error || over.resets == 1));
  if (!over.taken.empty()) CHECK(read_all(*over.taken[0]).size() <= static_cast<size_t>(stream_window_bytes));

  Victim overflow;
  overflow.send(frame(frame_window, 0, 0, number32(0x7fffffff)));
  CHECK(overflow.goaway == flow_control_error);

  TunnelSession session({TunnelSession::Role::kServer, 100}, at_ms(0));
  session.receive(base::as_bytes(std::string_view("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")), at_ms(0));
  while (!session.output().empty()) {
  }
  CHECK(session.finished());
}

TEST_CASE("a field that no field may be is refused, not left out") {
  for (const std::string& value : {std::string(" v"), std::string("v\r\nw"), std::string("v\0", 2)}) {
    Victim victim;
    victim.send(frame(frame_headers, 4, 1, connect_block() + field("sluice-process", value)));
    CHECK(victim.taken.empty());
    CHECK(victim.session.streams() <= 1);
    CHECK_FALSE(victim.goaway);
  }
}

TEST_CASE("a CONTINUATION may come in pieces") {
  Victim victim;
  const std::string block = connect_block();
  const std::string bytes = frame(frame_headers, 0, 1, block.substr(0, 5)) +
                            frame(frame_continuation, 0, 1, block.substr(5, 5)) +
                            frame(frame_continuation, 4, 1, block.substr(10));
  for (const char byte : bytes) victim.send(std::string(1, byte));
  CHECK(victim.taken.size() == 1);
  CHECK_FALSE(victim.goaway);
}

TEST_CASE("frames of a stream that is gone, and numbers that were passed over") {
  Victim ended;
  ended.send(frame(frame_headers, 4, 1, connect_block()) + frame(frame_rst, 0, 1, number32(8)));
  ended.send(frame(frame_headers, 4, 1, connect_block()));
  CHECK(ended.goaway == stream_closed);
  Victim skipped;
  skipped.send(frame(frame_headers, 4, 5, connect_block()) + frame(frame_headers, 4, 3, connect_block()));
  CHECK(skipped.goaway == protocol_error);
}

TEST_CASE("streams above the limit are refused, and other methods answered") {
  Victim victim;
  for (uint32_t i = 0; i < 100; ++i) victim.send(frame(frame_headers, 4, 2 * i + 1, connect_block()));
  CHECK(victim.taken.size() == 100);
  victim.send(frame(frame_settings, 1, 0, "") + frame(frame_headers, 4, 201, connect_block()));
  CHECK((victim.resets > 0 || victim.goaway == protocol_error));
  CHECK(victim.taken.size() == 100);

  Victim other;
  other.send(frame(
      frame_headers, 5, 1,
      field(":method", "GET") + field(":scheme", "https") + field(":path", "/") + field(":authority", "a.example")));
  CHECK(other.taken.empty());
  CHECK(other.session.streams() == 0);
  CHECK_FALSE(other.goaway);
}

}  // namespace sluice::http::test
