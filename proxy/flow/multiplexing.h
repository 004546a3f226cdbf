#pragma once
// Multiplexing: HTTP inside TLS that ends here, stream by stream, where at least one side speaks HTTP/2. Each stream is
// an exchange with a record, a verdict and an end of its own. The origin's side is one connection of HTTP/2, or, where
// the origin does not speak it, up to mux_legs_max of HTTP/1.1 with one exchange each at a time. A client that speaks
// only HTTP/1.1 has one stream at a time.
//
//   client's stream   request head --policy--> waiting --a leg has room--> left --response--> ended both ways
//                        |  +-- 403, 421, ...: our own answer, the other streams do not notice
//                        +-- the client resets: the origin's stream is reset, and the other way round
//
// Bytes are made as they are taken: each side has a few frames on their way at most (outlet_bytes_max), the rest waits
// inside its stream, and a stream's sender gets room only for what has left for the other side. So a stream whose
// reader is slow stands still alone.
// When the origin says that it goes away while streams are open, the client is told the same; a request that the origin
// did not look at is refused with REFUSED_STREAM, which clients repeat by themselves, whatever its method.
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "proxy/flow/exchange.h"
#include "proxy/flow/mux_leg.h"
#include "proxy/flow/mux_stream.h"
#include "proxy/flow/stage_context.h"
#include "proxy/http/http2_session.h"

namespace sluice::flow {

class Multiplexing {
 public:
  static constexpr const char* name = "multiplexing";

  // The origin of `terms.bound` is connected. `client_http2`: the client agreed on it; else the origin did.
  Multiplexing(RelayTerms terms, bool client_http2) : terms_(std::move(terms)), client_http2_(client_http2) {}
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
  // The connection (multiplexing.cc).
  void begin(const StageContext& context);
  policy::Protocol first_protocol() const;
  void unknown_inside(const StageContext& context);
  void work(const StageContext& context);
  bool hear_client(const StageContext& context);
  bool serve(MuxLeg& leg, const StageContext& context);
  bool send_to_client(const StageContext& context);
  bool send_to_origin(MuxLeg& leg, const StageContext& context);
  void hold_or_release(const StageContext& context);
  std::optional<base::Time> unfinished_since() const;
  void tell_drain(const StageContext& context);
  void settle(const StageContext& context);
  void cut_off(CloseReason reason, const StageContext& context);
  void leave(CloseReason reason, Stage stage, const StageContext& context);
  void abort_origin(const StageContext& context);

  // Streams (mux_streams.cc).
  MuxStream& add(http::StreamId id, const StageContext& context);
  MuxStream* find(http::StreamId id);
  static MuxStream* find(const MuxLeg& leg, http::StreamId id);
  StageContext of(const MuxStream& stream, const StageContext& context) const;
  void touch(MuxStream& stream, base::Time now);
  void give_up(MuxStream& stream, http::Http2Code code, CloseReason reason, const StageContext& context);
  void end(MuxStream& stream, CloseReason reason, Stage stage, const StageContext& context);
  void end_all(CloseReason reason, const StageContext& context);
  void forget(MuxStream& stream, const StageContext& context);
  void drop_origin_stream(MuxStream& stream, http::Http2Code code, base::Time now);
  static void detach(MuxStream& stream, base::Time now);

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
  void origin_says(MuxLeg& leg, http::ResponseReceived&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::DataReceived&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::StreamEnded&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::DataSent&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::StreamClosed&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::StreamReset&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::GoAwayReceived&& event, const StageContext& context);
  void origin_says(MuxLeg& leg, http::ConnectionFailed&& event, const StageContext& context);
  void origin_says(MuxLeg&, http::RequestReceived&&, const StageContext&) {}  // an origin sends none
  void origin_says(MuxLeg&, http::RequestRefused&&, const StageContext&) {}

  // The legs to the origin (mux_origin.cc).
  void reach_origin(MuxStream& stream, const StageContext& context);
  void send_waiting(const StageContext& context);
  MuxLeg* leg_with_room(const StageContext& context);
  void send_request(MuxStream& stream, MuxLeg& leg, const StageContext& context);
  MuxLeg& unused_leg();
  size_t live_legs() const;
  void open_leg(MuxLeg& leg, const StageContext& context);
  void begin_leg(MuxLeg& leg, const StageContext& context);
  void hear_leg(MuxLeg& leg, base::ByteView bytes, const StageContext& context);
  void leg_failed(MuxLeg& leg, const Refused& refused, const StageContext& context);
  void leg_gone(MuxLeg& leg, CloseReason reason, const StageContext& context);
  bool try_again(MuxStream& stream, MuxLeg& leg, const StageContext& context);
  void hang_up(MuxLeg& leg, const StageContext& context);

  RelayTerms terms_;
  base::Chunk first_words_;   // of the client, until they are known to be HTTP/2
  base::Chunk origin_first_;  // what the origin said meanwhile
  bool client_http2_;
  std::unique_ptr<http::ClientSession> client_;
  Outlet outlet_;                                                           // to the client
  bool client_held_ = false;                                                // its reading
  std::unordered_map<http::StreamId, std::unique_ptr<MuxStream>> streams_;  // by the client's number
  MuxOrder order_;
  std::deque<http::StreamId> waiting_;  // for a leg, or for room on it

  std::vector<std::unique_ptr<MuxLeg>> legs_;  // by their index; the first is there from the beginning
  size_t legs_max_ = 1;
  base::Endpoint origin_address_;  // the last one
  uint64_t exchanges_ = 0;
  bool busy_ = false;                  // streams were open
  bool over_ = false;                  // another stage follows
  std::optional<CloseReason> ending_;  // the client's connection has nothing more to say, because of this
  Timeouts timeouts_;
  base::Time total_by_{};  // the connection's
  base::Time moved_at_{};  // the last stream's end; bytes that begin none do not keep the connection
  base::Time update_at_{};
  std::optional<base::Time> drain_at_;  // announced; from then on new streams are refused
};

}  // namespace sluice::flow
