#pragma once
// Http1Client: a connection to an origin of HTTP/1.1 for streams of HTTP/2: one exchange at a time, each a stream.
//
//   idle --send_request()--> exchange --response and request whole--> idle, or finished() where it is not kept
//                               +--101--> opaque, until both sides have ended
//
// A response that ends before its request takes the connection with it, and so does every exchange that is given up.
#include <optional>

#include "proxy/http/http1_reader.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/origin_session.h"

namespace sluice::http {

class Http1Client final : public OriginSession {
 public:
  explicit Http1Client(Scheme scheme) : scheme_(scheme) {}

  void receive(base::ByteView bytes, base::Time now) override;
  void receive_end(bool cut) override;
  bool full() const override;
  SessionEvents take_events() override;
  base::Chunk take_output(size_t bytes_max) override;
  bool take_end() override;

  StreamId send_request(const Request& request, bool end) override;
  void send_data(StreamId stream, base::Chunk bytes) override;
  void send_end(StreamId stream, const Fields& trailers) override;
  void consumed(StreamId stream, size_t bytes) override;
  void reset(StreamId stream, Http2Code code) override;

  bool may_open_stream() const override { return stream_ == 0 && !over_; }
  bool takes_websockets() const override { return true; }
  bool finished() const override { return over_; }

 private:
  void read();
  void response_head();
  void content(base::ByteView bytes);
  void response_ended();
  void refuse(std::string text);
  void close_exchange();
  void both_ended();

  Scheme scheme_;
  StreamId stream_ = 0;  // 0: no exchange
  StreamId last_ = -1;
  SessionEvents events_;

  // What we say.
  base::Chunk head_;
  BodyWriter body_;
  base::Chunk unsent_;  // content
  uint64_t length_left_ = 0;
  bool length_known_ = false;
  Fields trailers_;
  bool request_ended_ = false;  // by the owner
  bool end_sent_ = false;       // to output
  bool end_due_ = false;        // take_end()

  // What the origin says.
  std::optional<ResponseReader> reader_;
  bool websocket_ = false;
  bool opaque_ = false;
  bool response_ended_ = false;
  bool told_end_ = false;  // with the head
  bool keeps_ = true;
  size_t unconsumed_ = 0;

  bool over_ = false;
};

}  // namespace sluice::http
