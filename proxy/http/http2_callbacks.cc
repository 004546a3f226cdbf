#include "proxy/http/http2_callbacks.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "proxy/base/assert.h"
#include "proxy/http/http2_state.h"
#include "proxy/http/limits.h"

namespace sluice::http {

namespace {

Http2State& state_of(void* user) {
  return *static_cast<Http2State*>(user);
}

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

bool ends_stream(const nghttp2_frame_hd& head) {
  const bool may = head.type == NGHTTP2_HEADERS || head.type == NGHTTP2_DATA;
  return may && (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// Frames of a client's stream that is not there any more. nghttp2 takes them all for late ones.
void look_at_gone(Http2State& state, const nghttp2_frame_hd& head) {
  switch (state.history.fate(head.stream_id)) {
    case StreamHistory::Fate::kUnknown:
    case StreamHistory::Fate::kOpened: return;
    case StreamHistory::Fate::kSkipped:
      return state.fault(Http2Code::kProtocolError, "a stream's number is below one that was used");
    case StreamHistory::Fate::kEnded:
      return state.fault(Http2Code::kStreamClosed, "a frame follows the end of its stream");
  }
}

// What each kind of frame costs the peer; false when it has nothing left.
bool is_paid_for(Http2State& state, const nghttp2_frame_hd& head, const Http2Stream* stream) {
  switch (head.type) {
    case NGHTTP2_CONTINUATION: return ++state.continuations <= continuations_max;
    case NGHTTP2_HEADERS: {
      // A stream's first is bounded by the number of streams; interim responses, trailers and those that are ignored
      // are not.
      const bool more = state.draining || (stream != nullptr && stream->headed);
      return !more || state.idle_frames.take();
    }
    case NGHTTP2_RST_STREAM: {
      // One that was answered may end so; one that was not made us work for nothing. An origin can only reset what we
      // began.
      const bool free = stream != nullptr && (stream->answered || !state.server());
      return free || (state.server() ? state.resets : state.idle_frames).take();
    }
    case NGHTTP2_DATA:
      if (head.length == 0) return state.idle_frames.take();
      state.idle_frames.give();
      return true;
    default: return state.idle_frames.take();
  }
}

// Before the payload is looked at.
int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
  Http2State& state = state_of(user);
  const Http2Stream* stream = state.find(head->stream_id);
  if (head->type != NGHTTP2_CONTINUATION) state.continuations = 0;
  if (!is_paid_for(state, *head, stream)) {
    state.fault(Http2Code::kEnhanceYourCalm, "more resets or idle frames than the connection needs");
  }
  if (head->type == NGHTTP2_PUSH_PROMISE) state.fault(Http2Code::kProtocolError, "a push, which was forbidden");
  // With the priorities of RFC 7540 switched off, nghttp2 looks at none of this.
  if (head->type == NGHTTP2_PRIORITY && head->stream_id == 0) {
    state.fault(Http2Code::kProtocolError, "PRIORITY of no stream");
  }
  const bool opens_or_fills = head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_DATA;
  if (opens_or_fills && state.server()) look_at_gone(state, *head);
  return 0;
}

int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2State& state = state_of(user);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    state.add(frame->hd.stream_id, HeadBlock::Kind::kRequest).headed = true;
    return 0;
  }
  Http2Stream* stream = state.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  const bool head = !state.server() && !stream->answered;
  stream->headed = true;
  stream->block = HeadBlock(head ? HeadBlock::Kind::kResponse : HeadBlock::Kind::kTrailers);
  return 0;
}

int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t,
           void* user) {
  Http2Stream* stream = state_of(user).find(frame->hd.stream_id);
  if (stream == nullptr || frame->hd.type != NGHTTP2_HEADERS) return 0;  // a promise is not looked at
  stream->prioritized = stream->prioritized || text_of(name) == "priority";
  stream->block.add(text_of(name), text_of(value));
  return 0;
}

int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2State& state = state_of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    state.peer_drains = true;
    state.peer_code = frame->goaway.error_code;
    constexpr size_t text_bytes_max = 128;
    const std::string_view text(reinterpret_cast<const char*>(frame->goaway.opaque_data),
                                std::min(frame->goaway.opaque_data_len, text_bytes_max));
    state.peer_text = wire::is_field_value(text) ? text : "";
    state.events.push_back(GoAwayReceived{static_cast<Http2Code>(frame->goaway.error_code)});
    return 0;
  }
  if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    uint64_t number = 0;
    std::memcpy(&number, frame->ping.opaque_data, sizeof number);
    state.round_trip.answered(number, state.now);
    return 0;
  }
  Http2Stream* stream = state.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_RST_STREAM) stream->reset_by_peer = true;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    state.block_ended(*stream, ends_stream(frame->hd));
  } else if (ends_stream(frame->hd)) {
    state.remote_ended(*stream, {});
  }
  return 0;
}

