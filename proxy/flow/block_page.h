#pragma once
// The page that a person sees instead of a blocked site. It runs in the origin's context: everything is escaped, no
// script, no cookie, nothing loaded from anywhere.
#include <string>
#include <string_view>

#include "proxy/flow/record.h"
#include "proxy/policy/verdict.h"

namespace sluice::flow {

struct PageStyle {
  std::string_view accept;  // the client's Accept: JSON for those who ask for it and not for HTML
  bool keep_alive = false;  // the connection may take another request
};
// A whole HTTP/1.1 403 response.
std::string block_page(const FlowRecord& record, const policy::Notice* notice, std::string_view pop_name,
                       PageStyle style);

}  // namespace sluice::flow
