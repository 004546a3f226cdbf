#include "proxy/config/kind.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>

#include "proxy/config/document.h"
#include "sluice/config/v1/client.pb.h"
#include "sluice/config/v1/events.pb.h"
#include "sluice/config/v1/policy.pb.h"
#include "sluice/config/v1/proxy.pb.h"

namespace sluice::config {

base::Result<Kind> kind_of(std::string_view text, const std::string& file) {
  Problems problems(file);
  const Document document = parse_document(text, problems);
  if (const auto status = problems.status(); !status) return status.error();
  const Node& root = document.at(0);
  struct Candidate {
    Kind kind;
    const google::protobuf::Descriptor* type;
    size_t own_keys = 0;  // that no other kind has
  };
  std::array<Candidate, 4> candidates{{{Kind::kProxy, v1::Proxy::descriptor()},
                                       {Kind::kEvents, v1::Events::descriptor()},
                                       {Kind::kPolicy, v1::TenantPolicy::descriptor()},
                                       {Kind::kClient, v1::Client::descriptor()}}};
  for (size_t i = 0; root.kind == Node::Kind::kMap && i + 1 < root.children.size(); i += 2) {
    const std::string& key = document.at(root.children[i]).text;
    const auto knows = [&](const Candidate& c) { return c.type->FindFieldByName(key) != nullptr; };
    if (std::count_if(candidates.begin(), candidates.end(), knows) != 1) continue;
    std::find_if(candidates.begin(), candidates.end(), knows)->own_keys += 1;
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.own_keys > b.own_keys; });
  if (candidates[0].own_keys == candidates[1].own_keys) {
    problems.add(
        {}, "",
        "cannot tell whose configuration this is: a proxy's has `listeners`, an event store's has `ingest` and "
        "`store`, a policy has `steering_configurations` or `realtime_policies`, a steering client's has "
        "`local_listeners` or `pops`");
    return problems.status().error();
  }
  return candidates[0].kind;
}

}  // namespace sluice::config
