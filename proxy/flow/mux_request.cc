// Multiplexing: what the client says, and what becomes of its requests.
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/http/fields.h"

namespace sluice::flow {

using http::Http2Code;

void Multiplexing::client_says(http::RequestReceived&& event, const StageContext& context) {
  MuxStream& stream = add(event.stream, context);
  stream.request = std::move(event.request);
  stream.request_ended = event.end;
  const StageContext one = of(stream, context);
  one.record.client_bytes = http::head_bytes(stream.request);
  const HttpVersion http1 = stream.request.minor_version == 0 ? HttpVersion::kHttp10 : HttpVersion::kHttp11;
  note_request(one, terms_, stream.request, client_http2_ ? HttpVersion::kHttp2 : http1);
  consider(stream, context);
}

// No exchange, only a record.
void Multiplexing::client_says(http::RequestRefused&& event, const StageContext& context) {
  MuxStream& stream = add(event.stream, context);
  const Refused refused = refused_for(event.problem);
  if (!event.reset) return refuse(stream, refused, context);
  (void)note_refusal(of(stream, context), Stage::kRelaying, refused.reason, refused.status, refused.detail);
  end(stream, refused.reason, Stage::kRelaying, context);
}

void Multiplexing::client_says(http::DataReceived&& event, const StageContext& context) {
  MuxStream* stream = find(event.stream);
  if (stream == nullptr) return;  // answered already; the session throws it away
  touch(*stream, context.now);
  stream->record->client_bytes += event.bytes.size();
  if (stream->left) {
    if (stream->leg != nullptr) stream->leg->session->send_data(stream->origin_id, std::move(event.bytes));
  } else if (stream->held.empty()) {
    stream->held = std::move(event.bytes);
  } else {
    stream->held.append(event.bytes.view());
  }
}

void Multiplexing::client_says(http::StreamEnded&& event, const StageContext& context) {
  MuxStream* stream = find(event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  stream->request_ended = true;
  http::drop_trailer_fields(event.trailers);
  if (stream->left) {
    if (stream->leg != nullptr) stream->leg->session->send_end(stream->origin_id, event.trailers);
  } else {
    stream->held_trailers = std::move(event.trailers);
  }
}

// What left for the client makes room for the origin.
void Multiplexing::client_says(http::DataSent&& event, const StageContext& context) {
  MuxStream* stream = find(event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  stream->record->server_bytes += event.bytes;
  if (stream->leg != nullptr) stream->leg->session->consumed(stream->origin_id, event.bytes);
}

void Multiplexing::client_says(http::StreamClosed&& event, const StageContext& context) {
  if (MuxStream* stream = find(event.stream)) end(*stream, CloseReason::kCompleted, Stage::kUnspecified, context);
}

void Multiplexing::client_says(http::StreamReset&& event, const StageContext& context) {
  MuxStream* stream = find(event.stream);
  if (stream == nullptr) return;
  if (event.by_peer) {
    end(*stream, CloseReason::kClientReset, Stage::kRelaying, context);
  } else {
    (void)note_refusal(of(*stream, context), Stage::kRelaying, CloseReason::kMessageRejected, 0, {});
    end(*stream, CloseReason::kMessageRejected, Stage::kRelaying, context);
  }
}

void Multiplexing::client_says(http::ConnectionFailed&& event, const StageContext& context) {
  ending_ = event.by_peer ? CloseReason::kClientReset : CloseReason::kMessageRejected;
  end_all(*ending_, context);
}

// ---- what becomes of a request

void Multiplexing::consider(MuxStream& stream, const StageContext& context) {
  const StageContext one = of(stream, context);
  if (const auto refused = refused_outright(one, terms_, stream.request, {})) return refuse(stream, *refused, context);
  OwnAnswer page;
  const Judgement judgement = judge(one, stream.request, page);
  stream.undecided = judgement == Judgement::kUndecided;  // asked again when the address is known
  if (judgement == Judgement::kBlocked) return answer(stream, CloseReason::kPolicyBlock, page, context);
  reach_origin(stream, context);
}

void Multiplexing::refuse(MuxStream& stream, const Refused& refused, const StageContext& context) {
  if (!client_http2_) client_->drain();  // nothing behind what is refused is read
  const OwnAnswer own =
      note_refusal(of(stream, context), Stage::kRelaying, refused.reason, refused.status, refused.detail);
  answer(stream, refused.reason, own, context);
}

// Our own response, instead of the origin's: nothing has been answered yet. The other streams do not notice.
void Multiplexing::answer(MuxStream& stream, CloseReason reason, const OwnAnswer& own, const StageContext& context) {
  const StageContext one = of(stream, context);
  note_answer(one.record, reason, own);
  http::Response response;
  response.status = own.status;
  response.fields = own.fields;
  response.body = {http::BodyKind::kLength, own.body.size()};
  const bool bodyless = own.body.empty() || answered_without_body(one.record);
  one.record.server_bytes += http::head_bytes(response) + (bodyless ? 0 : own.body.size());
  one.write_record(Record::State::kClosed);
  client_->send_response(stream.id, response, bodyless);
  if (!bodyless) {
    client_->send_data(stream.id, base::Chunk::copy_of(own.body));
    client_->send_end(stream.id, {});
  }
  client_->discard(stream.id);
  drop_origin_stream(stream, Http2Code::kCancel, context.now);
  forget(stream, context);
}

}  // namespace sluice::flow
