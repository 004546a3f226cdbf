#include "proxy/drive/tunnel_opening.h"

#include <algorithm>
#include <utility>

#include "proxy/drive/limits.h"
#include "proxy/drive/tunnel_client.h"
#include "proxy/flow/reason.h"

namespace sluice::drive {

using flow::CloseReason;

TunnelOpening::TunnelOpening(TunnelClient& client, flow::Dial dial, DialHandler& handler)
    : client_(client), dial_(std::move(dial)), handler_(handler) {}

TunnelOpening::~TunnelOpening() {
  client_.forget(*this);
  if (flow_) flow_->reset_on_close();  // nobody wants it any more
}

void TunnelOpening::start() {
  deadline_ = client_.loop().now() + tunnel_wait;
  go_on();
}

void TunnelOpening::go_on() {
  Tunnel* tunnel = client_.usable();
  if (tunnel == nullptr) {
    if (client_.state() == TunnelClient::State::kDown) {
      return fail(CloseReason::kTunnelLost, "No PoP can be reached.");
    }
    client_.wait(*this);
    client_.loop().timers().arm(*this, deadline_);
    return;
  }
  wire::Fields fields;
  flow::append_metadata(dial_.tunnel->metadata, fields);
  http::TunnelStream* stream =
      tunnel->session().connect(dial_.authority.to_string(), fields, dial_.tunnel->early.view());
  if (stream == nullptr) return fail(CloseReason::kOverload, "The tunnel takes no more flows.");
  flow_ = std::make_unique<TunnelFlow>(*tunnel, *stream);
  flow_->set_handler(*this);
  tunnel->probe();
  tunnel->send_soon();
  answer_deadline_ = client_.loop().now() + tunnel_answer;
  client_.loop().timers().arm(*this, client_.loop().now() + tunnel_doubt);
}

void TunnelOpening::on_stream(net::Stream&) {
  if (const http::Head* head = flow_->response()) return answer(*head);
  if (flow_->lost() && client_.loop().now() < deadline_) {
    flow_.reset();
    deadline_ = std::max(deadline_, client_.loop().now() + tunnel_retry);
    return go_on();
  }
  if (flow_->lost() || flow_->was_reset()) fail(CloseReason::kTunnelLost, "The tunnel ended before the PoP answered.");
}

void TunnelOpening::on_timer() {
  if (flow_ && client_.loop().now() < answer_deadline_) {
    if (Tunnel* tunnel = client_.usable()) tunnel->probe();
    client_.loop().timers().arm(*this, answer_deadline_);
    return;
  }
  fail(flow_ ? CloseReason::kConnectTimeout : CloseReason::kTunnelLost, "The PoP did not answer in time.");
}

void TunnelOpening::answer(const http::Head& head) {
  if (head.status != 200) {
    const std::string* value = wire::find_field(head.fields, "sluice-reason");
    auto reason = value != nullptr ? flow::parse_reason(*value) : std::nullopt;
    const std::string* status = wire::find_field(head.fields, "proxy-status");
    if (!reason) reason = flow::Reason{head.status == 503 ? CloseReason::kOverload : CloseReason::kConnectError, {}};
    return fail(reason->close_reason, status != nullptr ? *status : "The PoP refused.", std::move(reason->policy));
  }
  client_.loop().timers().disarm(*this);
  handler_.on_dialled(std::move(flow_), flow::DialDone{});
}

void TunnelOpening::fail(CloseReason reason, std::string detail, std::string policy) {
  client_.loop().timers().disarm(*this);
  client_.forget(*this);
  flow_.reset();
  handler_.on_dialled(nullptr, flow::DialDone{reason, {}, std::move(detail), std::move(policy)});
}

}  // namespace sluice::drive
