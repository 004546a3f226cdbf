// Multiplexing: what the origin says.
#include "proxy/flow/multiplexing.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/flow/refusal.h"
#include "proxy/http/fields.h"
#include "proxy/http/status.h"
#include "proxy/tls/digest.h"

namespace sluice::flow {

using http::continue_status;
using http::first_final_status;
using http::Http2Code;
using http::switching_protocols;

namespace {

Refused bad_response() {
  constexpr int bad_gateway = 502;
  return {CloseReason::kMessageRejected, bad_gateway, "The origin's response is refused."};
}

// In HTTP/1.1 the key of a WebSocket is answered (RFC 6455 section 4.2.2), in HTTP/2 there is none.
std::string wanted_accept(const http::Request& request) {
  const std::string* key = wire::find_field(request.fields, "sec-websocket-key");
  return key != nullptr ? tls::websocket_accept(*key) : std::string();
}
bool accepts_websocket(const http::Request& request, const http::Response& response) {
  const std::string* accept = wire::find_field(response.fields, "sec-websocket-accept");
  return accept != nullptr && *accept == wanted_accept(request);
}
void accept_websocket(const http::Request& request, http::Response& response) {
  response.fields.push_back({"Sec-WebSocket-Accept", wanted_accept(request)});
}

}  // namespace

void Multiplexing::origin_says(MuxLeg& leg, http::ResponseReceived&& event, const StageContext& context) {
  MuxStream* stream = find(leg, event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  leg.used = true;
  http::Response& response = event.response;
  if (response.status == switching_protocols && client_http2_ != leg.http2) {
    if (leg.http2) {
      accept_websocket(stream->request, response);
    } else if (!accepts_websocket(stream->request, response)) {
      return refuse(*stream, bad_response(), context);
    }
  }
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

void Multiplexing::origin_says(MuxLeg& leg, http::DataReceived&& event, const StageContext& context) {
  MuxStream* stream = find(leg, event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  client_->send_data(stream->id, std::move(event.bytes));
}

void Multiplexing::origin_says(MuxLeg& leg, http::StreamEnded&& event, const StageContext& context) {
  MuxStream* stream = find(leg, event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  stream->response_ended = true;
  http::drop_trailer_fields(event.trailers);
  client_->send_end(stream->id, event.trailers);
}

// What left for the origin makes room for the client.
void Multiplexing::origin_says(MuxLeg& leg, http::DataSent&& event, const StageContext& context) {
  MuxStream* stream = find(leg, event.stream);
  if (stream == nullptr) return;
  touch(*stream, context.now);
  client_->consumed(stream->id, event.bytes);
}

void Multiplexing::origin_says(MuxLeg& leg, http::StreamClosed&& event, const StageContext& context) {
  if (MuxStream* stream = find(leg, event.stream)) detach(*stream, context.now);
}

void Multiplexing::origin_says(MuxLeg& leg, http::StreamReset&& event, const StageContext& context) {
  MuxStream* stream = find(leg, event.stream);
  if (stream == nullptr) return;
  detach(*stream, context.now);
  if (stream->response_ended) return client_->discard(stream->id);  // it wants no more of the request
  if (event.unprocessed && try_again(*stream, leg, context)) return;
  if (!event.by_peer && !stream->response_begun) return refuse(*stream, bad_response(), context);
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
void Multiplexing::origin_says(MuxLeg& leg, http::GoAwayReceived&&, const StageContext& context) {
  leg.leaving = true;
  if (leg.streams.empty()) {
    hang_up(leg, context);
  } else {
    tell_drain(context);
  }
}

void Multiplexing::origin_says(MuxLeg& leg, http::ConnectionFailed&& event, const StageContext& context) {
  leg_gone(leg, event.by_peer ? CloseReason::kOriginReset : CloseReason::kMessageRejected, context);
}

}  // namespace sluice::flow
