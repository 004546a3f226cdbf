// The endpoints about PoPs: which there are, their clients, their policy. A change needs the scope admin, and the PoP
// writes down who made it.
#include <algorithm>

#include "events/api/api.h"
#include "events/api/json.h"
#include "events/query/json_writer.h"

namespace sluice::api {

namespace {

// The PoP that a request means: named, or the only one.
query::Answer<std::string> pop_of(const HttpRequest& request, Pops* pops) {
  using Code = query::QueryFault::Code;
  if (pops == nullptr || pops->names().empty()) {
    return query::QueryFault{Code::kInvalid, "no PoP is configured; `pops` of sluice-events names them", std::nullopt};
  }
  const std::vector<std::string>& names = pops->names();
  const std::string wanted = request.param("pop");
  if (wanted.empty() && names.size() == 1) return names.front();
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  return query::QueryFault{Code::kInvalid, "the parameter `pop` must name a PoP that is configured", std::nullopt};
}

// What is left for the message once the PoP's name is taken out.
HttpRequest without_pop(HttpRequest request) {
  request.params.erase("pop");
  return request;
}

std::string actor_of(const Caller& caller) {
  return "token " + caller.name;
}
}  // namespace

template <class Request, class Call>
HttpResponse Api::ask_pop(const HttpRequest& request, Call call) {
  const auto pop = pop_of(request, options_.pops.get());
  if (!pop.ok()) return error(pop.error());
  Request message;
  if (const auto read = read_message(without_pop(request), options_.now_ms(), message); !read.ok()) {
    return error(read.error());
  }
  const auto answer = call(*options_.pops, *pop, message);
  return answer.ok() ? json_response(to_json(*answer)) : error(answer.error());
}

HttpResponse Api::list_pops(const HttpRequest&, const Caller&) {
  std::string body = "{\"pops\":[";
  static const std::vector<std::string> none;
  for (const std::string& name : options_.pops ? options_.pops->names() : none) {
    const auto status = options_.pops->status(name);
    query::JsonWriter json;
    json.text("name", name);
    json.text("error", status.ok() ? "" : status.error().message);
    std::string entry = json.take();
    if (status.ok()) {
      entry.pop_back();
      entry += ",\"status\":" + to_json(*status) + '}';
    }
    if (body.back() == '}') body += ',';
    body += entry;
  }
  return json_response(body + "]}");
}

HttpResponse Api::show_policy(const HttpRequest& request, const Caller& caller) {
  audit_.read(caller.name, "policy", request.param("pop"), options_.now_ms());
  return ask_pop<control::v1::GetPolicyRequest>(
      request, [](Pops& pops, const std::string& pop, const auto& m) { return pops.policy(pop, m.number()); });
}

HttpResponse Api::policy_history(const HttpRequest& request, const Caller&) {
  return ask_pop<control::v1::PolicyHistoryRequest>(
      request, [](Pops& pops, const std::string& pop, const auto&) { return pops.history(pop); });
}

// Compiling a policy is work for the PoP, and the answer tells what a proposal would do; it changes nothing.
HttpResponse Api::check_policy(const HttpRequest& request, const Caller&) {
  return ask_pop<control::v1::CheckPolicyRequest>(
      request, [](Pops& pops, const std::string& pop, const auto& m) { return pops.check(pop, m); });
}

HttpResponse Api::apply_policy(const HttpRequest& request, const Caller& caller) {
  return ask_pop<control::v1::ApplyPolicyRequest>(request, [&](Pops& pops, const std::string& pop, auto& m) {
    m.set_actor(actor_of(caller));
    return pops.apply(pop, m);
  });
}

HttpResponse Api::rollback_policy(const HttpRequest& request, const Caller& caller) {
  return ask_pop<control::v1::RollbackPolicyRequest>(request, [&](Pops& pops, const std::string& pop, auto& m) {
    m.set_actor(actor_of(caller));
    return pops.rollback(pop, m);
  });
}

}  // namespace sluice::api
