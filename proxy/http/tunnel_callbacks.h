#pragma once
// What nghttp2 tells a TunnelSession. Every callback only notes; nothing is decided on nghttp2's stack.
#include <nghttp2/nghttp2.h>

#include "proxy/http/tunnel_session.h"

namespace sluice::http {

// Never made; a name for functions that may see a session from inside. Door-internal.
struct TunnelCallbacks {
  static int begin_headers(nghttp2_session* raw, const nghttp2_frame* frame, void* user);
  static int header(nghttp2_session* raw, const nghttp2_frame* frame, const uint8_t* name, size_t name_bytes,
                    const uint8_t* value, size_t value_bytes, uint8_t flags, void* user);
  static int begin_frame(nghttp2_session* raw, const nghttp2_frame_hd* head, void* user);
  static int frame_received(nghttp2_session* raw, const nghttp2_frame* frame, void* user);
  static int data(nghttp2_session* raw, uint8_t flags, int32_t id, const uint8_t* bytes, size_t count, void* user);
  static int frame_sent(nghttp2_session* raw, const nghttp2_frame* frame, void* user);
  static int stream_closed(nghttp2_session* raw, int32_t id, uint32_t code, void* user);
  static ssize_t data_length(nghttp2_session* raw, uint8_t type, int32_t id, int32_t connection_window,
                             int32_t stream_window, uint32_t frame_max, void* user);
  static ssize_t read_unsent(nghttp2_session* raw, int32_t id, uint8_t* into, size_t count, uint32_t* flags,
                             nghttp2_data_source* source, void* user);

  // Shared by all sessions of the process; made once.
  static const nghttp2_session_callbacks* table();
};

}  // namespace sluice::http
