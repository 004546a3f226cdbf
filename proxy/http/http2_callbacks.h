#pragma once
// What nghttp2 tells an Http2Session. Callbacks only note what happened. Door-internal.
#include <nghttp2/nghttp2.h>

namespace sluice::http {

// Shared by all sessions of the process; made once.
const nghttp2_session_callbacks* http2_callbacks();
// Gives nghttp2 what a stream has to send.
ssize_t http2_read_unsent(nghttp2_session* raw, int32_t id, uint8_t* into, size_t count, uint32_t* flags,
                          nghttp2_data_source* source, void* user);

}  // namespace sluice::http
