#pragma once
// Handshaking: policy wants to look inside. The origin's handshake comes first, so that what the client is shown can
// tell the truth about the origin; then the client's, from the hello that was held.
//
//   kOrigin --judged--> kClient --done--> Relaying
//      |  |                +--- the client refuses our certificate, or leaves --> Done
//      |  +-- its certificate is wrong and policy blocks, or the handshake failed --> Refusing, with an alert
//      +-- it wants a certificate of the client, and we have none to show --> kRedialing --> Splicing
//      +-- it does not speak HTTP/1.1, which is all that the client speaks --> kTranslating --> kOrigin
#include <optional>
#include <string_view>

#include "proxy/flow/stage_context.h"
#include "proxy/wire/authority.h"

namespace sluice::flow {

// How ALPN names the versions that are relayed.
inline constexpr std::string_view alpn_h2 = "h2";
inline constexpr std::string_view alpn_http1 = "http/1.1";

class Handshaking {
 public:
  static constexpr const char* name = "handshaking";

  // `bound`: the name or address that was checked, and the port; the origin is connected. `hello`: whole, with what
  // came behind it.
  Handshaking(wire::Authority bound, base::Chunk hello) : bound_(std::move(bound)), hello_(std::move(hello)) {}
  // Enters the stage, or passes it by.
  void start(const StageContext& context);

  void on(OriginSecured&& input, const StageContext& context);
  void on(ClientSecured&& input, const StageContext& context);
  void on(DialDone&& input, const StageContext& context);
  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&&, const StageContext&) {}  // asked for the first request
  std::optional<base::Time> deadline() const { return deadline_; }

 private:
  enum class Step : uint8_t { kOrigin, kClient, kRedialing, kTranslating };

  void answer_client(bool mirrored, const tls::OriginVerdict& verdict, const StageContext& context);
  void secure_origin(std::vector<std::string> versions, const StageContext& context);
  void redial(Step step, const StageContext& context);
  void splice_redialled(const StageContext& context);
  void refuse(CloseReason reason, const StageContext& context);
  void end(CloseReason reason, const StageContext& context);

  Step step_ = Step::kOrigin;
  wire::Authority bound_;
  base::Chunk hello_;
  size_t hello_bytes_ = 0;  // once it was handed on
  std::optional<base::Time> deadline_;
  bool origin_http2_ = false;                  // what the origin chose
  bool offered_http2_ = false;                 // to it
  std::optional<tls::Sha256> accepted_chain_;  // of an origin whose faults the client is shown
  TlsFacts facts_;                             // moves into the record
};

// Policy wants to look inside what goes to the record's host.
void begin_interception(const StageContext& context, base::Chunk hello, bool client_ended);

}  // namespace sluice::flow
