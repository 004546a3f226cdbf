#include "proxy/http/http2_session.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/base/text.h"
#include "proxy/http/fields.h"
#include "proxy/http/http2_callbacks.h"
#include "proxy/http/http2_state.h"
#include "proxy/http/limits.h"
#include "proxy/http/status.h"

namespace sluice::http {

namespace {

// Pairs for nghttp2, which copies them and lowers the case of names.
class Pairs {
 public:
  void add(std::string_view name, std::string_view value) {
    nghttp2_nv pair{};
    pair.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
    pair.namelen = name.size();
    pair.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
    pair.valuelen = value.size();
    list_.push_back(pair);
  }
  void add_fields(const Fields& fields) {
    list_.reserve(list_.size() + fields.size() + 2);
    for (const Field& field : fields) {
      SLUICE_ASSERT(wire::is_token(field.name));
      // What HTTP/1 needs to accept a WebSocket has no place here (RFC 8441 section 5).
      if (base::equal_ignore_case(field.name, "sec-websocket-key")) continue;
      if (base::equal_ignore_case(field.name, "sec-websocket-accept")) continue;
      add(field.name, wire::is_field_value(field.value) ? field.value : cleaned(field.value));
    }
  }
  void add_length(const BodyFraming& body, bool end) {
    if (body.kind != BodyKind::kLength || (end && body.length > 0)) return;
    add("content-length", kept_.emplace_back(std::to_string(body.length)));
  }
  nghttp2_nv* data() { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  std::string_view cleaned(std::string_view value) {
    std::string& clean = kept_.emplace_back();
    wire::append_field_text(clean, value);
    return clean;
  }

  std::vector<nghttp2_nv> list_;
  std::list<std::string> kept_;  // texts made here; the list points into them
};

nghttp2_data_provider provider_of(Http2Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = http2_read_unsent;
  return provider;
}

void submit_settings(Http2State& state) {
  std::vector<nghttp2_settings_entry> entries{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(stream_window_bytes)}};
  if (state.server()) {
    entries.push_back({NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(request_list_bytes_max)});
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, state.options.streams_max});
    // Urgency is taken from `priority` (RFC 9218); the tree of RFC 7540 is ignored.
    entries.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
    if (state.options.websockets) entries.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
  } else {
    entries.push_back({NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(response_list_bytes_max)});
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  SLUICE_ASSERT(nghttp2_submit_settings(state.session, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) == 0);
  SLUICE_ASSERT(nghttp2_session_set_local_window_size(state.session, NGHTTP2_FLAG_NONE, 0, state.window.bytes()) == 0);
}

void submit_trailers(Http2State& state) {
  for (const StreamId id : std::exchange(state.to_trail, {})) {
    Http2Stream* stream = state.find(id);
    if (stream == nullptr) continue;
    Pairs pairs;
    pairs.add_fields(stream->trailers);
    (void)nghttp2_submit_trailer(state.session, id, pairs.data(), pairs.size());
  }
}

}  // namespace

Http2Session::Http2Session(const Options& options, base::Time now)
    : state_(std::make_unique<Http2State>(options, now)) {
  submit_settings(*state_);
}

Http2Session::~Http2Session() = default;

// ---- bytes and events

void Http2Session::receive(base::ByteView bytes, base::Time now) {
  Http2State& state = *state_;
  state.now = state.last_heard = now;
  if (state.failed) return;
  state.idle_frames.refill(now);
  state.resets.refill(now);
  state.walk.receive(bytes, now);
  const ssize_t taken = nghttp2_session_mem_recv(state.session, bytes.data(), bytes.size());
  state.after_nghttp2();
  if (taken == NGHTTP2_ERR_FLOODED) {
    state.fail(Http2Code::kEnhanceYourCalm, "more PING or SETTINGS than the peer reads answers to");
  } else if (taken < 0) {
    state.fail(Http2Code::kProtocolError, nghttp2_strerror(static_cast<int>(taken)));
  }
  state.give_connection_window();
  state.measure_round_trip();
}

