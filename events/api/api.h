#pragma once
// Api: from a request to its answer: which endpoint, who may, what it does. /api/sluice/v1 is ours, /api/v2 is what
// collectors know, everything else is the console. openapi.json describes all of it.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/api/access.h"
#include "events/api/audit_log.h"
#include "events/api/collector.h"
#include "events/api/exports.h"
#include "events/api/http.h"
#include "events/api/pops.h"
#include "events/api/tail_lines.h"
#include "events/query/query_api.h"
#include "events/query/tail_texts.h"
#include "events/query/tokens.h"
#include "events/store/event_store.h"
#include "events/store/registry.h"

namespace sluice::api {

struct ApiOptions {
  std::string name;  // of this store, in audit records
  std::string export_directory;
  AccessRules access;
  uint32_t requests_per_second = 4;
  // A file of the console by its path; null: no such file.
  std::function<const HttpResponse*(const std::string& path)> console;
  std::unique_ptr<Pops> pops;  // null: none
  std::function<int64_t()> now_ms;
};

// Any thread. Borrows store and registry. Destroyed after the store was closed, because its audit records are told of
// their fate by the store.
class Api {
 public:
  Api(store::EventStore& store, store::Registry& registry, ApiOptions options);
  ~Api();
  HttpResponse handle(const HttpRequest& request);
  // Ends all live tails; new ones end at once.
  void stop() { stopping_.store(true); }

 private:
  using Handler = HttpResponse (Api::*)(const HttpRequest&, const Caller&);
  struct Route {
    const char* method;
    const char* path;  // a trailing '*' takes one more part
    const char* scope;
    Handler handler;
  };
  static const std::vector<Route>& routes();

  HttpResponse search(const HttpRequest& request, const Caller& caller);
  HttpResponse aggregate(const HttpRequest& request, const Caller& caller);
  HttpResponse histogram(const HttpRequest& request, const Caller& caller);
  HttpResponse values(const HttpRequest& request, const Caller& caller);
  HttpResponse stats(const HttpRequest& request, const Caller& caller);
  HttpResponse field_list(const HttpRequest& request, const Caller& caller);
  HttpResponse who(const HttpRequest& request, const Caller& caller);
  HttpResponse tail(const HttpRequest& request, const Caller& caller);
  HttpResponse list_queries(const HttpRequest& request, const Caller& caller);
  HttpResponse save_query(const HttpRequest& request, const Caller& caller);
  HttpResponse erase_query(const HttpRequest& request, const Caller& caller);
  HttpResponse export_now(const HttpRequest& request, const Caller& caller);
  HttpResponse start_export(const HttpRequest& request, const Caller& caller);
  HttpResponse show_export(const HttpRequest& request, const Caller& caller);
  HttpResponse export_data(const HttpRequest& request, const Caller& caller);
  HttpResponse data_page(const HttpRequest& request, const Caller& caller);
  HttpResponse data_alert(const HttpRequest& request, const Caller& caller);
  HttpResponse iterate_page(const HttpRequest& request, const Caller& caller);
  HttpResponse iterate_alert(const HttpRequest& request, const Caller& caller);
  HttpResponse list_pops(const HttpRequest& request, const Caller& caller);
  HttpResponse show_policy(const HttpRequest& request, const Caller& caller);
  HttpResponse check_policy(const HttpRequest& request, const Caller& caller);
  HttpResponse policy_history(const HttpRequest& request, const Caller& caller);
  HttpResponse apply_policy(const HttpRequest& request, const Caller& caller);
  HttpResponse rollback_policy(const HttpRequest& request, const Caller& caller);

  template <class Request, class Call>
  HttpResponse answer(const HttpRequest& request, const Caller& caller, const char* action, Call call);
  // Reads the request's message and hands it to the PoP it names.
  template <class Request, class Call>
  HttpResponse ask_pop(const HttpRequest& request, Call call);
  HttpResponse console(const HttpRequest& request) const;

  store::EventStore& store_;
  store::Registry& registry_;
  const ApiOptions options_;
  query::QueryApi api_;
  query::Tokens tokens_;
  Access access_;
  AuditLog audit_;
  Collector collector_;
  Exports exports_;
  TailLines tail_lines_;
  query::TailTexts tail_texts_{
      [this](std::string& out, const store::SharedRecord& record) { tail_lines_.append(out, record); }};
  std::atomic<bool> stopping_ = false;
};

// The OpenAPI document that is served, as JSON.
std::string_view openapi_document();

}  // namespace sluice::api
