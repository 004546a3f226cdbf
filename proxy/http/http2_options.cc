#include "proxy/http/http2_options.h"

#include <cstdint>
#include <limits>

#include "proxy/base/assert.h"
#include "proxy/http/limits.h"

namespace sluice::http {

const nghttp2_option* http2_options() {
  static const nghttp2_option* const made = [] {
    nghttp2_option* options = nullptr;
    SLUICE_ASSERT(nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);  // they would be kept for a priority tree that nobody uses
    nghttp2_option_set_max_outbound_ack(options, acknowledgements_max);
    nghttp2_option_set_max_settings(options, settings_entries_max);
    // It would count calls of mem_recv, not frames: a CONTINUATION that comes in pieces would be many.
    nghttp2_option_set_max_continuations(options, std::numeric_limits<size_t>::max());
    // We count resets ourselves, in both directions, and say ENHANCE_YOUR_CALM.
    nghttp2_option_set_stream_reset_rate_limit(options, uint64_t{1} << 40, uint64_t{1} << 40);
    return options;
  }();
  return made;
}

}  // namespace sluice::http
