#include "proxy/flow/steer_flow_refusal.h"

#include "proxy/flow/block_page.h"
#include "proxy/flow/steer_flow.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/socks5.h"

namespace sluice::flow {

namespace {

// What the app sent, as far as its origin would have received it.
void count_held(const base::Chunk& held, const SteerContext& context) {
  context.record.client_bytes = context.flow.client_bytes(held.size());
}

void answer_and_linger(std::string_view answer, CloseReason reason, Stage stage, const SteerContext& context) {
  context.record.close_reason = reason;
  context.record.error_stage = stage;
  context.write_record(Record::State::kClosed);
  context.send_client(answer);
  context.out.emplace_back(EndWrite{Side::kClient});
  context.go(SteerRefusing(context.now, reason));
}

// An answer that stands where the origin's would: it counts as bytes down.
void answer_inside(std::string_view answer, CloseReason reason, Stage stage, const SteerContext& context) {
  context.record.server_bytes += answer.size();
  answer_and_linger(answer, reason, stage, context);
}

Dialect dialect_of(Way::In in) {
  return in == Way::In::kSocks ? Dialect::kSocksRequest : Dialect::kHttp;
}

std::string page(const base::Chunk& held, std::string_view detail, const SteerContext& context) {
  wire::RequestHeadParser parser;
  const auto head = parser.feed(held.view());
  const std::string* accept = head.is_complete() ? wire::find_field(head.value().fields, "accept") : nullptr;
  policy::Notice notice;
  notice.body = detail;
  const OwnAnswer page = block_page(context.record, &notice, context.settings.client_name,
                                    accept == nullptr ? std::string_view{} : *accept);
  return write_http1(page, false);
}

}  // namespace

void grant(const SteerContext& context, Way::In in) {
  context.send_client(in == Way::In::kSocks ? wire::socks_reply(wire::SocksReply::kSucceeded)
                                            : std::string("HTTP/1.1 200 Connection established\r\n\r\n"));
}

void refuse_request(Dialect dialect, CloseReason reason, std::string_view detail, const SteerContext& context) {
  const RefusalAnswer answer = refusal_answer(dialect, reason, context.settings.client_name, detail);
  context.record.action = answer.action;
  context.record.policy = answer.policy;
  context.record.policy_kind = answer.policy_kind;
  context.record.policy_layer = Layer::kClient;
  context.record.recorded = false;
  answer_and_linger(answer.bytes, reason, Stage::kGreeting, context);
}

void refuse_by_verdict(const Way& way, policy::Protocol protocol, const base::Chunk& held, CloseReason reason,
                       std::string_view detail, const SteerContext& context) {
  count_held(held, context);
  if (!way.granted) {
    const auto answer = refusal_answer(dialect_of(way.in), reason, context.settings.client_name, detail);
    answer_and_linger(answer.bytes, reason, Stage::kGreeting, context);
  } else if (protocol == policy::Protocol::kHttp) {
    answer_inside(page(held, detail, context), reason, Stage::kPeeking, context);
  } else if (protocol == policy::Protocol::kTls) {
    answer_inside(tls_access_denied(), reason, Stage::kPeeking, context);
  } else {
    context.out.emplace_back(Abort{Side::kClient});
    context.finish(reason, Stage::kPeeking);
  }
}

void refuse_failed(const Way& way, policy::Protocol protocol, const base::Chunk& held, CloseReason reason,
                   std::string_view detail, const SteerContext& context) {
  if (reason == CloseReason::kPolicyBlock) return refuse_by_verdict(way, protocol, held, reason, detail, context);
  count_held(held, context);
  const CloseReason known = has_refusal(reason) ? reason : CloseReason::kConnectError;
  const auto answer = refusal_answer(dialect_of(way.in), known, context.settings.client_name, detail);
  if (!way.granted) {
    answer_and_linger(answer.bytes, reason, Stage::kDialing, context);
  } else if (protocol == policy::Protocol::kHttp) {
    answer_inside(answer.bytes, reason, Stage::kDialing, context);
  } else {  // as if the origin itself had hung up
    context.out.emplace_back(Abort{Side::kClient});
    context.finish(reason, Stage::kDialing);
  }
}

}  // namespace sluice::flow
