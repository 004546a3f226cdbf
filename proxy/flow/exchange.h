#pragma once
// One HTTP exchange, whatever version of HTTP carries it: what its record says, and what becomes of its request. The
// record is the context's.
#include <optional>
#include <string>
#include <string_view>

#include "proxy/flow/own_answer.h"
#include "proxy/flow/stage_context.h"
#include "proxy/http/http1_reader.h"
#include "proxy/http/message.h"
#include "proxy/wire/authority.h"

namespace sluice::flow {

// What a relayed connection is for.
struct RelayTerms {
  // Of origin-form requests. Absent: a plain proxy, every request names its origin (`GET http://...`).
  std::optional<http::Scheme> scheme;
  // Inside a tunnel: what was asked for. Requests must be for this name (421), or any where it is an address.
  std::optional<wire::Authority> bound;
  bool origin_open = false;   // the origin of `bound` is connected, and secured for https
  bool origin_http2 = false;  // and agreed on HTTP/2
  // Of an origin whose faulty certificate the client was shown, and took.
  std::optional<tls::Sha256> accepted_chain{};
  std::string credentials;  // Proxy-Authorization that was accepted; later requests must repeat it. A secret
};

// `record`, of an earlier exchange of the connection, becomes that of the next one: who and where stay.
void renew_record(FlowRecord& record, uint64_t event_counter, base::Time now);

// The head of the request is there: host and the facts of the exchange.
void note_request(const StageContext& context, const RelayTerms& terms, const http::Request& request,
                  HttpVersion version);
// The origin's final response.
void note_response(FlowRecord& record, const http::Response& response);
// A response of ours, which is all the client gets: its status, and why. `bodyless`: of a request by HEAD.
void note_answer(FlowRecord& record, CloseReason reason, const OwnAnswer& answer);
bool answered_without_body(const FlowRecord& record);

// Why a request goes nowhere, whatever policy says.
struct Refused {
  CloseReason reason;
  int status = 0;  // 0: that of the reason
  std::string detail;
};
// Another name than the tunnel's, a port that is not allowed, a changed password.
std::optional<Refused> refused_outright(const StageContext& context, const RelayTerms& terms,
                                        const http::Request& request, std::string_view credentials);
// It cannot be a request.
Refused refused_for(const http::Problem& problem);

enum class Judgement : uint8_t { kPasses, kBlocked, kUndecided };
// Asks policy. A verdict goes into the record; `page` is the answer to what is blocked. Undecided: the address will
// tell; once it is known, that blocks.
Judgement judge(const StageContext& context, const http::Request& request, OwnAnswer& page);
// After a reload, of a request that passed: policy blocks it now, and the record says so.
bool is_blocked_now(const StageContext& context, const http::Request& request);

// RFC 9110 section 9.2.2: asking twice is asking once.
bool may_repeat(const http::Request& request);

}  // namespace sluice::flow