void Http2Session::receive_end(bool) {
  state_->failed = state_->mute = true;
}

SessionEvents Http2Session::take_events() {
  return std::exchange(state_->events, {});
}

base::Chunk Http2Session::take_output(size_t bytes_max) {
  Http2State& state = *state_;
  state.output_bytes_max = bytes_max;
  bool more = !state.mute;
  while (more && state.output.size() < bytes_max) {
    const uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(state.session, &bytes);
    if (count < 0) state.failed = state.mute = true;
    if (count > 0) state.output.append({bytes, static_cast<size_t>(count)});
    more = count > 0 || !state.to_trail.empty();
    submit_trailers(state);
    state.after_nghttp2();
  }
  for (const StreamId id : std::exchange(state.moved, {})) {
    Http2Stream* stream = state.find(id);
    if (stream == nullptr || stream->phase != Http2Stream::Phase::kOpen || stream->just_sent == 0) continue;
    state.events.emplace_back(DataSent{id, std::exchange(stream->just_sent, 0)});
  }
  return std::exchange(state.output, {});
}

bool Http2Session::has_output() const {
  return !state_->mute && nghttp2_session_want_write(state_->session) != 0;
}

// ---- messages

StreamId Http2Session::send_request(const Request& request, bool end) {
  Http2State& state = *state_;
  if (state.server() || !may_open_stream()) return 0;
  auto stream = std::make_unique<Http2Stream>(0, HeadBlock::Kind::kResponse, state.now);
  stream->phase = Http2Stream::Phase::kOpen;
  stream->method = request.method;
  stream->websocket = request.websocket;
  stream->write_ended = end;
  const std::string authority = host_field(state.options.scheme, request.authority);
  Pairs pairs;
  pairs.add(":method", request.websocket ? "CONNECT" : std::string_view(request.method));
  if (request.websocket) pairs.add(":protocol", "websocket");
  pairs.add(":scheme", state.options.scheme == Scheme::kHttps ? "https" : "http");
  pairs.add(":authority", authority);
  pairs.add(":path", request.path);
  pairs.add_fields(request.fields);
  pairs.add_length(request.body, end);
  if (request.accepts_trailers) pairs.add("te", "trailers");
  if (request.expects_continue) pairs.add("expect", "100-continue");
  const nghttp2_data_provider provider = provider_of(*stream);
  const int32_t id =
      nghttp2_submit_request(state.session, nullptr, pairs.data(), pairs.size(), end ? nullptr : &provider, nullptr);
  if (id <= 0) return 0;  // stream numbers are used up
  stream->id = id;
  state.streams[id] = std::move(stream);
  return id;
}

void Http2Session::send_response(StreamId id, const Response& response, bool end) {
  Http2State& state = *state_;
  Http2Stream* stream = state.find(id);
  if (stream == nullptr || stream->phase != Http2Stream::Phase::kOpen || stream->answered) return;
  const bool accepts = response.status == switching_protocols;
  if (accepts && !stream->websocket) return state.reset(*stream, Http2Code::kInternalError);
  const bool interim = response.status < first_final_status && !accepts;
  const std::string status = std::to_string(accepts ? first_final_status : response.status);
  Pairs pairs;
  pairs.add(":status", status);
  pairs.add_fields(response.fields);
  if (interim) {
    const int queued =
        nghttp2_submit_headers(state.session, NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(), pairs.size(), nullptr);
    stream->heads_queued += queued == 0 ? 1 : 0;
    return;
  }
  pairs.add_length(response.body, end);
  stream->answered = true;
  stream->write_ended = stream->write_ended || end;
  const nghttp2_data_provider provider = provider_of(*stream);
  const int queued = nghttp2_submit_response(state.session, id, pairs.data(), pairs.size(), end ? nullptr : &provider);
  stream->heads_queued += queued == 0 ? 1 : 0;
}

