#include "proxy/http/http1_writer.h"

#include "proxy/base/assert.h"
#include "proxy/http/fields.h"
#include "proxy/wire/http1_body.h"

namespace sluice::http {

namespace {

void append_framing(std::string& out, const BodyFraming& body) {
  switch (body.kind) {
    case BodyKind::kLength: out.append("Content-Length: ").append(std::to_string(body.length)).append("\r\n"); break;
    case BodyKind::kChunked: out += "Transfer-Encoding: chunked\r\n"; break;
    case BodyKind::kNone:
    case BodyKind::kUntilClose: break;
  }
}

}  // namespace

std::string write_request_head(const Request& request, Scheme scheme, bool keep_alive) {
  const std::string host = host_field(scheme, request.authority);
  std::string out;
  out.reserve(1024);
  out.append(request.method).append(" ").append(request.path).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  wire::append_fields(out, request.fields);
  append_framing(out, request.body);
  if (request.expects_continue) out += "Expect: 100-continue\r\n";
  if (request.websocket) {
    out += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  } else if (!keep_alive) {
    out += "Connection: close\r\n";
  }
  out += "\r\n";
  return out;
}

BodyFraming framing_for(const BodyFraming& body, int minor_version) {
  const bool open_ended = body.kind == BodyKind::kChunked || body.kind == BodyKind::kUntilClose;
  if (!open_ended) return body;
  return {minor_version == 0 ? BodyKind::kUntilClose : BodyKind::kChunked};
}

std::string write_response_head(const Response& response, const ResponseStyle& style) {
  std::string out;
  out.reserve(1024);
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  wire::append_field_text(out, response.reason);
  out += "\r\n";
  wire::append_fields(out, response.fields);
  append_framing(out, style.body);
  if (style.websocket) {
    out += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  } else if (!style.keep_alive) {
    out += "Connection: close\r\n";
  }
  out += "\r\n";
  return out;
}

base::Chunk BodyWriter::content(base::ByteView bytes) const {
  if (kind_ != BodyKind::kChunked || bytes.empty()) return base::Chunk::copy_of(bytes);
  base::Chunk chunk = base::Chunk::copy_of(wire::chunk_head(bytes.size()));
  chunk.append(bytes);
  chunk.append(base::as_bytes(wire::chunk_end));
  return chunk;
}

base::Chunk BodyWriter::end(const Fields& trailers) const {
  if (kind_ != BodyKind::kChunked) return {};
  return base::Chunk::copy_of(wire::last_chunk(trailers));
}

}  // namespace sluice::http
