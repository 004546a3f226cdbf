#pragma once
// One row of a conformance table: frames, and what must follow them.
#include <catch2/catch.hpp>

#include "tests/unit/http/http2_peer.h"

namespace sluice::http::test {

using Role = Http2Session::Role;
using Kind = Problem::Kind;

// What must follow the frames of a row.
struct Expected {
  enum class What : uint8_t {
    kConnectionError,
    kStreamError,  // of stream 1 unless the row says otherwise; the connection goes on
    kEitherError,  // RFC 9113 leaves the choice
    kGoesOn,       // no error, and another request is served
    kRefused,      // the request can be answered, with this problem
  };
  What what;
  uint32_t code = 0;
  Kind problem = Kind::kSyntax;
};
inline Expected connection_error(uint32_t code) {
  return {Expected::What::kConnectionError, code, {}};
}
inline Expected stream_error(uint32_t code) {
  return {Expected::What::kStreamError, code, {}};
}
inline Expected either_error(uint32_t code) {
  return {Expected::What::kEitherError, code, {}};
}
inline Expected goes_on() {
  return {Expected::What::kGoesOn, 0, {}};
}
inline Expected refused(Kind problem) {
  return {Expected::What::kRefused, 0, problem};
}

struct Row {
  const char* section;
  const char* name;
  std::string frames;
  Expected expected;
};

inline bool is_reset(const RawPeer& peer, uint32_t code) {
  return std::any_of(peer.resets.begin(), peer.resets.end(), [code](auto& one) { return one.second == code; });
}

inline void check_answer(RawPeer& peer, const Expected& expected) {
  switch (expected.what) {
    case Expected::What::kConnectionError:
      CHECK(peer.goaway == expected.code);
      CHECK(count<ConnectionFailed>(peer.heard) == 1);
      CHECK(peer.session.finished());
      return;
    case Expected::What::kStreamError:
      CHECK_FALSE(peer.goaway);
      CHECK(is_reset(peer, expected.code));
      return;
    case Expected::What::kEitherError: CHECK((peer.goaway == expected.code || is_reset(peer, expected.code))); return;
    case Expected::What::kGoesOn:
      CHECK_FALSE(peer.goaway);
      CHECK(peer.resets.empty());
      return;
    case Expected::What::kRefused: {
      CHECK_FALSE(peer.goaway);
      CHECK(peer.resets.empty());
      const auto* refusal = first<RequestRefused>(peer.heard);
      REQUIRE(refusal != nullptr);
      CHECK_FALSE(refusal->reset);
      CHECK(refusal->problem.kind == expected.problem);
      CHECK_FALSE(refusal->problem.text.empty());
      peer.session.send_response(refusal->stream, answer(400, {}), true);
      peer.read();
      return;
    }
  }
}

}  // namespace sluice::http::test
