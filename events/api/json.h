#pragma once
// Messages as JSON and back, the way this interface speaks: field names as in the proto files, numbers as numbers,
// words of enumerations in lower case, records in the flat form of query::to_json().
#include <google/protobuf/message.h>

#include <string>

#include "events/api/http.h"
#include "events/query/query_api.h"

namespace sluice::api {

std::string to_json(const google::protobuf::Message& message);

// Reads a message from the request: JSON in the body of a POST, else the parameters, named as the fields. `start` and
// `end` stand for start_time and end_time, and take every form that the query language knows for times; a metric is
// written `count`, `sum:FIELD`, `distinct:FIELD` or `pNN:FIELD`. An unknown name is an error.
query::Answer<base::Unit> read_message(const HttpRequest& request, int64_t now_ms, google::protobuf::Message& message);

// {"error":{"code":...,"message":...}}, with the place where a query is wrong.
HttpResponse error(int status, std::string_view code, std::string_view message);
HttpResponse error(const query::QueryFault& fault);

HttpResponse json_response(std::string body);

}  // namespace sluice::api
