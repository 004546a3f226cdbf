#pragma once
// A plain HTTP request that an app sent to its proxy, as its origin wants to read it.
#include <string>

#include "proxy/wire/http1.h"

namespace sluice::flow {

// The head in origin form with the Host of its target, without the fields that were for the proxy alone, and with
// `Connection: close`: the connection behind it carries this one request.
std::string origin_form(const wire::RequestHead& head, const wire::RequestTarget& target);

}  // namespace sluice::flow
