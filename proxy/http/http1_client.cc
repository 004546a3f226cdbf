#include "proxy/http/http1_client.h"

#include <algorithm>
#include <utility>

#include "proxy/http/limits.h"
#include "proxy/http/status.h"

namespace sluice::http {

// ---- what we say

StreamId Http1Client::send_request(const Request& request, bool end) {
  if (!may_open_stream()) return 0;
  stream_ = last_ += 2;
  head_ = base::Chunk::copy_of(write_request_head(request, scheme_, true));
  body_ = BodyWriter(request.body.kind);
  length_known_ = request.body.kind == BodyKind::kLength;
  length_left_ = request.body.length;
  websocket_ = request.websocket;
  request_ended_ = end;
  end_sent_ = opaque_ = response_ended_ = told_end_ = false;
  unconsumed_ = 0;
  reader_.emplace(request.method);
  return stream_;
}

// A length that was announced is kept, whatever the other side's codec let pass: what follows it would be another
// request.
void Http1Client::send_data(StreamId stream, base::Chunk bytes) {
  if (stream != stream_ || request_ended_) return;
  if (length_known_) {
    if (bytes.size() > length_left_) return refuse("the request is longer than it said");
    length_left_ -= bytes.size();
  }
  if (unsent_.empty()) {
    unsent_ = std::move(bytes);
  } else {
    unsent_.append(bytes.view());
  }
}

void Http1Client::send_end(StreamId stream, const Fields& trailers) {
  if (stream != stream_ || request_ended_) return;
  if (length_known_ && length_left_ > 0) return refuse("the request is shorter than it said");
  request_ended_ = true;
  trailers_ = trailers;
}

base::Chunk Http1Client::take_output(size_t bytes_max) {
  base::Chunk out = std::exchange(head_, {});
  if (websocket_ && !opaque_) return out;  // nothing but the head, until the origin agrees
  size_t sent = 0;
  while (!unsent_.empty() && out.size() < bytes_max) {
    const size_t count = std::min(unsent_.size(), bytes_max - out.size());
    const base::Chunk framed = body_.content(unsent_.view().first(count));
    out.append(framed.view());
    unsent_.consume(count);
    sent += count;
  }
  if (sent > 0) events_.emplace_back(DataSent{stream_, sent});
  if (stream_ == 0 || !request_ended_ || end_sent_ || !unsent_.empty()) return out;
  end_sent_ = true;
  if (opaque_) {
    end_due_ = true;
  } else {
    const base::Chunk end = body_.end(trailers_);
    out.append(end.view());
  }
  both_ended();
  return out;
}

bool Http1Client::take_end() {
  return std::exchange(end_due_, false);
}

// ---- what the origin says

void Http1Client::receive(base::ByteView bytes, base::Time) {
  if (over_) return;
  if (opaque_) return content(bytes);
  if (stream_ == 0) {
    over_ = true;  // nobody asked
    return;
  }
  reader_->receive(base::Chunk::copy_of(bytes));
  read();
}

void Http1Client::read() {
  while (!over_ && reader_ && !opaque_) {
    switch (reader_->next()) {
      case Next::kNeedMore: return;
      case Next::kHead: response_head(); break;
      case Next::kContent: content(reader_->content()); break;
      case Next::kEnd: response_ended(); break;
      case Next::kInvalid: return refuse(reader_->problem().text);
    }
  }
}

void Http1Client::response_head() {
  Response& response = reader_->response();
  if (response.status == switching_protocols) {
    if (!websocket_) return refuse("it switches to a protocol that was not asked for");
    opaque_ = true;
    keeps_ = false;
    body_ = BodyWriter();
    events_.emplace_back(ResponseReceived{stream_, response, false});
    const base::Chunk behind = reader_->take_rest();
    content(behind.view());
    return;
  }
  if (response.status < first_final_status) {
    events_.emplace_back(ResponseReceived{stream_, response, false});
    return;
  }
  keeps_ = keeps_ && response.keep_alive;
  told_end_ =
      response.body.kind == BodyKind::kNone || (response.body.kind == BodyKind::kLength && response.body.length == 0);
  if (response.body.kind == BodyKind::kUntilClose) response.body.kind = BodyKind::kChunked;
  events_.emplace_back(ResponseReceived{stream_, response, told_end_});
}

void Http1Client::content(base::ByteView bytes) {
  if (bytes.empty()) return;
  unconsumed_ += bytes.size();
  events_.emplace_back(DataReceived{stream_, base::Chunk::copy_of(bytes)});
}

void Http1Client::response_ended() {
  response_ended_ = true;
  if (!told_end_) events_.emplace_back(StreamEnded{stream_, reader_->take_trailers()});
  if (reader_->waiting() > 0) keeps_ = false;  // more than one response to one request
  // A WebSocket that was declined was whole with its head.
  if (end_sent_) return both_ended();
  if (!websocket_) keeps_ = false;
  events_.emplace_back(StreamReset{stream_, Http2Code::kNoError});  // what is left of the request has nowhere to go
  close_exchange();
}

void Http1Client::both_ended() {
  if (!end_sent_ || !response_ended_) return;
  events_.emplace_back(StreamClosed{stream_});
  close_exchange();
}

void Http1Client::close_exchange() {
  stream_ = 0;
  reader_.reset();
  unsent_.release();
  head_.release();
  if (!keeps_) over_ = true;
}

void Http1Client::receive_end(bool cut) {
  if (over_) return;
  if (opaque_ && stream_ != 0 && !response_ended_) {
    response_ended_ = true;
    events_.emplace_back(StreamEnded{stream_, {}});
    return both_ended();  // it may still be written to
  }
  keeps_ = false;
  if (reader_ && !cut && reader_->ended() == Next::kEnd) response_ended();
  over_ = true;
}

bool Http1Client::full() const {
  return unconsumed_ >= unread_bytes_max;
}

SessionEvents Http1Client::take_events() {
  return std::exchange(events_, {});
}

void Http1Client::consumed(StreamId stream, size_t bytes) {
  if (stream == stream_) unconsumed_ -= std::min(bytes, unconsumed_);
}

void Http1Client::refuse(std::string text) {
  events_.emplace_back(StreamReset{stream_, Http2Code::kProtocolError, false, false, std::move(text)});
  keeps_ = false;
  close_exchange();
}

void Http1Client::reset(StreamId stream, Http2Code) {
  if (stream == 0 || stream != stream_) return;
  keeps_ = false;
  close_exchange();
}

}  // namespace sluice::http
