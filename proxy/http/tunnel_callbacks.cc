#include "proxy/http/tunnel_callbacks.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/http/limits.h"

namespace sluice::http {

namespace {

TunnelSession& session_of(void* user) {
  return *static_cast<TunnelSession*>(user);
}

TunnelStream* stream_of(nghttp2_session* raw, int32_t id) {
  return static_cast<TunnelStream*>(nghttp2_session_get_stream_user_data(raw, id));
}

std::string_view text_of(const uint8_t* bytes, size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

// A reset that the peer made us send: its frame broke a rule of the stream.
bool is_complaint(uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL && code != NGHTTP2_CONNECT_ERROR &&
         code != NGHTTP2_REFUSED_STREAM;
}

// Of a stream that is still there, or was reset by us, frames may come.
uint32_t look_at_gone(StreamHistory::Fate fate) {
  switch (fate) {
    case StreamHistory::Fate::kUnknown:
    case StreamHistory::Fate::kOpened: return NGHTTP2_NO_ERROR;
    case StreamHistory::Fate::kSkipped: return NGHTTP2_PROTOCOL_ERROR;
    case StreamHistory::Fate::kEnded: return NGHTTP2_STREAM_CLOSED;
  }
  return NGHTTP2_NO_ERROR;
}

}  // namespace

int TunnelCallbacks::begin_headers(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  session_of(user).history_.opened(frame->hd.stream_id);
  TunnelStream& stream = session_of(user).add(frame->hd.stream_id);
  (void)nghttp2_session_set_stream_user_data(raw, frame->hd.stream_id, &stream);
  return 0;
}

int TunnelCallbacks::header(nghttp2_session* raw, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                            const uint8_t* value, size_t value_bytes, uint8_t, void*) {
  TunnelStream* stream = stream_of(raw, frame->hd.stream_id);
  if (stream == nullptr || stream->responded_) return 0;  // trailers mean nothing here
  stream->head_bytes_ += name_bytes + value_bytes;
  if (stream->head_bytes_ > fields_decoded_bytes_max) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  Head& head = stream->head_;
  head.too_large = stream->head_bytes_ > fields_bytes_max;
  if (head.too_large) return 0;
  const std::string_view key = text_of(name, name_bytes);
  const std::string_view text = text_of(value, value_bytes);
  if (key == ":method") {
    head.method = text;
  } else if (key == ":authority") {
    head.authority = text;
  } else if (key == ":status") {
    head.status = static_cast<int>(base::parse_decimal(text).value_or(0));
  } else if (!key.starts_with(':')) {
    head.fields.push_back({std::string(key), std::string(text)});
  }
  return 0;
}

int TunnelCallbacks::begin_frame(nghttp2_session* raw, const nghttp2_frame_hd* head, void* user) {
  TunnelSession& session = session_of(user);
  bool allowed = true;
  switch (head->type) {
    case NGHTTP2_HEADERS: break;  // bounded by streams
    case NGHTTP2_CONTINUATION: allowed = ++session.continuations_ <= continuations_max; break;
    case NGHTTP2_RST_STREAM: {
      // A flow that was answered may end so, ten thousand at once when their program is killed; one that was not made
      // us work for nothing.
      const TunnelStream* stream = stream_of(raw, head->stream_id);
      allowed = stream != nullptr && stream->responded_ ? true : session.resets_.take();
      break;
    }
    case NGHTTP2_DATA:
      if (head->length > 0) {
        session.idle_frames_.give();
        break;
      }
      [[fallthrough]];
    default: allowed = session.idle_frames_.take(); break;
  }
  if (!allowed) session.over_budget_ = true;
  if (head->type != NGHTTP2_CONTINUATION) session.continuations_ = 0;
  const bool opens_or_fills = head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_DATA;
  if (opens_or_fills && session.violation_ == 0)
    session.violation_ = look_at_gone(session.history_.fate(head->stream_id));
  return 0;
}

int TunnelCallbacks::frame_received(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
  TunnelSession& session = session_of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY) session.goaway_received_ = true;
  if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    uint64_t number = 0;
    std::memcpy(&number, frame->ping.opaque_data, sizeof number);
    session.round_trip_.answered(number, session.now_);
  }
  TunnelStream* stream = frame->hd.stream_id == 0 ? nullptr : stream_of(raw, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    session.requests_.push_back(stream);
    stream->requested_ = true;
  } else if (frame->hd.type == NGHTTP2_HEADERS && session.role_ == TunnelSession::Role::kClient &&
             !stream->responded_) {
    if (stream->head_.status < 200) {  // an interim answer
      stream->head_ = {};
    } else {
      stream->responded_ = true;
    }
  }
  if (frame->hd.type == NGHTTP2_RST_STREAM) stream->reset_by_peer_ = true;
  const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream->remote_ended_ = true;
  session.changed(*stream);
  return 0;
}

