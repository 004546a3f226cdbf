// Since when a frame is not whole: whatever the pieces, for frames that nghttp2 tells of and for those that it skips.
#include <catch2/catch.hpp>

#include "tests/unit/http/http2_peer.h"

namespace sluice::http::test {

namespace {

// A peer that says one byte a second; since when, in seconds, something was unfinished behind each byte (-1: nothing).
std::vector<int> trickle(RawPeer& peer, const std::string& bytes) {
  std::vector<int> since;
  for (size_t at = 0; at < bytes.size(); ++at) {
    peer.now = time_ms(static_cast<int64_t>(at) * 1'000);
    peer.send(bytes.substr(at, 1));
    const auto begun = peer.session.unfinished_since();
    since.push_back(begun ? static_cast<int>((*begun - time_ms(0)).count() / 1'000) : -1);
  }
  return since;
}

std::vector<int> repeated(size_t count, int value) {
  return std::vector<int>(count, value);
}

}  // namespace

TEST_CASE("a frame is unfinished from its first byte to its last") {
  for (const std::string& one :
       {headers(1, get_block(), 0), frame(frame_ping, 0, 0, "12345678"), frame(0xfa, 0, 0, "unknown"),
        frame(frame_window, 0, 0, number32(1)), frame(frame_settings, 0, 0, "")}) {
    RawPeer peer(Http2Session::Role::kServer);
    CHECK_FALSE(peer.session.unfinished_since());
    std::vector<int> expected = repeated(one.size() - 1, 0);
    expected.push_back(-1);
    CHECK(trickle(peer, one) == expected);
    CHECK_FALSE(peer.goaway);
  }
}

TEST_CASE("a block of fields is unfinished until its last CONTINUATION") {
  const std::string block = get_block();
  const std::string begin = frame(frame_headers, flag_end_stream, 1, block.substr(0, 5));
  const std::string middle = frame(frame_continuation, 0, 1, block.substr(5, 4));
  const std::string end = frame(frame_continuation, flag_end_headers, 1, block.substr(9));
  RawPeer peer(Http2Session::Role::kServer);
  std::vector<int> expected = repeated(begin.size() + middle.size() + end.size() - 1, 0);
  expected.push_back(-1);
  CHECK(trickle(peer, begin + middle + end) == expected);
  CHECK(count<RequestReceived>(peer.heard) == 1);
}

TEST_CASE("content takes its time; the next frame begins anew") {
  RawPeer peer(Http2Session::Role::kServer);
  peer.send(headers(1, get_block("POST"), 0));
  const std::string ping = frame(frame_ping, 0, 0, "12345678");
  std::vector<int> expected = repeated(8, 0);
  for (const int one : repeated(5, -1)) expected.push_back(one);  // its head is whole: DATA
  for (const int one : repeated(ping.size() - 1, 13)) expected.push_back(one);
  expected.push_back(-1);
  CHECK(trickle(peer, frame(frame_data, 0, 1, "body") + ping) == expected);
  CHECK(content(peer.heard, 1) == "body");
}

TEST_CASE("frames in one piece with the beginning of another") {
  RawPeer peer(Http2Session::Role::kServer);
  const std::string ping = frame(frame_ping, 0, 0, "12345678");
  peer.now = time_ms(5);
  peer.send(ping + ping + ping.substr(0, 3));
  CHECK(peer.session.unfinished_since() == time_ms(5));
  peer.now = time_ms(6);
  peer.send(ping.substr(3) + ping.substr(0, 12));
  CHECK(peer.session.unfinished_since() == time_ms(6));
  peer.send(ping.substr(12));
  CHECK_FALSE(peer.session.unfinished_since());
}

TEST_CASE("the preface is a head too, and a connection that is lost waits for nothing") {
  Http2Session session({.role = Http2Session::Role::kServer}, time_ms(0));
  CHECK_FALSE(session.unfinished_since());
  session.receive(base::as_bytes(preface.substr(0, 10)), time_ms(1));
  CHECK(session.unfinished_since() == time_ms(1));
  session.receive(base::as_bytes(preface.substr(10)), time_ms(2));
  CHECK_FALSE(session.unfinished_since());
  session.receive(base::as_bytes(std::string(2, '\0')), time_ms(3));
  CHECK(session.unfinished_since() == time_ms(3));
  session.terminate(Http2Code::kNoError);
  CHECK_FALSE(session.unfinished_since());
}

TEST_CASE("an origin's head is measured alike") {
  RawPeer peer(Http2Session::Role::kClient);
  const StreamId stream = peer.session.send_request(get(), true);
  peer.read();
  const std::string block = field(":status", "200");
  peer.now = time_ms(7);
  peer.send(frame(frame_headers, 0, static_cast<uint32_t>(stream), block));
  CHECK(peer.session.unfinished_since() == time_ms(7));
  peer.now = time_ms(9);
  peer.send(frame(frame_continuation, flag_end_headers, static_cast<uint32_t>(stream), ""));
  CHECK_FALSE(peer.session.unfinished_since());
}

}  // namespace sluice::http::test
