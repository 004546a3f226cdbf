#pragma once
// What stands behind an Http2Session: nghttp2's session and what its callbacks noted. Door-internal.
#include <nghttp2/nghttp2.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/http/frame_budget.h"
#include "proxy/http/frame_walk.h"
#include "proxy/http/http2_head.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/receive_window.h"
#include "proxy/http/round_trip.h"
#include "proxy/http/stream_history.h"

namespace sluice::http {

// One stream, from HEADERS until nghttp2 has forgotten it.
struct Http2Stream {
  enum class Phase : uint8_t {
    kOpening,  // server: its request has not been handed out
    kOpen,
    kOver,  // the owner hears of it no more
  };

  Http2Stream(StreamId number, HeadBlock::Kind kind, base::Time now)
      : id(number), block(kind), window(stream_window_bytes, stream_window_bytes_max, now) {}

  StreamId id;
  Phase phase = Phase::kOpening;
  HeadBlock block;     // the one that is coming in
  std::string method;  // client: of the request
  ReceiveWindow window;
  size_t unconsumed = 0;  // bytes of the peer that the owner still has
  size_t unwanted = 0;    // that it never got
  base::Chunk unsent;
  size_t just_sent = 0;                  // not yet told in a DataSent
  Fields trailers;                       // ours, behind what is unsent
  size_t heads_queued = 0;               // server: of responses, that nghttp2 has not written
  std::optional<Http2Code> reset_due{};  // follows them
  bool websocket = false;
  bool headed = false;       // its first block of fields has begun to come
  bool answered = false;     // the final head has come (client) or was submitted (server)
  bool deferred = false;     // nghttp2 waits for resume
  bool write_ended = false;  // our end follows what is unsent
  bool end_sent = false;
  bool remote_ended = false;
  bool discarding = false;
  bool prioritized = false;  // server: the client said how urgent it is
  bool reset_by_peer = false;
  bool reset_by_owner = false;
};

// Lives in its session.
class Http2State {
 public:
  Http2State(const Http2Session::Options& made_with, base::Time now);
  ~Http2State();
  Http2State(const Http2State&) = delete;
  Http2State& operator=(const Http2State&) = delete;

  bool server() const { return options.role == Http2Session::Role::kServer; }
  Http2Stream* find(StreamId id);
  const Http2Stream* find(StreamId id) const;
  Http2Stream& add(StreamId id, HeadBlock::Kind kind);

  // Acts on what callbacks noted.
  void after_nghttp2();
  // The connection is lost; says so to the owner, and with GOAWAY to the peer unless it was its word or nghttp2's.
  void fail(Http2Code code, std::string text);
  void end_of_connection(Http2Code code, bool by_peer, std::string text);
  void reset(Http2Stream& stream, Http2Code code);
  void submit_reset(const Http2Stream& stream, Http2Code code);
  void resume(Http2Stream& stream);
  // Content of which the owner holds nothing any more.
  void credit(Http2Stream& stream, size_t bytes);
  void give_connection_window();
  void measure_round_trip();
  void ping(base::Time at);

  // Noted in callbacks.
  void fault(Http2Code code, const char* text);
  void block_ended(Http2Stream& stream, bool end);
  void request_came(Http2Stream& stream, bool end);
  void response_came(Http2Stream& stream, bool end);
  void break_stream(Http2Stream& stream, Problem problem);  // what the peer sent there is malformed
  void remote_ended(Http2Stream& stream, Fields trailers);
  void data_came(Http2Stream& stream, base::ByteView bytes);
  void stream_closed(Http2Stream& stream, uint32_t code);

  Http2Session::Options options;
  nghttp2_session* session = nullptr;
  base::Time now;
  base::Time last_heard;
  FrameWalk walk;
  FrameBudget idle_frames;
  FrameBudget resets;
  std::unordered_map<StreamId, std::unique_ptr<Http2Stream>> streams;
  StreamHistory history;     // server: of the client's streams
  size_t continuations = 0;  // behind the last HEADERS
  SessionEvents events;

  std::vector<StreamId> closed;      // nghttp2 has forgotten them
  std::vector<StreamId> to_break;    // we found a rule broken: RST_STREAM with PROTOCOL_ERROR
  std::vector<StreamId> moved;       // with bytes just sent
  std::vector<StreamId> to_trail;    // their trailers are due
  std::vector<StreamId> to_discard;  // our end is sent, or content came, and what comes is not wanted
  std::vector<StreamId> fresh;       // server: to be placed among the others
  std::vector<StreamId> to_reset;    // their heads are written
  // What ends the connection, seen in a callback.
  Http2Code fault_code = Http2Code::kNoError;
  const char* fault_text = "";
  bool ping_wanted = false;               // content came: worth knowing the round trip
  bool draining = false;                  // we said GOAWAY
  bool peer_drains = false;               // the peer did
  uint32_t peer_code = NGHTTP2_NO_ERROR;  // of its GOAWAY
  std::string peer_text;
  uint32_t own_code = NGHTTP2_NO_ERROR;  // of nghttp2's GOAWAY
  std::string own_text;
  bool failed = false;  // nothing more is read
  bool mute = false;    // nor sent

  base::Chunk output;  // of the take_output() that runs
  size_t output_bytes_max = 0;
  size_t uncredited = 0;  // received, the peer's connection window not yet opened again
  size_t unconsumed = 0;  // of all streams
  ReceiveWindow window;
  RoundTrip round_trip;
};

}  // namespace sluice::http