int TunnelCallbacks::data(nghttp2_session* raw, uint8_t, int32_t id, const uint8_t* bytes, size_t count, void* user) {
  TunnelSession& session = session_of(user);
  session.connection_unread_ += count;
  TunnelStream* stream = stream_of(raw, id);
  if (stream == nullptr) return 0;
  if (stream->released_) {  // nobody reads it; the peer may still wait for room before it takes our end
    stream->uncredited_ += static_cast<uint32_t>(count);
    session.to_settle_.push_back(stream);
    return 0;
  }
  stream->received_.append({bytes, count});
  session.received_bytes_ += count;
  session.changed(*stream);
  return 0;
}

int TunnelCallbacks::frame_sent(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
  TunnelSession& session = session_of(user);
  if (frame->hd.type == NGHTTP2_RST_STREAM && is_complaint(frame->rst_stream.error_code)) {
    if (!session.resets_.take()) session.over_budget_ = true;
    return 0;
  }
  if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0) session.idle_frames_.give();
  const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!carries_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  TunnelStream* stream = stream_of(raw, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  stream->end_sent_ = true;
  session.to_settle_.push_back(stream);
  return 0;
}

int TunnelCallbacks::stream_closed(nghttp2_session* raw, int32_t id, uint32_t code, void* user) {
  TunnelSession& session = session_of(user);
  TunnelStream* stream = stream_of(raw, id);
  if (stream == nullptr) return 0;
  if (stream->remote_ended_ || stream->reset_by_peer_) session.history_.ended(id);
  (void)nghttp2_session_set_stream_user_data(raw, id, nullptr);
  stream->closed_ = true;
  // After its END_STREAM a peer may say that it wants nothing more (RFC 9113 section 8.1): no accident.
  if (code != NGHTTP2_NO_ERROR || !stream->remote_ended_) stream->reset_ = true;
  session.to_settle_.push_back(stream);
  session.changed(*stream);
  return 0;
}

ssize_t TunnelCallbacks::data_length(nghttp2_session*, uint8_t, int32_t, int32_t connection_window,
                                     int32_t stream_window, uint32_t frame_max, void*) {
  const auto room = static_cast<uint32_t>(std::max(1, std::min(connection_window, stream_window)));
  return static_cast<ssize_t>(std::min({room, frame_max, static_cast<uint32_t>(data_bytes_max)}));
}

ssize_t TunnelCallbacks::read_unsent(nghttp2_session*, int32_t, uint8_t* into, size_t count, uint32_t* flags,
                                     nghttp2_data_source* source, void* user) {
  TunnelSession& session = session_of(user);
  auto& stream = *static_cast<TunnelStream*>(source->ptr);
  if (stream.unsent_.empty() && !stream.write_ended_) {
    stream.deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t moved = std::min(count, stream.unsent_.size());
  if (moved > 0) std::memcpy(into, stream.unsent_.view().data(), moved);
  stream.unsent_.consume(moved);
  session.unsent_bytes_ -= moved;
  if (stream.unsent_.empty() && stream.write_ended_) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream.blocked_ && stream.unsent_.size() <= unsent_bytes_max / 2 && stream.writable()) {
    stream.blocked_ = false;
    session.changed(stream);
  }
  return static_cast<ssize_t>(moved);
}

const nghttp2_session_callbacks* TunnelCallbacks::table() {
  static const nghttp2_session_callbacks* const made = [] {
    nghttp2_session_callbacks* table = nullptr;
    SLUICE_ASSERT(nghttp2_session_callbacks_new(&table) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(table, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(table, header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(table, begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(table, frame_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, data);
    nghttp2_session_callbacks_set_on_frame_send_callback(table, frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(table, stream_closed);
    nghttp2_session_callbacks_set_data_source_read_length_callback(table, data_length);
    return table;
  }();
  return made;
}

}  // namespace sluice::http
