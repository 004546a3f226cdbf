#pragma once
// Relaying: HTTP/1.1 request by request. Each request is read whole up to its body, asked about, written anew for the
// origin that it names; its response comes back the same way. Bodies pass by in runs, so no size matters; requests sent
// ahead wait, bounded, for their turn. One exchange is one record.
//
//   request    kAwaiting --head, policy--> kReady --origin is there--> kSending --end--> kSent --+
//                  ^                         |                                                   |
//                  |                         +--- our own answer ----+                           |
//                  +---------------- both are done ------------------+---------------------------+
//   response   kNone --request left--> kAwaited --head--> kReceiving --end--> kNone
//   WebSocket  a 101 makes the rest of the connection opaque bytes both ways (kOpaque) until both sides have ended
//
// Of https, both sides' TLS ends at the driver and the messages inside are what is seen here.
// The origin's connection is kept between requests for origin_idle_max and reopened when the next request names another
// origin or finds it closed.
#include <optional>
#include <string>

#include "proxy/flow/exchange.h"
#include "proxy/flow/stage_context.h"
#include "proxy/http/fields.h"
#include "proxy/http/http1_reader.h"
#include "proxy/http/http1_writer.h"

namespace sluice::flow {

class Relaying {
 public:
  static constexpr const char* name = "relaying";

  explicit Relaying(RelayTerms terms);
  // Enters the stage, or passes it by, with what the client sent so far.
  void start(base::Chunk held, bool client_ended, const StageContext& context);
  // The same for what is no HTTP inside TLS.
  void start_unknown(base::Chunk of_client, base::Chunk of_origin, const StageContext& context);

  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(DialDone&& input, const StageContext& context);
  void on(OriginSecured&& input, const StageContext& context);
  void on(Resumed&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(PolicyChanged&& input, const StageContext& context);
  std::optional<base::Time> deadline() const;

 private:
  enum class RequestPhase : uint8_t { kAwaiting, kReady, kSending, kSent };
  enum class ResponsePhase : uint8_t { kNone, kAwaited, kReceiving, kOpaque };
  enum class OriginLeg : uint8_t { kNone, kDialing, kSecuring, kOpen };
  enum class Keep : uint8_t { kOpen, kClose };

  bool decrypts() const { return terms_.scheme == http::Scheme::kHttps; }
  bool in_exchange() const { return request_phase_ != RequestPhase::kAwaiting; }

  // The client's side (relaying.cc).
  void prepare(const StageContext& context);
  void advance(const StageContext& context);
  bool speaks_http(const StageContext& context);
  void unknown_inside(base::Chunk of_origin, const StageContext& context);
  bool take_next(const StageContext& context);
  void begin_exchange(const StageContext& context);
  void fresh_record(const StageContext& context);
  void request_ended(const StageContext& context);
  void client_ended_early(const StageContext& context);
  void hold_client(const StageContext& context);
  void finish_exchange(const StageContext& context);
  void linger(CloseReason reason, const StageContext& context);
  void leave(CloseReason reason, Stage stage, const StageContext& context);

  // What becomes of a request (relay_request.cc).
  void judge(const StageContext& context);
  void block(const OwnAnswer& page, const StageContext& context);
  void reject(const http::Problem& problem, const StageContext& context);
  void answer(CloseReason reason, const OwnAnswer& response, Keep keep, const StageContext& context);
  void answer_refusal(const Refused& refused, const StageContext& context);
  void answer_refusal(CloseReason reason, int status, std::string_view detail, const StageContext& context);

  // The origin's side (relay_response.cc).
  void reach_origin(const StageContext& context);
  void origin_is_there(const StageContext& context);
  void origin_insecure(CloseReason reason, std::string_view detail, const StageContext& context);
  void ask_again(const StageContext& context);
  void send_request(const StageContext& context);
  void read_responses(const StageContext& context);
  void response_head(const StageContext& context);
  void become_opaque(const StageContext& context);
  void response_ended(const StageContext& context);
  void bad_response(std::string_view detail, const StageContext& context);
  void origin_gone(CloseReason reason, const StageContext& context);
  bool try_again(const StageContext& context);
  void hang_up(const StageContext& context);

  void to_client(base::Chunk bytes, const StageContext& context);
  void to_origin(base::Chunk bytes, const StageContext& context);

  RelayTerms terms_;
  http::RequestReader requests_;
  std::optional<http::ResponseReader> responses_;
  RequestPhase request_phase_ = RequestPhase::kAwaiting;
  ResponsePhase response_phase_ = ResponsePhase::kNone;
  OriginLeg leg_ = OriginLeg::kNone;
  wire::Authority origin_;  // of the leg
  base::Endpoint origin_address_;
  bool leg_used_ = false;      // it has answered before
  bool leg_keeps_ = true;      // it will take another request
  bool tried_again_ = false;   // this exchange
  bool client_keeps_ = true;   // after this exchange
  bool client_ended_ = false;  // sent FIN
  bool origin_ended_ = false;  // likewise, while opaque
  bool holding_ = false;       // the client's reading
  bool undecided_ = false;     // policy waits for the origin's address
  bool resuming_ = false;      // the next request waits until the last one's record is written
  bool over_ = false;          // another stage follows
  bool http_seen_ = false;     // inside TLS: the client has begun a request
  uint64_t exchanges_ = 0;
  http::BodyWriter body_up_;
  http::BodyWriter body_down_;
  Timeouts timeouts_;
  base::Time total_by_{};    // the connection's
  base::Time moved_at_{};    // the last byte
  base::Time head_since_{};  // the first byte of a head that is not whole
  base::Time leg_idle_since_{};
  base::Time secured_by_{};
  base::Time update_at_{};
};

}  // namespace sluice::flow