void Http2Session::send_data(StreamId id, base::Chunk bytes) {
  Http2Stream* stream = state_->find(id);
  if (stream == nullptr || stream->phase != Http2Stream::Phase::kOpen || stream->write_ended || bytes.empty()) return;
  if (stream->unsent.empty()) {
    stream->unsent = std::move(bytes);
  } else {
    stream->unsent.append(bytes.view());
  }
  state_->resume(*stream);
}

void Http2Session::send_end(StreamId id, const Fields& trailers) {
  Http2Stream* stream = state_->find(id);
  if (stream == nullptr || stream->phase != Http2Stream::Phase::kOpen || stream->write_ended) return;
  stream->write_ended = true;
  stream->trailers = trailers;
  state_->resume(*stream);
}

size_t Http2Session::unsent(StreamId id) const {
  const Http2Stream* stream = state_->find(id);
  return stream == nullptr ? 0 : stream->unsent.size();
}

void Http2Session::consumed(StreamId id, size_t bytes) {
  Http2Stream* stream = state_->find(id);
  if (stream == nullptr) return;
  const size_t held = std::min(bytes, stream->unconsumed);
  stream->unconsumed -= held;
  state_->unconsumed -= held;
  if (held > 0) state_->credit(*stream, held);
  state_->give_connection_window();
}

void Http2Session::discard(StreamId id) {
  Http2Stream* stream = state_->find(id);
  if (stream == nullptr || stream->phase != Http2Stream::Phase::kOpen) return;
  stream->discarding = true;
  consumed(id, stream->unconsumed);
  state_->to_discard.push_back(id);
  state_->after_nghttp2();
}

void Http2Session::reset(StreamId id, Http2Code code) {
  Http2Stream* stream = state_->find(id);
  if (stream != nullptr && stream->phase == Http2Stream::Phase::kOpen) state_->reset(*stream, code);
}

// ---- connection

bool Http2Session::may_open_stream() const {
  const Http2State& state = *state_;
  if (state.failed || state.draining || state.peer_drains) return false;
  if (nghttp2_session_check_request_allowed(state.session) == 0) return false;
  return state.streams.size() <
         nghttp2_session_get_remote_settings(state.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Http2Session::takes_websockets() const {
  return nghttp2_session_get_remote_settings(state_->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

void Http2Session::offer_websockets() {
  Http2State& state = *state_;
  if (state.failed || !state.server() || std::exchange(state.options.websockets, true)) return;
  const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
  (void)nghttp2_submit_settings(state.session, NGHTTP2_FLAG_NONE, &entry, 1);
}

void Http2Session::announce_drain() {
  if (!state_->draining && !state_->failed) (void)nghttp2_submit_shutdown_notice(state_->session);
}

void Http2Session::drain() {
  Http2State& state = *state_;
  if (state.failed || std::exchange(state.draining, true)) return;
  const int32_t last = nghttp2_session_get_last_proc_stream_id(state.session);
  (void)nghttp2_submit_goaway(state.session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2Session::terminate(Http2Code code) {
  Http2State& state = *state_;
  if (state.failed) return;
  state.failed = true;
  for (auto& [id, stream] : state.streams) stream->phase = Http2Stream::Phase::kOver;
  (void)nghttp2_session_terminate_session(state.session, static_cast<uint32_t>(code));
}

void Http2Session::ping(base::Time now) {
  state_->now = now;
  state_->ping(now);
}

bool Http2Session::finished() const {
  const Http2State& state = *state_;
  if (state.mute) return true;
  if (state.failed) return nghttp2_session_want_write(state.session) == 0;
  return nghttp2_session_want_read(state.session) == 0 && nghttp2_session_want_write(state.session) == 0;
}

bool Http2Session::idle() const {
  return state_->streams.empty();
}

size_t Http2Session::streams() const {
  return state_->streams.size();
}

base::Time Http2Session::last_heard() const {
  return state_->last_heard;
}

std::optional<base::Time> Http2Session::unfinished_since() const {
  return state_->failed ? std::nullopt : state_->walk.unfinished_since();
}

std::optional<base::Duration> Http2Session::round_trip() const {
  return state_->round_trip.value();
}

}  // namespace sluice::http
