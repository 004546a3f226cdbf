#include "proxy/flow/own_answer.h"

#include "proxy/wire/http1.h"

namespace sluice::flow {

std::string write_http1(const OwnAnswer& answer, bool keep_alive) {
  if (keep_alive) return wire::simple_response(answer.status, answer.phrase, answer.fields, answer.body);
  wire::Fields fields = answer.fields;
  fields.push_back({"Connection", "close"});
  return wire::simple_response(answer.status, answer.phrase, fields, answer.body);
}

}  // namespace sluice::flow
