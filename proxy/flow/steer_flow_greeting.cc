#include "proxy/flow/steer_flow_greeting.h"

#include "proxy/flow/plain_request.h"
#include "proxy/flow/steer_flow.h"
#include "proxy/flow/steer_flow_refusal.h"
#include "proxy/flow/steer_flow_verdict.h"

namespace sluice::flow {

namespace {
constexpr uint8_t socks5_version = 5;
}

void SteerGreeting::on(Opened&& input, const SteerContext& context) {
  if (!input.original_destination) {
    deadline_ = context.now + context.settings.timeouts.head;
    return;
  }
  const base::Endpoint& destination = *input.original_destination;
  context.record.access_method = AccessMethod::kTransparent;
  context.record.destination = destination;
  context.record.host = destination.address.unmapped().to_string();
  SteerHearing hearing({.in = Way::In::kTransparent,
                        .granted = true,
                        .authority = {context.record.host, destination.address.unmapped(), destination.port},
                        .learned_name = std::move(input.learned_name),
                        .address = destination.address.unmapped()},
                       std::nullopt);
  hearing.start({}, false, context);
}

void SteerGreeting::on(Received&& input, const SteerContext& context) {
  held_.append(input.bytes.view());
  advance(context);
}

void SteerGreeting::on(ReadEnded&&, const SteerContext& context) {
  if (step_ == Step::kFirstByte) return context.vanish();
  refuse_here(CloseReason::kHeadIncomplete, "The connection ended in the middle of the request.", context);
}

void SteerGreeting::on(Reset&&, const SteerContext& context) {
  context.vanish();
}

void SteerGreeting::on(Tick&&, const SteerContext& context) {
  refuse_here(CloseReason::kHeadTimeout, "The request did not arrive in time.", context);
}

void SteerGreeting::on(Shutdown&&, const SteerContext& context) {
  context.vanish();
}

void SteerGreeting::refuse_here(CloseReason reason, std::string_view detail, const SteerContext& context) const {
  refuse_request(dialect_, reason, detail, context);
}

void SteerGreeting::advance(const SteerContext& context) {
  if (step_ == Step::kFirstByte) {
    const bool socks = held_.view()[0] == socks5_version;
    step_ = socks ? Step::kSocksMethods : Step::kHttpHead;
    dialect_ = socks ? Dialect::kSocksMethods : Dialect::kHttp;
  }
  if (step_ == Step::kHttpHead && !http_head(context)) return;
  if (step_ == Step::kSocksMethods && !socks_methods(context)) return;
  if (step_ == Step::kSocksRequest) socks_request(context);
}

// Always the end of this stage's work on what is held.
bool SteerGreeting::http_head(const SteerContext& context) {
  auto parsed = parser_.feed(held_.view());
  if (parsed.is_invalid()) {
    const auto reason =
        parsed.reason() == wire::Http1Error::kTooLarge ? CloseReason::kHeadTooLarge : CloseReason::kBadRequest;
    refuse_here(reason, std::string("The request is refused: ") + wire::describe(parsed.reason()) + ".", context);
  } else if (parsed.is_complete()) {
    held_.consume(parsed.length());
    http_request(parsed.value(), parsed.length(), context);
  }
  return false;
}

void SteerGreeting::http_request(const wire::RequestHead& head, size_t bytes, const SteerContext& context) {
  auto target = wire::classify_target(head);
  if (!target) {
    return refuse_here(CloseReason::kBadAuthority,
                       std::string("The authority in the request is refused: ") + wire::describe(target.error()) + ".",
                       context);
  }
  if (target->form == wire::TargetForm::kAuthority) {
    return asked(Way::In::kConnect, std::move(target->authority), context);
  }
  if (target->form != wire::TargetForm::kAbsolute) {
    return refuse_here(CloseReason::kMethodNotAllowed, "Only CONNECT host:port and http:// requests are served here.",
                       context);
  }
  const std::string rewritten = origin_form(head, *target);
  base::Chunk request = base::Chunk::copy_of(rewritten);
  request.append(held_.view());
  held_ = std::move(request);
  // Counted as the app sent it, not as it goes on.
  context.flow.add_client_bytes(static_cast<int64_t>(bytes) - static_cast<int64_t>(rewritten.size()));
  asked(Way::In::kPlainRequest, std::move(target->authority), context);
}

bool SteerGreeting::socks_methods(const SteerContext& context) {
  const auto parsed = wire::parse_socks_greeting(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_invalid() || !parsed.value().offers_none) {
    refuse_here(CloseReason::kProtocolError,
                parsed.is_invalid() ? wire::describe(parsed.reason()) : "no password is asked for here", context);
    return false;
  }
  held_.consume(parsed.length());
  context.send_client(wire::socks_method_reply(wire::SocksMethod::kNone));
  step_ = Step::kSocksRequest;
  dialect_ = Dialect::kSocksRequest;
  return true;
}

void SteerGreeting::socks_request(const SteerContext& context) {
  auto parsed = wire::parse_socks_request(held_.view());
  if (parsed.is_need_more()) return;
  if (parsed.is_invalid()) {
    const auto error = parsed.reason();
    const auto reason = error == wire::SocksError::kCommandNotSupported ? CloseReason::kMethodNotAllowed
                        : error == wire::SocksError::kBadHost           ? CloseReason::kBadAuthority
                                                                        : CloseReason::kProtocolError;
    return refuse_here(reason, wire::describe(error), context);
  }
  held_.consume(parsed.length());
  asked(Way::In::kSocks, parsed.value(), context);
}

void SteerGreeting::asked(Way::In in, wire::Authority authority, const SteerContext& context) {
  FlowRecord& record = context.record;
  record.host = authority.host;
  record.host_source = in == Way::In::kPlainRequest ? HostSource::kHttpHost : HostSource::kConnect;
  record.destination.port = authority.port;
  if (authority.address) record.destination.address = *authority.address;
  const std::optional<base::IpAddress> address = authority.address;
  // Of a plain request an answer is an HTTP response, whoever gives it.
  const bool is_request = in == Way::In::kPlainRequest;
  Way way{.in = in, .granted = is_request, .authority = std::move(authority), .learned_name = {}, .address = address};
  if (!address) {
    SteerResolving resolving(std::move(way), std::move(held_));
    return resolving.start(context);
  }
  if (is_request) {
    const Route route = decide_route(way, policy::Protocol::kHttp, context);
    return follow(std::move(way), route, policy::Protocol::kHttp, std::move(held_), false, context);
  }
  SteerHearing hearing(std::move(way), std::nullopt);  // the app's first words may name the host
  hearing.start(std::move(held_), false, context);
}

}  // namespace sluice::flow
