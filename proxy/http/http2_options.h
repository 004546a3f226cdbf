#pragma once
// What nghttp2 shall leave to us, in tunnels as in inspected connections. Door-internal.
#include <nghttp2/nghttp2.h>

namespace sluice::http {

// Shared by all sessions of the process; made once.
const nghttp2_option* http2_options();

}  // namespace sluice::http
