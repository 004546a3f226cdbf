#include "proxy/http/tunnel_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/http/http2_options.h"
#include "proxy/http/limits.h"
#include "proxy/http/tunnel_callbacks.h"

namespace sluice::http {

namespace {

nghttp2_nv pair_of(std::string_view name, std::string_view value, uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  nghttp2_nv pair{};
  pair.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));  // nghttp2 copies, and only reads
  pair.namelen = name.size();
  pair.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
  pair.valuelen = value.size();
  pair.flags = flags;
  return pair;
}

// Values that never come again would only push out those that do.
uint8_t flags_for(std::string_view name) {
  const bool unique = name == "sluice-flow-id" || name == "sluice-source" || name == "sluice-reason";
  return unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

void append(const wire::Fields& fields, std::vector<nghttp2_nv>& pairs) {
  for (const wire::Field& field : fields) pairs.push_back(pair_of(field.name, field.value, flags_for(field.name)));
}

nghttp2_data_provider provider_of(TunnelStream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = TunnelCallbacks::read_unsent;
  return provider;
}

}  // namespace

TunnelSession::TunnelSession(const Options& options, base::Time now)
    : role_(options.role),
      now_(now),
      last_heard_(now),
      idle_frames_(idle_frames_burst_max, idle_frames_per_second, now),
      resets_(resets_burst_max, resets_per_second, now),
      connection_window_(connection_window_bytes, connection_window_bytes_max, now) {
  const auto make = role_ == Role::kServer ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  SLUICE_ASSERT(make(&session_, TunnelCallbacks::table(), this, http2_options()) == 0);
  submit_settings(options);
}

TunnelSession::~TunnelSession() {
  while (first_ != nullptr) {
    TunnelStream& stream = *first_;
    StreamUser* user = std::exchange(stream.user_, nullptr);
    remove(stream);
    if (user != nullptr) user->on_tunnel_lost();
  }
  nghttp2_session_del(session_);
}

void TunnelSession::submit_settings(const Options& options) {
  std::vector<nghttp2_settings_entry> entries{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(fields_bytes_max)}};
  if (role_ == Role::kServer) {
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.streams_max});
  } else {
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  SLUICE_ASSERT(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) == 0);
  SLUICE_ASSERT(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window_bytes) == 0);
  ping(now_);  // the first measure of the round trip
}

// ---- bytes

void TunnelSession::receive(base::ByteView bytes, base::Time now) {
  now_ = last_heard_ = now;
  idle_frames_.refill(now);
  resets_.refill(now);
  const ssize_t taken = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  if (taken == NGHTTP2_ERR_FLOODED) {
    refuse_because("more PING or SETTINGS than the peer reads answers to");
  } else if (taken < 0) {
    broken_ = true;
    (void)nghttp2_session_terminate_session(session_, NGHTTP2_PROTOCOL_ERROR);
  }
  after_nghttp2();
  give_connection_window();
  if (round_trip_.measured() && round_trip_.age(now) >= round_trip_every) ping(now);
}

base::ByteView TunnelSession::output() {
  const uint8_t* bytes = nullptr;
  const ssize_t count = nghttp2_session_mem_send(session_, &bytes);
  if (count < 0) broken_ = mute_ = true;
  after_nghttp2();
  return count > 0 ? base::ByteView{bytes, static_cast<size_t>(count)} : base::ByteView{};
}

