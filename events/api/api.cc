#include "events/api/api.h"

#include <algorithm>
#include <utility>

#include "events/api/export_format.h"
#include "events/api/json.h"
#include "events/api/limits.h"
#include "events/api/tail_stream.h"
#include "events/query/json_writer.h"
#include "events/query/request.h"
#include "events/store/field.h"
#include "proxy/base/text.h"

namespace sluice::api {

namespace v1 = events::v1;

namespace {

constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// What stands for the '*' of a route; nothing if the path does not fit.
std::optional<std::string> rest_of(std::string_view path, std::string_view route) {
  if (!route.ends_with('*')) return path == route ? std::optional<std::string>("") : std::nullopt;
  route.remove_suffix(1);
  if (!path.starts_with(route) || path.size() == route.size()) return std::nullopt;
  return std::string(path.substr(route.size()));
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

const char* word_of(store::FieldType type) {
  switch (type) {
    case store::FieldType::kText: return "text";
    case store::FieldType::kTextList: return "text_list";
    case store::FieldType::kNumber: return "number";
    case store::FieldType::kBool: return "bool";
    case store::FieldType::kEnum: return "enum";
    case store::FieldType::kAddress: return "address";
    case store::FieldType::kTime: return "time";
  }
  return "";
}
}  // namespace

Api::Api(store::EventStore& store, store::Registry& registry, ApiOptions options)
    : store_(store),
      registry_(registry),
      options_(std::move(options)),
      api_(store),
      tokens_(registry),
      access_(tokens_, options_.access),
      audit_(store, options_.name),
      collector_(store, registry, api_, audit_, options_.requests_per_second),
      exports_(api_, options_.export_directory) {}

Api::~Api() = default;

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> all{
      {"GET", "/api/sluice/v1/events/search", "read", &Api::search},
      {"POST", "/api/sluice/v1/events/search", "read", &Api::search},
      {"GET", "/api/sluice/v1/events/aggregate", "read", &Api::aggregate},
      {"POST", "/api/sluice/v1/events/aggregate", "read", &Api::aggregate},
      {"GET", "/api/sluice/v1/events/histogram", "read", &Api::histogram},
      {"POST", "/api/sluice/v1/events/histogram", "read", &Api::histogram},
      {"GET", "/api/sluice/v1/events/values", "read", &Api::values},
      {"POST", "/api/sluice/v1/events/values", "read", &Api::values},
      {"GET", "/api/sluice/v1/events/tail", "read", &Api::tail},
      {"GET", "/api/sluice/v1/events/export", "export", &Api::export_now},
      {"POST", "/api/sluice/v1/exports", "export", &Api::start_export},
      {"GET", "/api/sluice/v1/exports/*", "export", &Api::show_export},
      {"GET", "/api/sluice/v1/export-files/*", "export", &Api::export_data},
      {"GET", "/api/sluice/v1/queries", "read", &Api::list_queries},
      {"POST", "/api/sluice/v1/queries", "read", &Api::save_query},
      {"DELETE", "/api/sluice/v1/queries/*", "read", &Api::erase_query},
      {"GET", "/api/sluice/v1/stats", "read", &Api::stats},
      {"GET", "/api/sluice/v1/fields", "read", &Api::field_list},
      {"GET", "/api/sluice/v1/who", "read", &Api::who},
      {"GET", "/api/sluice/v1/pops", "read", &Api::list_pops},
      {"GET", "/api/sluice/v1/policy", "read", &Api::show_policy},
      {"GET", "/api/sluice/v1/policy/history", "read", &Api::policy_history},
      {"POST", "/api/sluice/v1/policy/check", "read", &Api::check_policy},
      {"POST", "/api/sluice/v1/policy", "admin", &Api::apply_policy},
      {"POST", "/api/sluice/v1/policy/rollback", "admin", &Api::rollback_policy},
      {"GET", "/api/v2/events/data/page", "export", &Api::data_page},
      {"GET", "/api/v2/events/data/alert", "export", &Api::data_alert},
      {"GET", "/api/v2/events/dataexport/events/page", "export", &Api::iterate_page},
      {"GET", "/api/v2/events/dataexport/events/alert", "export", &Api::iterate_alert},
  };
  return all;
}

HttpResponse Api::handle(const HttpRequest& request) {
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  if (!request.path.starts_with("/api/")) return console(request);
  if (request.path == "/api/openapi.json" && method == "GET") return json_response(std::string(openapi_document()));
  bool path_known = false;
  for (const Route& route : routes()) {
    if (!rest_of(request.path, route.path)) continue;
    path_known = true;
    if (method != route.method) continue;
    Caller caller;
    if (auto refused = access_.check(request, route.scope, options_.now_ms(), caller)) return std::move(*refused);
    return (this->*route.handler)(request, caller);
  }
  if (path_known) return error(405, "method_not_allowed", "this path is not for " + query::valid_utf8(request.method));
  return error(404, "not_found", "there is no such path; /api/openapi.json lists them");
}

template <class Request, class Call>
HttpResponse Api::answer(const HttpRequest& request, const Caller& caller, const char* action, Call call) {
  Request message;
  if (const auto read = read_message(request, options_.now_ms(), message); !read.ok()) return error(read.error());
  const auto answer = call(message);
  if (!answer.ok()) return error(answer.error());
  audit_.read(caller.name, action, message.query(), options_.now_ms());
  return json_response(to_json(*answer));
}

HttpResponse Api::search(const HttpRequest& request, const Caller& caller) {
  return answer<v1::SearchRequest>(request, caller, "search", [&](const auto& m) { return api_.search(m); });
}

HttpResponse Api::aggregate(const HttpRequest& request, const Caller& caller) {
  return answer<v1::AggregateRequest>(request, caller, "aggregate", [&](const auto& m) { return api_.aggregate(m); });
}

HttpResponse Api::histogram(const HttpRequest& request, const Caller& caller) {
  return answer<v1::HistogramRequest>(request, caller, "aggregate", [&](const auto& m) { return api_.histogram(m); });
}

HttpResponse Api::values(const HttpRequest& request, const Caller& caller) {
  return answer<v1::FieldValuesRequest>(request, caller, "aggregate",
                                        [&](const auto& m) { return api_.field_values(m); });
}

HttpResponse Api::stats(const HttpRequest&, const Caller&) {
  const auto stats = api_.stats();
  return stats.ok() ? json_response(to_json(*stats)) : error(stats.error());
}

HttpResponse Api::field_list(const HttpRequest&, const Caller&) {
  std::string body = "{\"fields\":[";
  for (const store::Field& field : store::fields()) {
    if (body.back() == '}') body += ',';
    query::JsonWriter json;
    json.text("name", field.name());
    json.text("type", word_of(field.type()));
    json.boolean("page_event", field.carried_by(static_cast<int64_t>(store::RecordType::kPageEvent)));
    std::vector<std::string> words;
    for (const store::Word& word : field.words()) words.push_back(word.text);
    json.texts("words", words);
    body += json.take();
  }
  return json_response(body + "]}");
}

HttpResponse Api::who(const HttpRequest&, const Caller& caller) {
  query::JsonWriter json;
  json.text("name", caller.name);
  json.texts("scopes", {caller.token.scopes().begin(), caller.token.scopes().end()});
  json.text("store", options_.name);
  return json_response(json.take());
}

HttpResponse Api::tail(const HttpRequest& request, const Caller& caller) {
  v1::TailRequest message;
  if (const auto read = read_message(request, options_.now_ms(), message); !read.ok()) return error(read.error());
  const std::string last = request.header("last-event-id");
  if (!last.empty()) {
    const auto offset = base::parse_decimal(last);
    if (!offset) return error(400, "invalid", "Last-Event-ID is the id of an event of this stream");
    message.set_from_offset(*offset);
  }
  auto read = query::read_request(message.query(), message.view(), options_.now_ms());
  if (!read.ok()) {
    return error(query::QueryFault{query::QueryFault::Code::kInvalid, read.error().message, read.error()});
  }
  audit_.read(caller.name, "tail", message.query(), options_.now_ms());
  HttpResponse response;
  response.content_type = "text/event-stream";  // exactly: the library would compress, and so delay, any other
  response.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy between must not collect it
  response.lasting = true;
  response.stream = std::make_unique<TailStream>(
      store_, tail_texts_, TailSettings{query::whole_filter(*read), message.from_offset(), message.include_open()},
      stopping_);
  return response;
}

HttpResponse Api::list_queries(const HttpRequest&, const Caller&) {
  std::string body = "{\"queries\":[";
  for (const store::SavedQuery& saved : registry_.saved_queries()) {
    v1::SavedQuery message;
    if (!message.ParseFromString(saved.content)) continue;
    if (body.back() == '}') body += ',';
    body += to_json(message);
  }
  return json_response(body + "]}");
}

HttpResponse Api::save_query(const HttpRequest& request, const Caller& caller) {
  v1::SavedQuery message;
  if (const auto read = read_message(request, options_.now_ms(), message); !read.ok()) return error(read.error());
  if (message.name().empty()) return error(400, "invalid", "a saved query needs a name");
  const auto parsed = query::read_request(message.query(), v1::VIEW_ALL, options_.now_ms());
  if (!parsed.ok()) {
    return error(query::QueryFault{query::QueryFault::Code::kInvalid, parsed.error().message, parsed.error()});
  }
  if (message.ByteSizeLong() > saved_query_bytes_max) return error(400, "invalid", "the saved query is too long");
  if (registry_.saved_queries().size() >= saved_queries_max) {
    return error(409, "too_many", "there are " + std::to_string(saved_queries_max) + " saved queries; delete some");
  }
  message.set_id(base::hex16(base::random_u64()));
  const int64_t now_ms = options_.now_ms();
  const auto put =
      registry_.put_saved_query({message.id(), message.name(), caller.token_id, message.SerializeAsString(), now_ms});
  if (!put.ok()) return error(503, "unavailable", put.error().message);
  audit_.change(caller.name, "save_query", message.name(), now_ms);
  HttpResponse response = json_response(to_json(message));
  response.status = 201;
  return response;
}

HttpResponse Api::erase_query(const HttpRequest& request, const Caller& caller) {
  const std::string id = last_part(request.path);
  const auto erased = registry_.erase_saved_query(id);
  if (!erased.ok()) return error(503, "unavailable", erased.error().message);
  if (!*erased) return error(404, "not_found", "there is no such saved query");
  audit_.change(caller.name, "erase_query", id, options_.now_ms());
  return json_response("{}");
}

HttpResponse Api::data_page(const HttpRequest& request, const Caller& caller) {
  return collector_.data(request, caller, CollectorKind::kPage, options_.now_ms());
}
HttpResponse Api::data_alert(const HttpRequest& request, const Caller& caller) {
  return collector_.data(request, caller, CollectorKind::kAlert, options_.now_ms());
}
HttpResponse Api::iterate_page(const HttpRequest& request, const Caller& caller) {
  return collector_.iterate(request, caller, CollectorKind::kPage, options_.now_ms());
}
HttpResponse Api::iterate_alert(const HttpRequest& request, const Caller& caller) {
  return collector_.iterate(request, caller, CollectorKind::kAlert, options_.now_ms());
}

// Paths of the console's own pages are answered with its one document; it reads the path itself.
HttpResponse Api::console(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return error(405, "method_not_allowed", "the console is only read");
  }
  const HttpResponse* file = options_.console ? options_.console(request.path) : nullptr;
  const bool is_page = last_part(request.path).find('.') == std::string::npos;
  if (file == nullptr && is_page && options_.console) file = options_.console("/index.html");
  if (file == nullptr) return error(404, "not_found", "there is no such file");
  HttpResponse response;
  response.content_type = file->content_type;
  response.body = file->body;
  response.headers = file->headers;
  response.headers.emplace_back("Content-Security-Policy", content_security_policy);
  response.headers.emplace_back("X-Frame-Options", "DENY");
  return response;
}

}  // namespace sluice::api
