#pragma once
// Http1Server: a client's connection of HTTP/1.1 seen as streams of HTTP/2, for an origin that speaks only that: one
// exchange at a time, each a stream; requests sent ahead wait in the reader.
#include <optional>

#include "proxy/http/client_session.h"
#include "proxy/http/http1_reader.h"
#include "proxy/http/http1_writer.h"

namespace sluice::http {

class Http1Server final : public ClientSession {
 public:
  explicit Http1Server(Scheme scheme) : reader_(scheme) {}

  void receive(base::ByteView bytes, base::Time now) override;
  bool receive_end() override;
  bool full() const override;
  SessionEvents take_events() override;
  base::Chunk take_output(size_t bytes_max) override;
  bool has_output() const override;
  std::optional<base::Time> unfinished_since() const override;

  void send_response(StreamId stream, const Response& response, bool end) override;
  void send_data(StreamId stream, base::Chunk bytes) override;
  void send_end(StreamId stream, const Fields& trailers) override;
  void consumed(StreamId stream, size_t bytes) override;
  void discard(StreamId stream) override;
  void reset(StreamId stream, Http2Code code) override;

  void offer_websockets() override {}  // every origin of HTTP/1.1 is asked
  void announce_drain() override { drain(); }
  void drain() override;
  void terminate(Http2Code code) override;
  bool finished() const override { return over_; }
  bool broken() const override { return broken_; }

 private:
  void read();
  bool may_read() const;
  void request_head();
  void request_ended();
  void content(base::ByteView bytes);
  void refuse_head();
  void last_words();
  void write_head();
  void both_ended();
  void breaks();

  RequestReader reader_;
  StreamId stream_ = 0;  // 0: no exchange
  StreamId last_ = -1;
  SessionEvents events_;
  bool keeps_ = true;   // another request may follow
  bool ended_ = false;  // the client sent FIN
  bool over_ = false;
  bool broken_ = false;
  base::Time head_since_{};

  // Of the exchange: what the client says.
  int minor_version_ = 1;
  bool websocket_ = false;
  bool told_end_ = false;  // with the head
  bool request_ended_ = false;
  bool discarding_ = false;
  size_t unconsumed_ = 0;

  // And what we say.
  base::Chunk heads_;
  std::optional<Response> response_;  // the final one, until its head is written
  bool opaque_ = false;
  BodyWriter body_;
  base::Chunk unsent_;  // content
  Fields trailers_;
  bool answered_ = false;
  bool bodyless_ = false;
  bool response_ended_ = false;  // by the owner
  bool end_sent_ = false;        // to output
};

}  // namespace sluice::http
