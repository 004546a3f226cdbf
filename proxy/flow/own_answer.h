#pragma once
// OwnAnswer: a response that is ours and not an origin's, before it is written in the client's version of HTTP.
#include <string>

#include "proxy/wire/http1_fields.h"

namespace sluice::flow {

struct OwnAnswer {
  int status = 0;
  std::string phrase;   // of HTTP/1
  wire::Fields fields;  // nothing of a connection; no Content-Length
  std::string body;
};

// As HTTP/1.1, whole. `keep_alive`: the connection may take another request.
std::string write_http1(const OwnAnswer& answer, bool keep_alive);

}  // namespace sluice::flow
