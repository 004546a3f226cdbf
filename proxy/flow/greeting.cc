#include "proxy/flow/greeting.h"

#include "proxy/flow/limits.h"
#include "proxy/flow/policy_question.h"
#include "proxy/flow/proxy_flow.h"

namespace sluice::flow {

namespace {
constexpr uint8_t socks5_version = 5;
}

void Greeting::on(Opened&& input, const StageContext& context) {
  deadline_ = context.now + context.settings.timeouts.head;
  tunnel_ = std::move(input.tunnel);
  if (tunnel_) {
    context.record.user = tunnel_->user;
    context.record.device = tunnel_->device;
    context.record.tunnel_id = tunnel_->tunnel_id;
  }
  if (!input.request) return;
  dialect_ = Dialect::kTunnel;
  step_ = Step::kHttpHead;
  held_ = std::move(input.early);
  if (check_source(context)) tunnel_request(*input.request, context);
}

void Greeting::tunnel_request(const ConnectRequest& request, const StageContext& context) {
  auto authority = wire::parse_authority(request.authority);
  if (!authority) {
    return refuse_here(
        CloseReason::kBadAuthority,
        std::string("The authority in the request is refused: ") + wire::describe(authority.error()) + ".", context);
  }
  context.record.host = authority->host;
  context.record.host_source = HostSource::kConnect;
  context.record.destination.port = authority->port;
  if (note_client(request.fields, context)) dial(std::move(*authority), context);
}

bool Greeting::note_client(const wire::Fields& fields, const StageContext& context) const {
  if (!tunnel_) return true;
  std::string why;
  auto metadata = parse_metadata(fields, why);
  if (!metadata) {
    refuse_here(CloseReason::kBadRequest, "The request is refused: " + why + ".", context);
    return false;
  }
  note_metadata(std::move(*metadata), context.record);
  return true;
}

void Greeting::on(Received&& input, const StageContext& context) {
  held_.append(input.bytes.view());
  if (step_ == Step::kAuthenticating) {
    if (held_.size() > early_bytes_max) {
      context.out.emplace_back(HoldRead{Side::kClient, HoldReason::kEarlyBytes});
    }
    return;
  }
  advance(context);
}

void Greeting::on(ReadEnded&&, const StageContext& context) {
  if (step_ == Step::kFirstByte) {
    context.vanish();  // a port check, or a browser's spare connection
  } else if (step_ == Step::kAuthenticating) {
    client_ended_ = true;
  } else {
    refuse_here(CloseReason::kHeadIncomplete, "The connection ended in the middle of the request.", context);
  }
}

void Greeting::on(Reset&&, const StageContext& context) {
  if (step_ == Step::kFirstByte) {
    context.vanish();
  } else {
    context.finish(CloseReason::kClientReset, Stage::kGreeting);
  }
}

void Greeting::on(Tick&&, const StageContext& context) {
  refuse_here(CloseReason::kHeadTimeout, "The request did not arrive in time.", context);
}

void Greeting::on(Shutdown&& input, const StageContext& context) {
  if (step_ == Step::kFirstByte) {
    context.vanish();
  } else {
    context.finish(input.reason, Stage::kGreeting);
  }
}

void Greeting::on(AuthDone&& input, const StageContext& context) {
  if (!input.accepted) {
    refuse_here(CloseReason::kAuthenticationFailed, "The user name or password is wrong.", context);
    return;
  }
  if (dialect_ == Dialect::kHttp) {
    if (authority_) {
      dial(std::move(*authority_), context);
    } else {
      relay(context);
    }
    return;
  }
  context.send(Side::kClient, wire::socks_credentials_reply(true));
  dialect_ = Dialect::kSocksRequest;
  step_ = Step::kSocksRequest;
  context.out.emplace_back(ReleaseRead{Side::kClient, HoldReason::kEarlyBytes});
  advance(context);
}

void Greeting::refuse_here(CloseReason reason, std::string_view detail, const StageContext& context) const {
  refuse(context, dialect_, Stage::kGreeting, reason, detail);
}

// Each step returns true when the next one can look at what is left.
void Greeting::advance(const StageContext& context) {
  bool more = true;
  while (more) {
    switch (step_) {
      case Step::kFirstByte: more = first_byte(context); break;
      case Step::kHttpHead: more = http_head(context); break;
      case Step::kSocksMethods: more = socks_methods(context); break;
      case Step::kSocksCredentials: more = socks_credentials(context); break;
      case Step::kSocksRequest: more = socks_request(context); break;
      case Step::kAuthenticating: more = false; break;
    }
  }
}

bool Greeting::first_byte(const StageContext& context) {
  if (held_.empty()) return false;
  const bool socks = held_.view()[0] == socks5_version;
  step_ = socks ? Step::kSocksMethods : Step::kHttpHead;
  dialect_ = socks ? Dialect::kSocksMethods : Dialect::kHttp;
  return check_source(context);
}

bool Greeting::check_source(const StageContext& context) const {
  if (context.settings.source_allowed(context.record.source.address)) return true;
  refuse_here(CloseReason::kSourceNotAllowed,
              "Address " + context.record.source.address.to_string() + " is not in allow_sources of this listener.",
              context);
  return false;
}

bool Greeting::http_head(const StageContext& context) {
  auto parsed = parser_.feed(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_invalid()) {
    const auto reason =
        parsed.reason() == wire::Http1Error::kTooLarge ? CloseReason::kHeadTooLarge : CloseReason::kBadRequest;
    refuse_here(reason, std::string("The request is refused: ") + wire::describe(parsed.reason()) + ".", context);
    return false;
  }
  return http_request(parsed.value(), parsed.length(), context);
}

// A plain request stays in `held_`: whoever relays it reads it again.
bool Greeting::http_request(const wire::RequestHead& head, size_t length, const StageContext& context) {
  auto target = wire::classify_target(head);
  if (!target) {
    refuse_here(CloseReason::kBadAuthority,
                std::string("The authority in the request is refused: ") + wire::describe(target.error()) + ".",
                context);
    return false;
  }
  const bool plain = target->form == wire::TargetForm::kAbsolute;
  if (!plain && target->form != wire::TargetForm::kAuthority) {
    refuse_here(CloseReason::kMethodNotAllowed, "Only CONNECT host:port and http:// requests are served here.",
                context);
    return false;
  }
  context.record.host = target->authority.host;
  context.record.host_source = plain ? HostSource::kHttpHost : HostSource::kConnect;
  if (!plain) {
    held_.consume(length);
    authority_ = std::move(target->authority);
  }
  if (!note_client(head.fields, context)) return false;
  if (!context.settings.authentication) {
    if (plain) {
      relay(context);
    } else {
      dial(std::move(*authority_), context);
    }
    return false;
  }
  const std::string* value = wire::find_field(head.fields, "proxy-authorization");
  if (value == nullptr) {
    refuse_here(CloseReason::kAuthenticationRequired, "This proxy wants a user name and a password.", context);
    return false;
  }
  auto credentials = wire::parse_basic_credentials(*value);
  if (!credentials) {
    refuse_here(CloseReason::kAuthenticationFailed, "Proxy-Authorization is not a valid Basic credential.", context);
    return false;
  }
  if (plain) credentials_ = *value;
  authenticate(std::move(credentials->user), std::move(credentials->password), context);
  return false;
}

void Greeting::relay(const StageContext& context) {
  RelayTerms terms;
  terms.credentials = std::move(credentials_);
  Relaying(std::move(terms)).start(std::move(held_), client_ended_, context);
}

bool Greeting::socks_methods(const StageContext& context) {
  const auto parsed = wire::parse_socks_greeting(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_invalid()) {
    refuse_here(CloseReason::kProtocolError, wire::describe(parsed.reason()), context);
    return false;
  }
  held_.consume(parsed.length());
  const bool wanted = context.settings.authentication;
  if (wanted ? !parsed.value().offers_user_password : !parsed.value().offers_none) {
    refuse_here(wanted ? CloseReason::kAuthenticationRequired : CloseReason::kProtocolError, "", context);
    return false;
  }
  const auto method = wanted ? wire::SocksMethod::kUserPassword : wire::SocksMethod::kNone;
  context.send(Side::kClient, wire::socks_method_reply(method));
  step_ = wanted ? Step::kSocksCredentials : Step::kSocksRequest;
  dialect_ = wanted ? Dialect::kSocksCredentials : Dialect::kSocksRequest;
  return true;
}

bool Greeting::socks_credentials(const StageContext& context) {
  auto parsed = wire::parse_socks_credentials(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_invalid()) {
    refuse_here(CloseReason::kProtocolError, wire::describe(parsed.reason()), context);
    return false;
  }
  const size_t length = parsed.length();
  wire::SocksCredentials credentials = std::move(parsed).value();
  held_.consume(length);
  authenticate(std::move(credentials.user), std::move(credentials.password), context);
  return false;
}

bool Greeting::socks_request(const StageContext& context) {
  auto parsed = wire::parse_socks_request(held_.view());
  if (parsed.is_need_more()) return false;
  if (parsed.is_invalid()) {
    const auto error = parsed.reason();
    const auto reason = error == wire::SocksError::kCommandNotSupported ? CloseReason::kMethodNotAllowed
                        : error == wire::SocksError::kBadHost           ? CloseReason::kBadAuthority
                                                                        : CloseReason::kProtocolError;
    refuse_here(reason, wire::describe(error), context);
    return false;
  }
  held_.consume(parsed.length());
  context.record.host = parsed.value().host;
  context.record.host_source = HostSource::kConnect;
  dial(parsed.value(), context);
  return false;
}

void Greeting::authenticate(std::string user, std::string password, const StageContext& context) {
  context.record.user = user;  // also of a failed attempt: the record says who tried
  step_ = Step::kAuthenticating;
  context.out.emplace_back(Authenticate{std::move(user), std::move(password)});
}

void Greeting::dial(wire::Authority authority, const StageContext& context) {
  context.record.destination.port = authority.port;
  if (!context.settings.port_allowed(authority.port)) {
    refuse_here(CloseReason::kPortNotAllowed,
                "Port " + std::to_string(authority.port) + " is not in allow_ports of this proxy.", context);
    return;
  }
  const policy::Verdict verdict = ask_policy(context, Known::kAuthority, policy::Protocol::kNotYet);
  if (verdict.decision == policy::Decision::kBlock) {
    note_verdict(context, verdict);
    if (tunnel_) return refuse_by_policy(context, dialect_);
    Blocking blocking(context.now + context.settings.timeouts.client_hello);
    blocking.start(dialect_, std::move(held_), client_ended_, context);
    return;
  }
  if (tunnel_ && !held_.empty() && !client_ended_) {
    Hearing hearing(dialect_, std::move(authority), context.now + context.settings.timeouts.client_hello);
    return hearing.start(std::move(held_), context);
  }
  context.out.emplace_back(Dial{std::move(authority), nullptr});
  context.go(Dialing(dialect_, std::move(held_), client_ended_));
}

}  // namespace sluice::flow
