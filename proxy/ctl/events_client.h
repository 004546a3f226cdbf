#pragma once
// EventsClient: sluicectl's connection to the Query service of an event store.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/result.h"
#include "sluice/events/v1/query.pb.h"

namespace sluice::ctl {

struct CallError {
  bool usage = false;                               // the request was wrong (exit code 2), not the server (1)
  std::string message;                              // one sentence
  std::optional<events::v1::QueryProblem> problem;  // where the query is wrong
};
template <class T>
using CallResult = base::Result<T, CallError>;

// Used by one thread; the calls block.
class EventsClient {
 public:
  // `server`: "unix:PATH" or "host:port" (not encrypted).
  static base::Result<EventsClient> open(const std::string& server);
  EventsClient(EventsClient&&) noexcept;
  EventsClient& operator=(EventsClient&&) noexcept;
  ~EventsClient();

  CallResult<events::v1::SearchResponse> search(const events::v1::SearchRequest& request);
  CallResult<events::v1::StatsResponse> stats();
  CallResult<events::v1::BackupResponse> backup(const events::v1::BackupRequest& request);
  CallResult<events::v1::CreateTokenResponse> create_token(const events::v1::CreateTokenRequest& request);
  CallResult<events::v1::ListTokensResponse> list_tokens();
  CallResult<events::v1::RevokeTokenResponse> revoke_token(const events::v1::RevokeTokenRequest& request);
  // Hands every answer to `deliver` until that says false; otherwise ends with an error only.
  CallResult<base::Unit> tail(const events::v1::TailRequest& request,
                              const std::function<bool(const events::v1::TailResponse&)>& deliver);

 private:
  struct Channel;
  explicit EventsClient(std::unique_ptr<Channel> channel);
  std::unique_ptr<Channel> channel_;
};

}  // namespace sluice::ctl
