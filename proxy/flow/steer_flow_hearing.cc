#include "proxy/flow/steer_flow_hearing.h"

#include <array>

#include "proxy/flow/limits.h"
#include "proxy/flow/peeking.h"
#include "proxy/flow/steer_flow.h"
#include "proxy/flow/steer_flow_refusal.h"

namespace sluice::flow {

namespace {

// Ports on which the client always speaks first: there, silence is a connection kept for later.
bool client_speaks_first(uint16_t port) {
  return port == 80 || port == 443;
}

// Whether these bytes may turn out to be an HTTP request.
bool may_be_http(std::string_view text) {
  constexpr std::array<std::string_view, 8> methods{"GET ",    "HEAD ",    "POST ",  "PUT ",
                                                    "DELETE ", "OPTIONS ", "PATCH ", "TRACE "};
  for (const std::string_view method : methods) {
    if (text.starts_with(method) || method.starts_with(text)) return true;
  }
  return false;
}

}  // namespace

void SteerHearing::start(base::Chunk held, bool client_ended, const SteerContext& context) {
  if (!way_.granted) {
    way_.granted = true;
    grant(context, way_.in);
  }
  held_ = std::move(held);
  client_ended_ = client_ended;
  const Timeouts& timeouts = context.settings.timeouts;
  deadline_ = context.now + (!held_.empty()                             ? timeouts.client_hello
                             : client_speaks_first(way_.authority.port) ? timeouts.idle
                                                                        : silent_client_wait);
  if (client_ended_ && held_.empty()) return context.vanish();
  if (!held_.empty() && look(context)) return;
  if (client_ended_) {
    understood({}, HostSource::kUnspecified, policy::Protocol::kOther, context);
  } else {
    context.go(std::move(*this));
  }
}

void SteerHearing::on(Received&& input, const SteerContext& context) {
  if (held_.empty()) deadline_ = context.now + context.settings.timeouts.client_hello;
  held_.append(input.bytes.view());
  look(context);
}

void SteerHearing::on(ReadEnded&&, const SteerContext& context) {
  if (held_.empty()) return context.vanish();  // a port check, or a connection that was never used
  client_ended_ = true;
  understood({}, HostSource::kUnspecified, policy::Protocol::kOther, context);
}

void SteerHearing::on(Reset&&, const SteerContext& context) {
  context.vanish();
}

void SteerHearing::on(Tick&&, const SteerContext& context) {
  if (held_.empty() && client_speaks_first(way_.authority.port)) return context.vanish();
  understood({}, HostSource::kUnspecified, policy::Protocol::kOther, context);
}

void SteerHearing::on(Shutdown&&, const SteerContext& context) {
  context.vanish();
}

bool SteerHearing::look(const SteerContext& context) {
  const wire::HelloParse parsed = peek_.feed(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_complete()) {
    note_hello(parsed.value(), context.record);
    return understood(context.record.sni, HostSource::kSni, policy::Protocol::kTls, context);
  }
  if (parsed.reason() == wire::HelloError::kNotTls && may_be_http(held_.text())) return look_for_request(context);
  // The PoP is strict with what is not quite TLS; we only choose the way.
  return understood({}, HostSource::kUnspecified, policy::Protocol::kOther, context);
}

bool SteerHearing::look_for_request(const SteerContext& context) {
  const auto parsed = request_.feed(held_.view());
  if (parsed.is_need_more()) return false;
  const std::string* host = parsed.is_complete() ? wire::find_field(parsed.value().fields, "host") : nullptr;
  const auto authority = wire::parse_authority(host == nullptr ? "" : *host, way_.authority.port);
  return understood(authority ? std::string_view(authority->host) : std::string_view{}, HostSource::kHttpHost,
                    policy::Protocol::kHttp, context);
}

bool SteerHearing::understood(std::string_view host, HostSource source, policy::Protocol protocol,
                              const SteerContext& context) {
  FlowRecord& record = context.record;
  // A name that the app gave us is the one that is dialled; the PoP checks that the first words agree with it.
  const bool named = !way_.authority.address.has_value();
  if (!named && !host.empty()) {
    record.host = host;
    record.host_source = source;
  } else if (!named && !way_.learned_name.empty()) {
    record.host = way_.learned_name;
    record.host_source = HostSource::kDns;
  }
  const Route route = decided_ ? *decided_ : decide_route(way_, protocol, context);
  follow(std::move(way_), route, protocol, std::move(held_), client_ended_, context);
  return true;
}

}  // namespace sluice::flow
