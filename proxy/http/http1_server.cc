#include "proxy/http/http1_server.h"

#include <algorithm>
#include <utility>

#include "proxy/http/limits.h"
#include "proxy/http/status.h"

namespace sluice::http {

// ---- what the client says

void Http1Server::receive(base::ByteView bytes, base::Time now) {
  if (over_) return;
  if (opaque_) return content(bytes);
  if (!reader_.in_head()) head_since_ = now;
  reader_.receive(base::Chunk::copy_of(bytes));
  read();
}

bool Http1Server::may_read() const {
  if (over_ || opaque_) return false;
  if (stream_ == 0) return keeps_;
  return !request_ended_ && unconsumed_ < unread_bytes_max;
}

void Http1Server::read() {
  while (may_read()) {
    switch (reader_.next()) {
      case Next::kNeedMore:
        if (ended_ && stream_ == 0) over_ = true;
        return;
      case Next::kHead: request_head(); break;
      case Next::kContent: content(reader_.content()); break;
      case Next::kEnd: request_ended(); break;
      case Next::kInvalid:
        if (stream_ == 0) return refuse_head();
        events_.emplace_back(
            StreamReset{stream_, Http2Code::kProtocolError, false, false, std::string(reader_.problem().text)});
        return answered_ ? breaks() : last_words();
    }
  }
}

// The request turned out to be none, and nobody has answered it.
void Http1Server::last_words() {
  constexpr int bad_request = 400;
  Response response;
  response.status = bad_request;
  response.reason = "Bad Request";
  const ResponseStyle style{.body = {BodyKind::kLength, 0}, .keep_alive = false};
  heads_.append(base::as_bytes(write_response_head(response, style)));
  stream_ = 0;
  over_ = true;
}

void Http1Server::request_head() {
  stream_ = last_ += 2;
  Request& request = reader_.request();
  keeps_ = request.keep_alive && keeps_;
  minor_version_ = request.minor_version;
  websocket_ = request.websocket;
  told_end_ = request.body.kind == BodyKind::kNone && !websocket_;
  request_ended_ = discarding_ = opaque_ = answered_ = bodyless_ = response_ended_ = end_sent_ = false;
  unconsumed_ = 0;
  trailers_.clear();
  events_.emplace_back(RequestReceived{stream_, request, told_end_});
}

void Http1Server::request_ended() {
  request_ended_ = true;
  if (!told_end_ && !websocket_) events_.emplace_back(StreamEnded{stream_, reader_.take_trailers()});
  both_ended();
}

void Http1Server::content(base::ByteView bytes) {
  if (bytes.empty() || discarding_) return;
  unconsumed_ += bytes.size();
  events_.emplace_back(DataReceived{stream_, base::Chunk::copy_of(bytes)});
}

// It can be answered; nothing behind it can be read.
void Http1Server::refuse_head() {
  stream_ = last_ += 2;
  keeps_ = false;
  request_ended_ = true;
  answered_ = bodyless_ = response_ended_ = end_sent_ = false;
  events_.emplace_back(RequestRefused{stream_, reader_.problem(), {}, {}, {}, false});
}

bool Http1Server::receive_end() {
  ended_ = true;
  if (over_) return false;
  if (opaque_) {
    if (!std::exchange(request_ended_, true)) events_.emplace_back(StreamEnded{stream_, {}});
    both_ended();
    return true;
  }
  if (stream_ != 0) return request_ended_;
  read();
  return stream_ != 0;
}

// Content that has not left, or requests sent ahead.
bool Http1Server::full() const {
  const size_t ahead = stream_ != 0 && request_ended_ && !opaque_ ? reader_.waiting() : 0;
  return std::max(unconsumed_, ahead) >= unread_bytes_max;
}

std::optional<base::Time> Http1Server::unfinished_since() const {
  if (over_ || stream_ != 0 || !reader_.in_head()) return std::nullopt;
  return head_since_;
}

SessionEvents Http1Server::take_events() {
  return std::exchange(events_, {});
}

void Http1Server::consumed(StreamId stream, size_t bytes) {
  if (stream != stream_) return;
  unconsumed_ -= std::min(bytes, unconsumed_);
  read();
}

// ---- what we say

void Http1Server::send_response(StreamId stream, const Response& response, bool end) {
  if (stream == 0 || stream != stream_ || answered_) return;
  if (response.status == switching_protocols) {
    if (!websocket_) return breaks();
    answered_ = opaque_ = true;
    keeps_ = false;
    body_ = BodyWriter();
    request_ended_ = ended_;
    const std::string head = write_response_head(response, {.body = {}, .websocket = true});
    heads_.append(base::as_bytes(head));
    const base::Chunk ahead = reader_.take_rest();
    content(ahead.view());
    return;
  }
  if (response.status < first_final_status) {
    if (minor_version_ > 0) heads_.append(base::as_bytes(write_response_head(response, {})));
    return;
  }
  answered_ = true;
  bodyless_ = end;
  response_ended_ = end;
  response_ = response;
}

// As late as it can be: by now it is known whether the connection is kept.
void Http1Server::write_head() {
  if (!response_) return;
  const BodyFraming framing = framing_for(response_->body, minor_version_);
  const bool last = ended_ && reader_.waiting() == 0;
  if (framing.kind == BodyKind::kUntilClose || discarding_ || last) keeps_ = false;
  body_ = bodyless_ ? BodyWriter() : BodyWriter(framing.kind);
  heads_.append(base::as_bytes(write_response_head(*response_, {.body = framing, .keep_alive = keeps_})));
  response_.reset();
}

void Http1Server::send_data(StreamId stream, base::Chunk bytes) {
  if (stream == 0 || stream != stream_ || !answered_ || response_ended_) return;
  if (unsent_.empty()) {
    unsent_ = std::move(bytes);
  } else {
    unsent_.append(bytes.view());
  }
}

void Http1Server::send_end(StreamId stream, const Fields& trailers) {
  if (stream == 0 || stream != stream_ || !answered_ || response_ended_) return;
  response_ended_ = true;
  trailers_ = trailers;
}

base::Chunk Http1Server::take_output(size_t bytes_max) {
  if (broken_) return {};
  write_head();
  base::Chunk out = std::exchange(heads_, {});
  size_t sent = 0;
  while (!unsent_.empty() && out.size() < bytes_max) {
    const size_t count = std::min(unsent_.size(), bytes_max - out.size());
    const base::Chunk framed = body_.content(unsent_.view().first(count));
    out.append(framed.view());
    unsent_.consume(count);
    sent += count;
  }
  if (sent > 0) events_.emplace_back(DataSent{stream_, sent});
  if (stream_ == 0 || !response_ended_ || end_sent_ || !unsent_.empty()) return out;
  end_sent_ = true;
  if (!opaque_) {
    const base::Chunk end = body_.end(trailers_);
    out.append(end.view());
  }
  both_ended();
  return out;
}

bool Http1Server::has_output() const {
  return !broken_ && (!heads_.empty() || response_ || !unsent_.empty() || (response_ended_ && !end_sent_));
}

void Http1Server::both_ended() {
  if (!end_sent_) return;
  if (!request_ended_ && !discarding_ && !opaque_) return;
  if (request_ended_ || opaque_) {
    events_.emplace_back(StreamClosed{stream_});
  } else {
    keeps_ = false;  // what is left of the request has nowhere to go
  }
  stream_ = 0;
  over_ = over_ || !keeps_;
  read();
}

void Http1Server::discard(StreamId stream) {
  if (stream == 0 || stream != stream_) return;
  discarding_ = !request_ended_;
  both_ended();
}

void Http1Server::reset(StreamId stream, Http2Code) {
  if (stream != 0 && stream == stream_) breaks();
}

void Http1Server::breaks() {
  over_ = broken_ = true;
  stream_ = 0;
  unsent_.release();
  heads_.release();
  response_.reset();
}

// ---- connection

void Http1Server::drain() {
  keeps_ = false;
  if (stream_ == 0) over_ = true;
}

void Http1Server::terminate(Http2Code) {
  if (stream_ != 0) breaks();
  over_ = true;
}

}  // namespace sluice::http
