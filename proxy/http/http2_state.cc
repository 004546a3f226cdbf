#include "proxy/http/http2_state.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/http/http2_callbacks.h"
#include "proxy/http/http2_options.h"
#include "proxy/http/limits.h"
#include "proxy/http/status.h"

namespace sluice::http {

namespace {

Http2Code code_of(uint32_t code) {
  return static_cast<Http2Code>(code);
}

}  // namespace

Http2State::Http2State(const Http2Session::Options& made_with, base::Time made_at)
    : options(made_with),
      now(made_at),
      last_heard(made_at),
      walk(server() ? NGHTTP2_CLIENT_MAGIC_LEN : 0),
      idle_frames(idle_frames_burst_max, idle_frames_per_second, made_at),
      resets(resets_burst_max, resets_per_second, made_at),
      window(connection_window_bytes, inspected_window_bytes_max, made_at) {
  const auto make = server() ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  SLUICE_ASSERT(make(&session, http2_callbacks(), this, http2_options()) == 0);
}

Http2State::~Http2State() {
  nghttp2_session_del(session);
}

Http2Stream* Http2State::find(StreamId id) {
  const auto found = streams.find(id);
  return found == streams.end() ? nullptr : found->second.get();
}

const Http2Stream* Http2State::find(StreamId id) const {
  const auto found = streams.find(id);
  return found == streams.end() ? nullptr : found->second.get();
}

Http2Stream& Http2State::add(StreamId id, HeadBlock::Kind kind) {
  if (server()) history.opened(id);
  auto& stream = streams[id];
  stream = std::make_unique<Http2Stream>(id, kind, now);
  return *stream;
}

// ---- what callbacks note

void Http2State::fault(Http2Code code, const char* text) {
  if (fault_code != Http2Code::kNoError) return;
  fault_code = code;
  fault_text = text;
}

void Http2State::block_ended(Http2Stream& stream, bool end) {
  if (stream.phase == Http2Stream::Phase::kOver) return;
  if (server() && stream.phase == Http2Stream::Phase::kOpening) return request_came(stream, end);
  if (!server() && !stream.answered) return response_came(stream, end);
  auto trailers = stream.block.take_trailers();
  if (!trailers) {
    to_break.push_back(stream.id);
    return break_stream(stream, trailers.error());
  }
  remote_ended(stream, std::move(*trailers));
}

void Http2State::request_came(Http2Stream& stream, bool end) {
  HeadBlock& block = stream.block;
  RequestRefused refused{stream.id, {}, block.method(), block.authority(), block.path(), false};
  auto request = block.take_request(end, options.scheme);
  stream.remote_ended = end;
  if (!request && request.error().kind == Problem::Kind::kSyntax) {
    to_break.push_back(stream.id);
    return break_stream(stream, request.error());
  }
  stream.phase = Http2Stream::Phase::kOpen;
  if (!stream.prioritized) fresh.push_back(stream.id);
  if (!request) {
    refused.problem = request.error();
    stream.discarding = true;
    events.emplace_back(std::move(refused));
    return;
  }
  stream.websocket = request->websocket;
  events.emplace_back(RequestReceived{stream.id, std::move(*request), end});
}

void Http2State::response_came(Http2Stream& stream, bool end) {
  auto response = stream.block.take_response(end, stream.method, stream.websocket);
  if (!response) {
    to_break.push_back(stream.id);
    return break_stream(stream, response.error());
  }
  stream.answered = response->status >= first_final_status || response->status == switching_protocols;
  stream.remote_ended = end;
  if (stream.discarding) return;
  events.emplace_back(ResponseReceived{stream.id, std::move(*response), end});
}

void Http2State::break_stream(Http2Stream& stream, Problem problem) {
  if (stream.phase == Http2Stream::Phase::kOver) return;
  if (server() && stream.phase == Http2Stream::Phase::kOpening) {
    const HeadBlock& block = stream.block;
    events.emplace_back(
        RequestRefused{stream.id, std::move(problem), block.method(), block.authority(), block.path(), true});
  } else {
    events.emplace_back(StreamReset{stream.id, Http2Code::kProtocolError, false, false, std::move(problem.text)});
  }
  stream.phase = Http2Stream::Phase::kOver;
}

void Http2State::remote_ended(Http2Stream& stream, Fields trailers) {
  if (std::exchange(stream.remote_ended, true)) return;
  if (stream.phase != Http2Stream::Phase::kOpen || stream.discarding) return;
  events.emplace_back(StreamEnded{stream.id, std::move(trailers)});
}

void Http2State::data_came(Http2Stream& stream, base::ByteView bytes) {
  if (stream.phase != Http2Stream::Phase::kOpen || stream.discarding) {
    if (stream.unwanted == 0) to_discard.push_back(stream.id);
    stream.unwanted += bytes.size();
    return;
  }
  if (stream.unconsumed + bytes.size() > static_cast<size_t>(stream.window.bytes())) {
    // nghttp2 resets it, but hands on what comes until that has been sent.
    stream.phase = Http2Stream::Phase::kOver;
    events.emplace_back(StreamReset{stream.id, Http2Code::kFlowControlError, false, false, "more than its window"});
    return;
  }
  stream.unconsumed += bytes.size();
  unconsumed += bytes.size();
  auto* last = events.empty() ? nullptr : std::get_if<DataReceived>(&events.back());
  if (last != nullptr && last->stream == stream.id && last->bytes.size() < joined_data_bytes_max) {
    last->bytes.append(bytes);
  } else {
    events.emplace_back(DataReceived{stream.id, base::Chunk::copy_of(bytes)});
  }
}

void Http2State::stream_closed(Http2Stream& stream, uint32_t code) {
  using Phase = Http2Stream::Phase;
  if (stream.phase == Phase::kOpen) {
    if (stream.just_sent > 0) events.emplace_back(DataSent{stream.id, std::exchange(stream.just_sent, 0)});
    const bool well = code == NGHTTP2_NO_ERROR && stream.end_sent && (stream.remote_ended || stream.discarding);
    const bool unprocessed = !server() && code == NGHTTP2_REFUSED_STREAM;
    if (well) {
      events.emplace_back(StreamClosed{stream.id});
    } else {
      events.emplace_back(StreamReset{stream.id, code_of(code), stream.reset_by_peer || unprocessed, unprocessed, {}});
    }
  }
  if (server() && (stream.remote_ended || stream.reset_by_peer)) history.ended(stream.id);
  stream.phase = Phase::kOver;
  unconsumed -= std::exchange(stream.unconsumed, 0);
  closed.push_back(stream.id);
}

// ---- what is done about it

void Http2State::after_nghttp2() {
  for (const StreamId id : std::exchange(to_break, {})) {
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
  }
  for (const StreamId id : std::exchange(fresh, {})) {
    // Streams share the connection evenly unless the client says which of them matter.
    const nghttp2_extpri evenly{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
    (void)nghttp2_session_change_extpri_stream_priority(session, id, &evenly, 0);
  }
  for (const StreamId id : std::exchange(to_discard, {})) {
    Http2Stream* stream = find(id);
    if (stream == nullptr) continue;
    if (stream->unwanted > 0) credit(*stream, std::exchange(stream->unwanted, 0));
    if (!stream->discarding || !stream->end_sent || stream->remote_ended || stream->reset_by_owner) continue;
    stream->reset_by_owner = true;
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
  for (const StreamId id : std::exchange(closed, {})) streams.erase(id);
  for (const StreamId id : std::exchange(to_reset, {})) {
    if (const Http2Stream* stream = find(id)) submit_reset(*stream, *stream->reset_due);
  }
  if (fault_code != Http2Code::kNoError) fail(fault_code, fault_text);
  if (own_code != NGHTTP2_NO_ERROR) end_of_connection(code_of(own_code), false, own_text);
  if (peer_code != NGHTTP2_NO_ERROR) end_of_connection(code_of(peer_code), true, peer_text);
}

void Http2State::fail(Http2Code code, std::string text) {
  if (failed) return;
  (void)nghttp2_session_terminate_session(session, static_cast<uint32_t>(code));
  end_of_connection(code, false, std::move(text));
}

void Http2State::end_of_connection(Http2Code code, bool by_peer, std::string text) {
  if (std::exchange(failed, true)) return;
  for (auto& [id, stream] : streams) stream->phase = Http2Stream::Phase::kOver;
  events.emplace_back(ConnectionFailed{code, by_peer, std::move(text)});
}

void Http2State::reset(Http2Stream& stream, Http2Code code) {
  stream.phase = Http2Stream::Phase::kOver;
  unconsumed -= std::exchange(stream.unconsumed, 0);
  give_connection_window();
  if (std::exchange(stream.reset_by_owner, true)) return;
  // nghttp2 drops the frames of a stream that waits to be reset.
  if (stream.heads_queued == 0) return submit_reset(stream, code);
  stream.reset_due = code;
}

void Http2State::submit_reset(const Http2Stream& stream, Http2Code code) {
  (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id, static_cast<uint32_t>(code));
}

void Http2State::resume(Http2Stream& stream) {
  if (std::exchange(stream.deferred, false)) (void)nghttp2_session_resume_data(session, stream.id);
}

// ---- windows

void Http2State::credit(Http2Stream& stream, size_t bytes) {
  if (stream.remote_ended) return;
  (void)nghttp2_session_consume_stream(session, stream.id, bytes);
  if (stream.window.consume(bytes, now, round_trip.value().value_or(round_trip_min))) {
    (void)nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, stream.id, stream.window.bytes());
  }
}

void Http2State::give_connection_window() {
  if (uncredited == 0 || unconsumed > unconsumed_bytes_max) return;
  const size_t bytes = std::exchange(uncredited, 0);
  (void)nghttp2_session_consume_connection(session, bytes);
  if (window.consume(bytes, now, round_trip.value().value_or(round_trip_min))) {
    (void)nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, window.bytes());
  }
}

void Http2State::measure_round_trip() {
  if (!std::exchange(ping_wanted, false)) return;
  if ((round_trip.measured() || round_trip.waiting()) && round_trip.age(now) < round_trip_every) return;
  ping(now);
}

void Http2State::ping(base::Time at) {
  const uint64_t number = round_trip.begin(at);
  uint8_t opaque[8];
  std::memcpy(opaque, &number, sizeof opaque);
  (void)nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, opaque);
}

}  // namespace sluice::http
