#pragma once
// Greeting: from the first byte to a checked authority. HTTP/1.1 CONNECT, or SOCKS5 (none, or user and password); or
// to a plain request (`GET http://...`), which is relayed.
//
//   first byte 5 ---> methods --+--> credentials --> (Authenticate) --+--> request --+
//        |                      +--------------- no password ---------+              +--> authority --> Dialing
//        +--> HTTP head --> (Authenticate, where the listener wants it) -------------+--> plain request --> Relaying
#include <optional>

#include "proxy/flow/refusal.h"
#include "proxy/flow/stage_context.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/socks5.h"

namespace sluice::flow {

class Greeting {
 public:
  static constexpr const char* name = "greeting";

  void on(Opened&& input, const StageContext& context);
  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(AuthDone&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}  // asked when the request is understood
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  enum class Step : uint8_t { kFirstByte, kHttpHead, kSocksMethods, kSocksCredentials, kSocksRequest, kAuthenticating };

  void advance(const StageContext& context);
  bool first_byte(const StageContext& context);
  bool check_source(const StageContext& context) const;
  bool http_head(const StageContext& context);
  bool http_request(const wire::RequestHead& head, size_t length, const StageContext& context);
  void relay(const StageContext& context);
  bool socks_methods(const StageContext& context);
  bool socks_credentials(const StageContext& context);
  bool socks_request(const StageContext& context);
  void tunnel_request(const ConnectRequest& request, const StageContext& context);
  // False when refused.
  bool note_client(const wire::Fields& fields, const StageContext& context) const;
  void authenticate(std::string user, std::string password, const StageContext& context);
  // The request is understood: check what may be checked without a resolver, then dial.
  void dial(wire::Authority authority, const StageContext& context);
  void refuse_here(CloseReason reason, std::string_view detail, const StageContext& context) const;

  Step step_ = Step::kFirstByte;
  Dialect dialect_ = Dialect::kHttp;
  bool client_ended_ = false;  // FIN came while a password was being checked
  std::optional<base::Time> deadline_;
  std::shared_ptr<const TunnelEnd> tunnel_;  // null on plain listeners: what the client says of itself is ignored
  base::Chunk held_;
  wire::RequestHeadParser parser_;
  std::optional<wire::Authority> authority_;  // of a CONNECT whose password is being checked
  std::string credentials_;                   // of a plain request; a secret
};

}  // namespace sluice::flow