bool TunnelSession::finished() const {
  if (mute_) return true;
  if (broken_) return nghttp2_session_want_write(session_) == 0;
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void TunnelSession::after_nghttp2() {
  if (over_budget_ && refusal_ == nullptr) refuse_because("more resets or empty frames than the tunnel needs");
  if (violation_ != 0 && !broken_) {
    broken_ = true;
    (void)nghttp2_session_terminate_session(session_, violation_);
  }
  for (size_t i = 0; i < to_settle_.size(); ++i) {
    if (to_settle_[i] != nullptr) settle(*to_settle_[i]);
  }
  to_settle_.clear();
}

void TunnelSession::dispatch() {
  for (size_t i = 0; i < changed_.size(); ++i) {
    TunnelStream* stream = std::exchange(changed_[i], nullptr);
    if (stream == nullptr) continue;
    stream->changed_at_ = 0;
    if (stream->user_ != nullptr) stream->user_->on_tunnel_stream(*stream);
  }
  changed_.clear();
}

// ---- streams

TunnelStream& TunnelSession::add(int32_t id) {
  auto* stream = new TunnelStream(*this, id, now_);  // freed by remove()
  stream->next_ = first_;
  if (first_ != nullptr) first_->previous_ = stream;
  first_ = stream;
  ++streams_;
  return *stream;
}

void TunnelSession::remove(TunnelStream& stream) {
  if (stream.changed_at_ != 0) changed_[stream.changed_at_ - 1] = nullptr;
  const auto untaken = requests_.begin() + static_cast<std::ptrdiff_t>(requests_taken_);
  std::replace(untaken, requests_.end(), &stream, static_cast<TunnelStream*>(nullptr));
  std::replace(to_settle_.begin(), to_settle_.end(), &stream, static_cast<TunnelStream*>(nullptr));
  if (!stream.closed_ && stream.id_ > 0) (void)nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  received_bytes_ -= stream.received_.size();
  unsent_bytes_ -= stream.unsent_.size();
  (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  --streams_;
  delete &stream;
}

void TunnelSession::changed(TunnelStream& stream) {
  if (stream.changed_at_ != 0) return;
  changed_.push_back(&stream);
  stream.changed_at_ = static_cast<uint32_t>(changed_.size());
}

// A released stream ends when everything was sent; a peer that goes on after that is told to stop.
void TunnelSession::settle(TunnelStream& stream) {
  const bool never_was = role_ == Role::kServer && !stream.requested_;
  if (stream.closed_ && (stream.released_ || never_was)) return remove(stream);
  if (!stream.released_) return;
  if (stream.uncredited_ > 0) credit(stream, std::exchange(stream.uncredited_, 0));
  if (stream.end_sent_ && !stream.remote_ended_) {
    reset(stream, role_ == Role::kServer ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
  }
}

TunnelStream* TunnelSession::take_request() {
  while (requests_taken_ < requests_.size()) {
    TunnelStream* stream = requests_[requests_taken_++];
    if (stream == nullptr) continue;
    const Head& head = stream->head_;
    if (!head.too_large && head.method == "CONNECT") return stream;
    stream->respond(head.too_large ? 431 : 405, {{"allow", "CONNECT"}}, true);
    stream->release(false);
  }
  requests_.clear();
  requests_taken_ = 0;
  return nullptr;
}

bool TunnelSession::accepts_streams() const {
  if (broken_ || goaway_received_ || goaway_sent_ || nghttp2_session_check_request_allowed(session_) == 0) return false;
  return streams_ < nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

TunnelStream* TunnelSession::connect(const std::string& authority, const wire::Fields& fields, base::ByteView early) {
  if (!accepts_streams()) return nullptr;
  TunnelStream& stream = add(0);
  stream.unsent_.append(early);
  unsent_bytes_ += early.size();
  std::vector<nghttp2_nv> pairs{pair_of(":method", "CONNECT"),
                                pair_of(":authority", authority, NGHTTP2_NV_FLAG_NO_INDEX)};
  append(fields, pairs);
  const nghttp2_data_provider provider = provider_of(stream);
  stream.id_ = nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(), &provider, &stream);
  if (stream.id_ > 0) return &stream;
  remove(stream);  // stream numbers are used up
  return nullptr;
}

// ---- connection

void TunnelSession::announce_drain() {
  if (!goaway_sent_) (void)nghttp2_submit_shutdown_notice(session_);
}

void TunnelSession::drain() {
  if (std::exchange(goaway_sent_, true)) return;
  const int32_t last = nghttp2_session_get_last_proc_stream_id(session_);
  (void)nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void TunnelSession::refuse() {
  refuse_because("refused");
}

void TunnelSession::refuse_because(const char* why) {
  if (refusal_ != nullptr) return;
  refusal_ = why;
  broken_ = goaway_sent_ = true;
  (void)nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

void TunnelSession::ping(base::Time now) {
  const uint64_t number = round_trip_.begin(now);
  uint8_t opaque[8];
  std::memcpy(opaque, &number, sizeof opaque);
  (void)nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, opaque);
}

// ---- windows

void TunnelSession::give_connection_window() {
  if (connection_unread_ == 0 || received_bytes_ > received_bytes_max) return;
  const size_t bytes = std::exchange(connection_unread_, 0);
  (void)nghttp2_session_consume_connection(session_, bytes);
  if (connection_window_.consume(bytes, now_, round_trip_.value().value_or(round_trip_min))) {
    (void)nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window_.bytes());
  }
}

void TunnelSession::credit(TunnelStream& stream, uint32_t bytes) {
  if (stream.closed_ || stream.remote_ended_) return;
  (void)nghttp2_session_consume_stream(session_, stream.id_, bytes);
  if (stream.window_.consume(bytes, now_, round_trip_.value().value_or(round_trip_min))) {
    (void)nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream.id_, stream.window_.bytes());
  }
}

void TunnelSession::resume(TunnelStream& stream) {
  if (!std::exchange(stream.deferred_, false)) return;
  (void)nghttp2_session_resume_data(session_, stream.id_);
}

void TunnelSession::reset(TunnelStream& stream, uint32_t code) {
  if (stream.closed_) return;
  unsent_bytes_ -= stream.unsent_.size();
  stream.unsent_.release();
  (void)nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, code);
}

// ---- TunnelStream

bool TunnelStream::writable() const {
  if (closed_ || reset_ || write_ended_) return false;
  const bool crowded = session_.unsent_bytes_ > unsent_total_bytes;
  return unsent_.size() < (crowded ? unsent_crowded_bytes_max : unsent_bytes_max);
}

size_t TunnelStream::read(std::span<uint8_t> into) {
  if (uncredited_ > 0) session_.credit(*this, std::exchange(uncredited_, 0));
  const size_t moved = std::min(into.size(), received_.size());
  if (moved == 0) return 0;
  std::memcpy(into.data(), received_.view().data(), moved);
  received_.consume(moved);
  uncredited_ = static_cast<uint32_t>(moved);
  session_.received_bytes_ -= moved;
  session_.give_connection_window();
  return moved;
}

size_t TunnelStream::write(base::ByteView bytes) {
  if (!writable()) {
    blocked_ = true;
    return 0;
  }
  const bool crowded = session_.unsent_bytes_ > unsent_total_bytes;
  const size_t room = (crowded ? unsent_crowded_bytes_max : unsent_bytes_max) - unsent_.size();
  const size_t moved = std::min(room, bytes.size());
  unsent_.append(bytes.first(moved));
  session_.unsent_bytes_ += moved;
  session_.resume(*this);
  if (!writable()) blocked_ = true;  // also when all fitted exactly: the user looks at writable(), and waits
  return moved;
}

void TunnelStream::end_write() {
  if (write_ended_ || closed_) return;
  write_ended_ = true;
  session_.resume(*this);
}

void TunnelStream::respond(int status, const wire::Fields& fields, bool end) {
  if (closed_ || responded_) return;
  responded_ = true;
  const std::string number = std::to_string(status);
  std::vector<nghttp2_nv> pairs{pair_of(":status", number)};
  append(fields, pairs);
  const nghttp2_data_provider provider = provider_of(*this);
  write_ended_ = write_ended_ || end;
  const bool empty = write_ended_ && unsent_.empty();
  (void)nghttp2_submit_response(session_.session_, id_, pairs.data(), pairs.size(), empty ? nullptr : &provider);
}

void TunnelStream::release(bool abort) {
  SLUICE_ASSERT(!released_);
  user_ = nullptr;
  released_ = true;
  session_.received_bytes_ -= received_.size();
  received_.release();
  session_.give_connection_window();
  if (closed_) return session_.remove(*this);
  const bool answered = responded_;
  if (abort || reset_ || !answered) return session_.reset(*this, abort ? NGHTTP2_CONNECT_ERROR : NGHTTP2_CANCEL);
  end_write();
  session_.settle(*this);
}

}  // namespace sluice::http
