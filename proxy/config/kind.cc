#include "proxy/config/kind.h"

#include "proxy/config/document.h"
#include "sluice/config/v1/events.pb.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::config {

base::Result<Kind> kind_of(std::string_view text, const std::string& file) {
  Problems problems(file);
  const Document document = parse_document(text, problems);
  if (const auto status = problems.status(); !status) return status.error();
  const Node& root = document.at(0);
  size_t proxy_keys = 0;
  size_t events_keys = 0;
  for (size_t i = 0; root.kind == Node::Kind::kMap && i + 1 < root.children.size(); i += 2) {
    const std::string& key = document.at(root.children[i]).text;
    const bool in_proxy = v1::Proxy::descriptor()->FindFieldByName(key) != nullptr;
    const bool in_events = v1::Events::descriptor()->FindFieldByName(key) != nullptr;
    if (in_proxy && !in_events) ++proxy_keys;
    if (in_events && !in_proxy) ++events_keys;
  }
  if (proxy_keys == events_keys) {
    problems.add(
        {}, "",
        "cannot tell whose configuration this is: a proxy's has `listeners`, an event store's has `ingest` and "
        "`store`");
    return problems.status().error();
  }
  return proxy_keys > events_keys ? Kind::kProxy : Kind::kEvents;
}

}  // namespace sluice::config