// nghttp2 refuses the frame and will reset the stream, or end the connection, by itself.
int frame_invalid(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
  Http2State& state = state_of(user);
  Http2Stream* stream = state.find(frame->hd.stream_id);
  if (stream == nullptr || frame->hd.type != NGHTTP2_HEADERS) return 0;
  state.break_stream(*stream, {Problem::Kind::kSyntax, nghttp2_strerror(error)});
  return 0;
}

int data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t count, void* user) {
  Http2State& state = state_of(user);
  state.uncredited += count;
  state.ping_wanted = true;
  if (Http2Stream* stream = state.find(id)) state.data_came(*stream, {bytes, count});
  return 0;
}

// Of a response, or its trailers.
void head_written(Http2State& state, Http2Stream& stream) {
  if (stream.heads_queued == 0 || --stream.heads_queued > 0) return;
  if (stream.reset_due) state.to_reset.push_back(stream.id);
}

int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2State& state = state_of(user);
  Http2Stream* stream = frame->hd.stream_id == 0 ? nullptr : state.find(frame->hd.stream_id);
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    const std::string_view text(reinterpret_cast<const char*>(frame->goaway.opaque_data),
                                frame->goaway.opaque_data_len);
    state.own_code = frame->goaway.error_code;
    state.own_text = text;
  }
  // A reset that the peer made us send: its frame broke a rule of the stream.
  const bool ours = stream != nullptr && stream->reset_by_owner;
  if (frame->hd.type == NGHTTP2_RST_STREAM && !ours && !state.resets.take()) {
    state.fault(Http2Code::kEnhanceYourCalm, "more broken streams than a peer may have");
  }
  if (stream == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0) {
    const bool cut_short = !stream->unsent.empty() && frame->hd.length < useful_data_bytes_min;
    for (int each_window = 0; each_window < 2 && !cut_short; ++each_window) state.idle_frames.give();
  }
  if (frame->hd.type == NGHTTP2_HEADERS) {
    state.idle_frames.give();  // a message moved on
    head_written(state, *stream);
  }
  if (!ends_stream(frame->hd)) return 0;
  stream->end_sent = true;
  if (stream->discarding) state.to_discard.push_back(stream->id);
  return 0;
}

// Only for HEADERS does anybody wait.
int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
  Http2State& state = state_of(user);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  Http2Stream* stream = state.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) state.stream_closed(*stream, NGHTTP2_REFUSED_STREAM);
  head_written(state, *stream);
  return 0;
}

int stream_closed(nghttp2_session*, int32_t id, uint32_t code, void* user) {
  Http2State& state = state_of(user);
  if (Http2Stream* stream = state.find(id)) state.stream_closed(*stream, code);
  return 0;
}

ssize_t data_length(nghttp2_session*, uint8_t, int32_t, int32_t connection_window, int32_t stream_window,
                    uint32_t frame_max, void*) {
  const auto room = static_cast<uint32_t>(std::max(1, std::min(connection_window, stream_window)));
  return static_cast<ssize_t>(std::min({room, frame_max, static_cast<uint32_t>(data_bytes_max)}));
}

// The frame's head, then its content, straight into the output.
int send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t count, nghttp2_data_source* source,
              void* user) {
  constexpr size_t head_bytes = 9;
  Http2State& state = state_of(user);
  auto& stream = *static_cast<Http2Stream*>(source->ptr);
  if (state.output.size() >= state.output_bytes_max) return NGHTTP2_ERR_WOULDBLOCK;
  state.output.append({head, head_bytes});
  state.output.append(stream.unsent.view().first(count));
  stream.unsent.consume(count);
  if (count == 0) return 0;
  if (stream.just_sent == 0) state.moved.push_back(stream.id);
  stream.just_sent += count;
  return 0;
}

}  // namespace

ssize_t http2_read_unsent(nghttp2_session*, int32_t, uint8_t*, size_t count, uint32_t* flags,
                          nghttp2_data_source* source, void* user) {
  auto& stream = *static_cast<Http2Stream*>(source->ptr);
  if (stream.reset_due || (stream.unsent.empty() && !stream.write_ended)) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t moved = std::min(count, stream.unsent.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (moved == stream.unsent.size() && stream.write_ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      state_of(user).to_trail.push_back(stream.id);
    }
  }
  return static_cast<ssize_t>(moved);
}

const nghttp2_session_callbacks* http2_callbacks() {
  static const nghttp2_session_callbacks* const made = [] {
    nghttp2_session_callbacks* table = nullptr;
    SLUICE_ASSERT(nghttp2_session_callbacks_new(&table) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(table, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(table, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(table, header);
    // nghttp2 would leave such fields out and go on; our rules look at them as at any other.
    nghttp2_session_callbacks_set_on_invalid_header_callback2(table, header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(table, frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table, frame_invalid);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, data);
    nghttp2_session_callbacks_set_on_frame_send_callback(table, frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(table, frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(table, stream_closed);
    nghttp2_session_callbacks_set_data_source_read_length_callback(table, data_length);
    nghttp2_session_callbacks_set_send_data_callback(table, send_data);
    return table;
  }();
  return made;
}

}  // namespace sluice::http
