// Multiplexing: what the origin says.
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/http/fields.h"
#include "proxy/http/status.h"

namespace sluice::flow {

using http::continue_status;
using http::first_final_status;
using http::Http2Code;
using http::switching_protocols;

void Multiplexing::origin_says(http::ResponseReceived&& event, const StageContext& context) {
  MuxStream* stream = find_by_origin(event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  leg_used_ = true;
  const http::Response& response = event.response;
  if (response.status < first_final_status && response.status != switching_protocols) {
    if (response.status == continue_status && !stream->request.expects_continue) return;
    stream->record->server_bytes += http::head_bytes(response);
    return client_->send_response(stream->id, response, false);
  }
  note_response(*stream->record, response);
  stream->record->server_bytes += http::head_bytes(response);
  stream->response_begun = true;
  stream->response_ended = event.end;
  client_->send_response(stream->id, response, event.end);
}

void Multiplexing::origin_says(http::DataReceived&& event, const StageContext& context) {
  MuxStream* stream = find_by_origin(event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  client_->send_data(stream->id, std::move(event.bytes));
}

void Multiplexing::origin_says(http::StreamEnded&& event, const StageContext& context) {
  MuxStream* stream = find_by_origin(event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  stream->response_ended = true;
  http::drop_trailer_fields(event.trailers);
  client_->send_end(stream->id, event.trailers);
}

// What left for the origin makes room for the client.
void Multiplexing::origin_says(http::DataSent&& event, const StageContext& context) {
  MuxStream* stream = find_by_origin(event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  client_->consumed(stream->id, event.bytes);
}

void Multiplexing::origin_says(http::StreamClosed&& event, const StageContext&) {
  MuxStream* stream = find_by_origin(event.stream);
  if (stream == nullptr) return;
  by_origin_.erase(event.stream);
  stream->origin_id = 0;
}

void Multiplexing::origin_says(http::StreamReset&& event, const StageContext& context) {
  MuxStream* stream = find_by_origin(event.stream);
  if (stream == nullptr) return;
  by_origin_.erase(event.stream);
  stream->origin_id = 0;
  if (stream->response_ended) return client_->discard(stream->id);  // it wants no more of the request
  if (event.unprocessed && try_again(*stream, context)) return;
  if (!event.by_peer && !stream->response_begun) {
    constexpr int bad_gateway = 502;
    return refuse(*stream, {CloseReason::kMessageRejected, bad_gateway, "The origin's response is refused."}, context);
  }
  // The client hears what we heard; of REFUSED_STREAM it knows that it may repeat the request, whatever its method.
  const Http2Code code = event.unprocessed ? Http2Code::kRefusedStream : event.code;
  if (event.by_peer) {
    give_up(*stream, code, CloseReason::kOriginReset, context);
  } else {
    (void)note_refusal(of(*stream, context), Stage::kRelaying, CloseReason::kMessageRejected, 0, {});
    give_up(*stream, Http2Code::kInternalError, CloseReason::kMessageRejected, context);
  }
}

// Streams that it will still answer go on; the client is told where there are any, so that it begins no more here.
void Multiplexing::origin_says(http::GoAwayReceived&&, const StageContext& context) {
  leg_leaving_ = true;
  if (by_origin_.empty()) {
    hang_up(context);
  } else {
    tell_drain(context);
  }
}

void Multiplexing::origin_says(http::ConnectionFailed&& event, const StageContext& context) {
  origin_gone(event.by_peer ? CloseReason::kOriginReset : CloseReason::kMessageRejected, context);
}

}  // namespace sluice::flow
