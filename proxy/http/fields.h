#pragma once
// Which fields pass. Messages are always written anew from these, so nothing that frames a message or belongs to one
// connection reaches the other side by being copied.
#include <string_view>

#include "proxy/http/message.h"

namespace sluice::http {

// Fields of one connection only: those of RFC 9110 section 7.6.1, those that `Connection` names, those that frame the
// body, and Proxy-*.
void drop_connection_fields(Fields& fields);

// Of a request from a client: Host (written from the authority), Expect (written anew), and the `sluice-` fields that
// only a steering client may send, and only through its tunnel. Via, Forwarded and X-Forwarded-* pass as they came and
// none is added: they would tell origins the address of every client, and origins serve proxies differently (nginx
// turns compression off when it sees Via). Loops end at the address rules: our own addresses are never dialled.
void drop_request_fields(Fields& fields);

// Of trailers: what frames, routes or authenticates a message must stand in its head (RFC 9110 section 6.5.1).
void drop_trailer_fields(Fields& trailers);

// Bytes of what a head says, names and values: what counts where it is compressed on its way.
size_t head_bytes(const Request& request);
size_t head_bytes(const Response& response);

}  // namespace sluice::http
