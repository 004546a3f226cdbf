// Any text is a query or an error that points into it; a query prints to a text that reads back as the same tree, and
// can be evaluated and turned into SQL.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/query/limits.h"
#include "events/query/parser.h"
#include "proxy/base/assert.h"
#include "sluice/events/v1/page_event.pb.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t now_ms = 1'800'000'000'000;
  static const events::v1::Record record = [] {
    events::v1::Record filled;
    auto& event = *filled.mutable_page_event();
    event.set_app("Dropbox");
    event.set_host("www.dropbox.com");
    event.set_srcip("10.1.2.3");
    event.add_user_groups("sales");
    return filled;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto filter = query::parse(text, now_ms);
  if (!filter.ok()) {
    SLUICE_ASSERT(filter.error().offset + filter.error().length <= text.size());
    SLUICE_ASSERT(!filter.error().message.empty());
    return 0;
  }
  store::matches(*filter, record);
  const auto sql = store::to_sql(*filter, [](const store::Field& field) { return field.name() != "sni"; });
  size_t placeholders = 0;
  for (const char c : sql.text) placeholders += c == '?' ? 1 : 0;
  SLUICE_ASSERT(placeholders == sql.values.size());
  const std::string canonical = query::print(*filter);
  if (canonical.size() > query::query_bytes_max) return 0;
  const auto again = query::parse(canonical, now_ms);
  SLUICE_ASSERT(again.ok() && *again == *filter);
  return 0;
}
