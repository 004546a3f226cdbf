#pragma once
// HTTP/1.1 as it is received: bytes in, messages out, one after the other. The strict reading is wire/'s; what comes
// out is a message of message.h, ready to be written anew.
#include <optional>
#include <string>
#include <variant>

#include "proxy/base/chunk.h"
#include "proxy/http/message.h"
#include "proxy/http/problem.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/http1_rules.h"

namespace sluice::http {

// What stands next in the bytes received.
enum class Next : uint8_t {
  kNeedMore,
  kHead,
  kContent,
  kEnd,      // of the message; the next one may follow
  kInvalid,  // see problem(); nothing after it is read
};

// What both readers share: bytes that wait, and the body in progress.
class BodyStream {
 public:
  // Adds what was received.
  void receive(base::Chunk bytes);
  // Bytes received and not yet taken.
  size_t waiting() const { return held_.size(); }
  base::ByteView waiting_bytes() const { return held_.view(); }
  base::Chunk take_rest() {
    drop_content();
    return std::move(held_);
  }

  // Content of the last kContent: valid until the next call of anything here.
  base::ByteView content() const { return content_; }
  // After kEnd.
  Fields take_trailers() { return body_.take_trailers(); }
  // Bytes that the last next() took.
  size_t taken() const { return taken_; }
  const Problem& problem() const { return problem_; }

 protected:
  Next read_body();
  Next refuse(Problem::Kind kind, std::string_view text);
  void begin_body(BodyFraming framing) { body_ = wire::BodyReader(framing); }
  void drop_content();

  base::Chunk held_;
  wire::BodyReader body_;
  base::ByteView content_;  // the beginning of held_
  size_t taken_ = 0;
  Problem problem_;
  bool invalid_ = false;
};

// Requests of one client connection. Owned by the stage that relays.
class RequestReader : public BodyStream {
 public:
  // Origin-form targets (`GET /`) are of `scheme`; without one only absolute `http:` targets are taken (a plain proxy).
  explicit RequestReader(std::optional<Scheme> scheme) : scheme_(scheme) {}

  Next next();
  // After kHead.
  Request& request() { return request_; }
  // The value of Proxy-Authorization in the last head, "" without. A secret.
  const std::string& credentials() const { return credentials_; }
  // A head has begun and is not whole.
  bool in_head() const { return !in_body_ && !held_.empty(); }

 private:
  Next read_head();
  Next take_head(wire::RequestHead&& head);

  std::optional<Scheme> scheme_;
  wire::RequestHeadParser parser_;
  Request request_;
  std::string credentials_;
  bool in_body_ = false;
};

// The response to one request, interim responses first: each of those is a kHead without kEnd. One per request.
class ResponseReader : public BodyStream {
 public:
  explicit ResponseReader(std::string method) : method_(std::move(method)) {}

  Next next();
  // The origin sent FIN: kEnd where that ends the body, else kInvalid.
  Next ended();
  // After kHead; an interim one when its status is below 200.
  Response& response() { return response_; }
  bool begun() const { return begun_; }  // any byte has come

 private:
  Next take_head(wire::ResponseHead&& head);

  std::string method_;
  wire::ResponseHeadParser parser_;
  Response response_;
  size_t interim_ = 0;
  bool begun_ = false;
  bool in_body_ = false;
};

}  // namespace sluice::http
