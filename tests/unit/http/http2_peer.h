#pragma once
// One session and a peer that writes its frames by hand: what the session then says, and what its owner hears.
#include <map>
#include <optional>
#include <string>

#include "proxy/base/chunk.h"
#include "tests/unit/http/http2_pair.h"
#include "tests/unit/http/raw_frames.h"

namespace sluice::http::test {

inline std::string get_block(const std::string& method = "GET") {
  return field(":method", method) + field(":scheme", "https") + field(":path", "/") + field(":authority", "a.example");
}
inline std::string headers(uint32_t stream, const std::string& block, uint8_t more_flags = flag_end_stream) {
  return frame(frame_headers, flag_end_headers | more_flags, stream, block);
}

// The other end of `session`. A server's peer begins with the preface, both with SETTINGS.
class RawPeer {
 public:
  explicit RawPeer(Http2Session::Role role, uint32_t streams_max = 100)
      : session(Http2Session::Options{.role = role, .streams_max = streams_max}, now) {
    if (role == Http2Session::Role::kServer) send(preface);
    send(frame(frame_settings, 0, 0, "") + frame(frame_settings, flag_ack, 0, ""));
    heard.clear();
    said.clear();
  }

  void send(const std::string& bytes, bool read_answers = true) {
    session.receive(base::as_bytes(bytes), now);
    append(heard, session.take_events());
    if (read_answers) read();
  }
  void read() {
    for (base::Chunk out = session.take_output(1 << 16); !out.empty(); out = session.take_output(1 << 16)) {
      sent_bytes += out.size();
      for (RawFrame& one : read_frames(out.text())) note(std::move(one));
    }
    append(heard, session.take_events());
  }
  bool has_said(uint8_t type) const {
    return std::any_of(said.begin(), said.end(), [type](const RawFrame& one) { return one.type == type; });
  }

  base::Time now = time_ms(0);
  Http2Session session;
  SessionEvents heard;
  std::vector<RawFrame> said;
  std::optional<uint32_t> goaway;       // its code
  std::map<uint32_t, uint32_t> resets;  // stream to code
  uint64_t sent_bytes = 0;

 private:
  void note(RawFrame&& one) {
    if (one.type == frame_goaway) goaway = read_number(std::string_view(one.payload).substr(4, 4));
    if (one.type == frame_rst) resets[one.stream] = read_number(one.payload);
    said.push_back(std::move(one));
  }
};

}  // namespace sluice::http::test
