#include "proxy/http/http1_reader.h"

#include <utility>

#include "proxy/base/assert.h"
#include "proxy/http/fields.h"
#include "proxy/http/limits.h"
#include "proxy/http/status.h"

namespace sluice::http {

void BodyStream::receive(base::Chunk bytes) {
  drop_content();
  if (held_.empty()) {
    held_ = std::move(bytes);
  } else {
    held_.append(bytes.view());
  }
}

// Content stays in held_ while the caller looks at it.
void BodyStream::drop_content() {
  if (content_.empty()) return;
  held_.consume(taken_);
  content_ = {};
}

Next BodyStream::read_body() {
  using State = wire::BodyReader::Step::State;
  const wire::BodyReader::Step step = body_.read(held_.view());
  taken_ = step.taken;
  switch (step.state) {
    case State::kContent: content_ = step.content; return Next::kContent;
    case State::kNeedMore: held_.consume(step.taken); return Next::kNeedMore;
    case State::kEnd: held_.consume(step.taken); return Next::kEnd;
    case State::kInvalid: return refuse(Problem::Kind::kSyntax, wire::describe(step.error));
  }
  return Next::kInvalid;
}

Next BodyStream::refuse(Problem::Kind kind, std::string_view text) {
  invalid_ = true;
  problem_ = {kind, std::string(text)};
  return Next::kInvalid;
}

Next RequestReader::next() {
  drop_content();
  taken_ = 0;
  if (invalid_) return Next::kInvalid;
  if (!in_body_) return read_head();
  const Next next = read_body();
  if (next == Next::kEnd) in_body_ = false;
  return next;
}

Next RequestReader::read_head() {
  auto parsed = parser_.feed(held_.view());
  if (parsed.is_need_more()) return Next::kNeedMore;
  if (parsed.is_invalid()) {
    const bool large = parsed.reason() == wire::Http1Error::kTooLarge;
    return refuse(large ? Problem::Kind::kTooLarge : Problem::Kind::kSyntax, wire::describe(parsed.reason()));
  }
  taken_ = parsed.length();
  parser_ = {};
  const Next next = take_head(std::move(parsed).value());
  held_.consume(taken_);
  return next;
}

Next RequestReader::take_head(wire::RequestHead&& head) {
  using wire::TargetForm;
  auto target = wire::classify_target(head);
  if (!target) return refuse(Problem::Kind::kAuthority, wire::describe(target.error()));
  const bool relative = target->form == TargetForm::kOrigin || target->form == TargetForm::kAsterisk;
  if (target->form != TargetForm::kAbsolute && !(relative && scheme_)) {
    return refuse(Problem::Kind::kTarget, "the target is not of a form that is served here");
  }
  const Scheme scheme = scheme_.value_or(Scheme::kHttp);
  if (target->form == TargetForm::kAbsolute && scheme != Scheme::kHttp) {
    return refuse(Problem::Kind::kTarget, "the target is of another scheme than its connection");
  }
  auto rules = wire::check_request(head, *target, default_port(scheme));
  if (!rules) {
    const bool expectation = rules.error() == wire::MessageError::kBadExpectation;
    return refuse(expectation ? Problem::Kind::kExpectation : Problem::Kind::kRules, wire::describe(rules.error()));
  }
  if (relative && !rules->host) {
    return refuse(Problem::Kind::kRules, wire::describe(wire::MessageError::kMissingHost));
  }
  const std::string* credentials = wire::find_field(head.fields, "proxy-authorization");
  credentials_ = credentials != nullptr ? *credentials : std::string();
  const bool accepts_trailers = wire::has_list_item(head.fields, "te", "trailers");
  request_ = {.method = std::move(head.method),
              .authority = relative ? std::move(*rules->host) : std::move(target->authority),
              .path = target->form == TargetForm::kAsterisk ? "*" : std::move(target->path),
              .fields = std::move(head.fields),
              .body = rules->body,
              .expects_continue = rules->expects_continue,
              .websocket = rules->websocket,
              .accepts_trailers = accepts_trailers,
              .keep_alive = rules->keep_alive,
              .minor_version = head.minor_version};
  drop_connection_fields(request_.fields);
  drop_request_fields(request_.fields);
  begin_body(request_.body);
  in_body_ = true;
  return Next::kHead;
}

Next ResponseReader::next() {
  drop_content();
  taken_ = 0;
  if (invalid_) return Next::kInvalid;
  if (in_body_) return read_body();
  if (held_.empty()) return Next::kNeedMore;
  begun_ = true;
  auto parsed = parser_.feed(held_.view());
  if (parsed.is_need_more()) return Next::kNeedMore;
  if (parsed.is_invalid()) return refuse(Problem::Kind::kSyntax, wire::describe(parsed.reason()));
  taken_ = parsed.length();
  parser_ = {};
  const Next next = take_head(std::move(parsed).value());
  held_.consume(taken_);
  return next;
}

Next ResponseReader::take_head(wire::ResponseHead&& head) {
  const auto rules = wire::check_response(head, method_);
  if (!rules) return refuse(Problem::Kind::kRules, wire::describe(rules.error()));
  response_ = {.status = head.status,
               .reason = std::move(head.reason),
               .fields = std::move(head.fields),
               .body = rules->body,
               .keep_alive = rules->keep_alive};
  // What a HEAD or a 304 says about the length of a body that it does not have passes; a length that frames is written
  // anew.
  const std::string* length = wire::find_field(response_.fields, "content-length");
  const std::string announced = length != nullptr ? *length : std::string();
  drop_connection_fields(response_.fields);
  constexpr int not_modified = 304;
  if (!announced.empty() && (method_ == "HEAD" || response_.status == not_modified)) {
    response_.fields.push_back({"Content-Length", announced});
  }
  in_body_ = response_.status >= first_final_status;
  if (!in_body_ && ++interim_ > interim_responses_max) {
    return refuse(Problem::Kind::kRules, "there are more interim responses than anybody waits for");
  }
  if (in_body_) begin_body(response_.body);
  return Next::kHead;
}

Next ResponseReader::ended() {
  drop_content();
  taken_ = 0;
  if (invalid_) return Next::kInvalid;
  if (!in_body_) return refuse(Problem::Kind::kSyntax, "the connection ended before the response did");
  const auto step = body_.ended();
  if (step.state == wire::BodyReader::Step::State::kEnd) return Next::kEnd;
  return refuse(Problem::Kind::kSyntax, wire::describe(step.error));
}

}  // namespace sluice::http
