#pragma once
// TunnelSession: one HTTP/2 connection that carries CONNECT streams and nothing else, without a socket: bytes in, bytes
// out. Either side of a tunnel.
//
//   bytes from the peer:  receive(), then dispatch(); take_request() (server), at any pace
//   bytes for the peer:   output() until it is empty
//   finished():           send what output() still has, then close
//
// nghttp2's callbacks only note what happened; it is acted upon after nghttp2 has returned.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/time.h"
#include "proxy/http/frame_budget.h"
#include "proxy/http/receive_window.h"
#include "proxy/http/round_trip.h"
#include "proxy/http/stream_history.h"
#include "proxy/http/tunnel_stream.h"

struct nghttp2_session;

namespace sluice::http {

// Lives with its connection; one thread; never re-entered from a user's callback with receive() or output().
class TunnelSession {
 public:
  enum class Role : uint8_t { kServer, kClient };
  struct Options {
    Role role = Role::kServer;
    uint32_t streams_max = 0;  // server: that one client may have open
  };

  TunnelSession(const Options& options, base::Time now);
  ~TunnelSession();  // users hear on_tunnel_lost()
  TunnelSession(const TunnelSession&) = delete;
  TunnelSession& operator=(const TunnelSession&) = delete;

  void receive(base::ByteView bytes, base::Time now);
  // One frame, or empty. Valid until the next call of anything.
  base::ByteView output();
  // Tells users of streams what changed.
  void dispatch();

  // Server: CONNECTs that have come. What is no CONNECT is answered by the session itself.
  TunnelStream* take_request();
  // Client: null when the peer takes no more.
  TunnelStream* connect(const std::string& authority, const wire::Fields& fields, base::ByteView early);
  // Client: whether connect() may work.
  bool accepts_streams() const;

  // GOAWAY: no new streams, those that are open go on. A server announces it a round trip before.
  void announce_drain();
  void drain();
  // GOAWAY with ENHANCE_YOUR_CALM: the end at once.
  void refuse();
  void ping(base::Time now);

  bool finished() const;                                 // nothing more will be read or sent
  bool draining() const { return goaway_received_; }     // the peer said GOAWAY
  size_t streams() const { return streams_; }            // open, or not yet released
  base::Time last_heard() const { return last_heard_; }  // when a byte came
  std::optional<base::Duration> round_trip() const { return round_trip_.value(); }
  const char* refusal() const { return refusal_; }  // why refuse() was called; null if it was not

 private:
  friend class TunnelStream;
  friend struct TunnelCallbacks;

  void submit_settings(const Options& options);
  TunnelStream& add(int32_t id);
  void remove(TunnelStream& stream);
  void changed(TunnelStream& stream);
  void settle(TunnelStream& stream);
  void after_nghttp2();
  void refuse_because(const char* why);

  // For streams.
  void credit(TunnelStream& stream, uint32_t bytes);
  void resume(TunnelStream& stream);
  void reset(TunnelStream& stream, uint32_t code);
  void give_connection_window();

  nghttp2_session* session_ = nullptr;
  Role role_;
  base::Time now_;
  base::Time last_heard_;
  FrameBudget idle_frames_;
  FrameBudget resets_;
  StreamHistory history_;     // server: of the client's streams
  size_t continuations_ = 0;  // behind the last HEADERS
  const char* refusal_ = nullptr;
  bool over_budget_ = false;
  uint32_t violation_ = 0;  // code of the rule that the peer broke, where nghttp2 does not look
  bool goaway_received_ = false;
  bool goaway_sent_ = false;
  bool broken_ = false;  // nothing more is read
  bool mute_ = false;    // nor sent

  TunnelStream* first_ = nullptr;
  size_t streams_ = 0;
  std::vector<TunnelStream*> changed_;  // null where one went away
  std::vector<TunnelStream*> requests_;
  size_t requests_taken_ = 0;
  std::vector<TunnelStream*> to_settle_;  // noted in callbacks

  size_t received_bytes_ = 0;     // waiting in streams
  size_t connection_unread_ = 0;  // received, the peer's connection window not yet opened again
  ReceiveWindow connection_window_;
  size_t unsent_bytes_ = 0;  // of all streams
  RoundTrip round_trip_;
};

}  // namespace sluice::http
