#pragma once
// Multiplexing: HTTP/2 inside TLS that ends here, stream by stream. Each stream is an exchange with a record, a verdict
// and an end of its own; the connection of the origin speaks HTTP/2 too.
//
//   client's stream   request head --policy--> waiting --origin is there--> left --response--> ended both ways
//                        |  +-- 403, 421, ...: our own answer, the other streams do not notice
//                        +-- the client resets: the origin's stream is reset, and the other way round
//   origin's leg      kOpen --GOAWAY, closed--> kNone --next request--> kDialing --> kSecuring --> kOpen
//
// Bytes are made as they are taken: each side has a few frames on their way at most (outlet_bytes_max), the rest waits
// inside its stream, and a stream's sender gets room only for what has left for the other side. So a stream whose
// reader is slow stands still alone.
// When the origin says that it goes away while streams are open, the client is told the same; a request that the origin
// did not look at is refused with REFUSED_STREAM, which clients repeat by themselves, whatever its method.
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "proxy/flow/exchange.h"
#include "proxy/flow/mux_stream.h"
#include "proxy/flow/stage_context.h"
#include "proxy/http/http2_session.h"

namespace sluice::flow {

class Multiplexing {
 public:
  static constexpr const char* name = "multiplexing";

  // The origin of `terms.bound` is connected and agreed on HTTP/2, as the client did.
  explicit Multiplexing(RelayTerms terms) : terms_(std::move(terms)) {}
  void start(const StageContext& context);

  void on(Received&& input, const StageContext& context);
  void on(ReadEnded&& input, const StageContext& context);
  void on(Reset&& input, const StageContext& context);
  void on(DialDone&& input, const StageContext& context);
  void on(OriginSecured&& input, const StageContext& context);
  void on(Resumed&&, const StageContext&) {}
  void on(Sent&& input, const StageContext& context);
  void on(Tick&& input, const StageContext& context);
  void on(Shutdown&& input, const StageContext& context);
  void on(Draining&& input, const StageContext& context);
  void on(PolicyChanged&& input, const StageContext& context);
  std::optional<base::Time> deadline() const;

  // False: the machine's own record is the only one.
  bool each_record(const std::function<void(FlowRecord&)>& visit);

 private:
  enum class OriginLeg : uint8_t { kNone, kDialing, kSecuring, kOpen };
  struct Outlet {
    size_t taken = 0;      // bytes sent since the driver had sent everything
    bool waiting = false;  // for Sent
  };

  // The connection (multiplexing.cc).
  void begin(const StageContext& context);
  void begin_origin(const StageContext& context);
  void hear_origin(base::ByteView bytes, const StageContext& context);
  void unknown_inside(const StageContext& context);
  void work(const StageContext& context);
  bool take_output(Side side, const StageContext& context);
  void tell_drain(const StageContext& context);
  void settle(const StageContext& context);
  void cut_off(CloseReason reason, const StageContext& context);
  void leave(CloseReason reason, Stage stage, const StageContext& context);

  // Streams (mux_streams.cc).
  MuxStream& add(http::StreamId id, const StageContext& context);
  MuxStream* find(http::StreamId id);
  MuxStream* find_by_origin(http::StreamId id);
  StageContext of(const MuxStream& stream, const StageContext& context) const;
  void touch(MuxStream& stream, base::Time now);
  void give_up(MuxStream& stream, http::Http2Code code, CloseReason reason, const StageContext& context);
  void end(MuxStream& stream, CloseReason reason, Stage stage, const StageContext& context);
  void end_all(CloseReason reason, const StageContext& context);
  void forget(MuxStream& stream, const StageContext& context);
  void drop_origin_stream(MuxStream& stream, http::Http2Code code);

  // What the client says (mux_request.cc).
  void client_says(http::RequestReceived&& event, const StageContext& context);
  void client_says(http::RequestRefused&& event, const StageContext& context);
  void client_says(http::DataReceived&& event, const StageContext& context);
  void client_says(http::StreamEnded&& event, const StageContext& context);
  void client_says(http::DataSent&& event, const StageContext& context);
  void client_says(http::StreamClosed&& event, const StageContext& context);
  void client_says(http::StreamReset&& event, const StageContext& context);
  void client_says(http::GoAwayReceived&&, const StageContext&) {}
  void client_says(http::ConnectionFailed&& event, const StageContext& context);
  void client_says(http::ResponseReceived&&, const StageContext&) {}  // a client sends none
  void consider(MuxStream& stream, const StageContext& context);
  void refuse(MuxStream& stream, const Refused& refused, const StageContext& context);
  void answer(MuxStream& stream, CloseReason reason, const OwnAnswer& own, const StageContext& context);

  // What the origin says (mux_response.cc).
  void origin_says(http::ResponseReceived&& event, const StageContext& context);
  void origin_says(http::DataReceived&& event, const StageContext& context);
  void origin_says(http::StreamEnded&& event, const StageContext& context);
  void origin_says(http::DataSent&& event, const StageContext& context);
  void origin_says(http::StreamClosed&& event, const StageContext& context);
  void origin_says(http::StreamReset&& event, const StageContext& context);
  void origin_says(http::GoAwayReceived&& event, const StageContext& context);
  void origin_says(http::ConnectionFailed&& event, const StageContext& context);
  void origin_says(http::RequestReceived&&, const StageContext&) {}  // an origin sends none
  void origin_says(http::RequestRefused&&, const StageContext&) {}

  // The leg to the origin (mux_origin.cc).
  void reach_origin(MuxStream& stream, const StageContext& context);
  void send_request(MuxStream& stream, const StageContext& context);
  void send_waiting(const StageContext& context);
  void open_leg(const StageContext& context);
  void refuse_waiting(const Refused& refused, const StageContext& context);
  void origin_gone(CloseReason reason, const StageContext& context);
  bool try_again(MuxStream& stream, const StageContext& context);
  void hang_up(const StageContext& context);

  RelayTerms terms_;
  base::Chunk first_words_;   // of the client, until they are known to be HTTP/2
  base::Chunk origin_first_;  // what the origin said meanwhile
  std::unique_ptr<http::Http2Session> client_;
  std::unique_ptr<http::Http2Session> origin_;  // while kOpen
  std::array<Outlet, 2> outlets_;
  std::unordered_map<http::StreamId, std::unique_ptr<MuxStream>> streams_;  // by the client's number
  std::unordered_map<http::StreamId, MuxStream*> by_origin_;
  MuxOrder order_;
  std::deque<http::StreamId> waiting_;  // for the origin's connection, or for room on it

  OriginLeg leg_ = OriginLeg::kOpen;
  base::Endpoint origin_address_;
  bool leg_used_ = false;     // it has answered before
  bool leg_leaving_ = false;  // it said GOAWAY
  bool leg_heard_ = false;    // its SETTINGS have come
  uint64_t exchanges_ = 0;
  bool busy_ = false;                  // streams were open
  bool over_ = false;                  // another stage follows
  std::optional<CloseReason> ending_;  // the client's connection has nothing more to say, because of this
  Timeouts timeouts_;
  base::Time total_by_{};  // the connection's
  base::Time moved_at_{};  // the last stream's end; bytes that begin none do not keep the connection
  base::Time leg_idle_since_{};
  base::Time secured_by_{};
  base::Time update_at_{};
  std::optional<base::Time> drain_at_;  // announced; from then on new streams are refused
};

}  // namespace sluice::flow
