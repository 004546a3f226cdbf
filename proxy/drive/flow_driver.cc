#include "proxy/drive/flow_driver.h"

#include <utility>

#include "proxy/base/assert.h"
#include "proxy/drive/limits.h"
#include "proxy/net/tcp_stream.h"

namespace sluice::drive {

using flow::CloseReason;
using flow::Side;
using Kind = net::IoResult::Kind;

namespace {
uint8_t bit(flow::HoldReason reason) {
  return static_cast<uint8_t>(1u << static_cast<uint8_t>(reason));
}

// Moves what `action` sends to the front of what the next one sends. Each Send costs a system call, and a TLS record.
bool joined(flow::Action& action, flow::Action& next) {
  auto* first = std::get_if<flow::Send>(&action);
  auto* second = std::get_if<flow::Send>(&next);
  if (first == nullptr || second == nullptr) return false;
  if (first->side != second->side || first->leg != second->leg) return false;
  if (first->bytes.size() + second->bytes.size() > joined_send_bytes) return false;
  first->bytes.append(second->bytes.view());
  second->bytes = std::move(first->bytes);
  return true;
}
}  // namespace

std::unique_ptr<FlowDriver> FlowDriver::open(FlowHost& host, int fd, std::unique_ptr<flow::Machine> machine,
                                             std::shared_ptr<const DialSettings> dial_settings) {
  std::unique_ptr<FlowDriver> driver(new FlowDriver(host, std::move(machine), std::move(dial_settings)));
  driver->end(Side::kClient).stream = net::TcpStream::adopt(host.loop, fd, *driver);
  if (driver->end(Side::kClient).stream == nullptr) return nullptr;
  host.begin_event(driver->machine_->record());
  return driver;
}

std::unique_ptr<FlowDriver> FlowDriver::open(FlowHost& host, std::unique_ptr<net::Stream> client, Responder* responder,
                                             std::unique_ptr<flow::Machine> machine,
                                             std::shared_ptr<const DialSettings> dial_settings) {
  std::unique_ptr<FlowDriver> driver(new FlowDriver(host, std::move(machine), std::move(dial_settings)));
  client->set_handler(*driver);
  driver->end(Side::kClient).stream = std::move(client);
  driver->responder_ = responder;
  host.begin_event(driver->machine_->record());
  return driver;
}

FlowDriver::FlowDriver(FlowHost& host, std::unique_ptr<flow::Machine> machine,
                       std::shared_ptr<const DialSettings> dial_settings)
    : host_(host), machine_(std::move(machine)), dial_settings_(std::move(dial_settings)) {}

void FlowDriver::start(flow::Opened opened) {
  net::Stream& client = *end(Side::kClient).stream;
  if (opened.request && client.readable()) {
    const std::span<uint8_t> buffer = host_.buffer.first(first_read_bytes_max);
    const net::IoResult result = client.read(buffer);
    totals_.client_in += result.bytes;
    opened.early = base::Chunk::copy_of(buffer.first(result.bytes));
    if (result.kind == Kind::kEnded) {
      end(Side::kClient).read_ended = true;
      inbox_.push_back(flow::ReadEnded{Side::kClient});
    } else if (result.kind == Kind::kReset) {
      end(Side::kClient).read_ended = true;
      inbox_.push_back(flow::Reset{Side::kClient});
    }
  }
  inbox_.insert(inbox_.begin(), flow::Input(std::move(opened)));
  work_through_inbox();
  service();
  arm();
}

FlowDriver::~FlowDriver() {
  host_.loop.not_soon(*this);
}

void FlowDriver::reconfigure(std::shared_ptr<const flow::Settings> settings) {
  if (!closed_ && !machine_->done()) deliver(flow::PolicyChanged{std::move(settings), spliced()});
}

void FlowDriver::shutdown(CloseReason reason) {
  if (!closed_ && !machine_->done()) deliver(flow::Shutdown{reason, spliced()});
}

void FlowDriver::drain() {
  if (!closed_ && !machine_->done()) deliver(flow::Draining{});
}

void FlowDriver::rewrite_records() {
  flow::FlowRecord& record = machine_->record();
  if (splicer_) {
    record.client_bytes = splicer_->bytes().client;
    record.server_bytes = splicer_->bytes().server;
  }
  machine_->each_record([this](flow::FlowRecord& one) {
    const bool open = one.revision != 0 && one.close_reason == CloseReason::kUnspecified;
    if (open) host_.write_record(one, flow::Record::State::kOpen);
  });
}

// ---- inputs

void FlowDriver::on_stream(net::Stream& stream) {
  if (stream.lost()) return shutdown(CloseReason::kTunnelLost);
  if (tls_) tls_->look();
  service();
  arm();
}

void FlowDriver::on_ready() {
  service();
  arm();
}

void FlowDriver::on_timer() {
  if (closed_) return;
  if (closing_) return finish_sending();
  const base::Time now = host_.loop.now();
  if (splicer_ && now >= splicer_->deadline()) {
    const CloseReason reason = splicer_->deadline_reason();
    const flow::SpliceBytes bytes = take_splicer();
    for (FlowEnd& e : ends_) e.abort = true;
    deliver(flow::SpliceEnded{bytes, reason});
  } else if (const auto deadline = machine_->deadline(); deadline && now >= *deadline && !machine_->done()) {
    deliver(flow::Tick{spliced()});
  }
  arm();
}

void FlowDriver::on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) {
  if (stream) {
    stream->set_handler(*this);
    end(Side::kOrigin).stream = std::move(stream);
  }
  deliver(std::move(result));
  service();
  arm();
}

void FlowDriver::on_secured(Side side, flow::Input result, base::Duration took) {
  host_.count_handshake(side, took);
  if (closed_ || machine_->done()) return;
  deliver(std::move(result));
  service();
  arm();
}

void FlowDriver::on_leg_input(flow::Input input) {
  if (closed_ || machine_->done()) return;
  deliver(std::move(input));
  on_leg_ready();
}

void FlowDriver::on_leg_ready() {
  service();
  arm();
}

void FlowDriver::on_leg_handshake(base::Duration took) {
  host_.count_handshake(Side::kOrigin, took);
}

void FlowDriver::on_looked_up(const flow::Resolved& answer) {
  deliver(answer);
  service();
  arm();
}

void FlowDriver::authenticated(bool accepted) {
  if (closed_ || machine_->done()) return;
  deliver(flow::AuthDone{accepted});
  service();
  arm();
}

void FlowDriver::records_written() {
  waiting_for_records_ = false;
  flow::Outbox actions = std::exchange(parked_, {});
  handling_ = true;  // what they bring about comes behind them
  perform(actions);
  work_through_inbox();
  if (splicer_) {  // a flow that only moves bytes may last for hours: it keeps nothing of how it began
    dialling_.reset();
    inbox_.shrink_to_fit();
  }
  if (!closed_) {
    service();
    arm();
  }
}

void FlowDriver::deliver(flow::Input input) {
  inbox_.push_back(std::move(input));
  if (!handling_) work_through_inbox();
}

void FlowDriver::work_through_inbox() {
  handling_ = true;
  for (size_t i = 0; i < inbox_.size() && !machine_->done(); ++i) {
    flow::Outbox& out = host_.outbox;
    out.clear();
    flow::Input next = std::move(inbox_[i]);
    machine_->handle(std::move(next), host_.loop.now(), out);
    flow::Outbox actions = std::exchange(out, {});
    perform(actions);
    actions.clear();
    host_.outbox = std::move(actions);  // keeps its memory
  }
  inbox_.clear();
  handling_ = false;
}

// ---- actions

void FlowDriver::perform(flow::Outbox& actions) {
  for (size_t i = 0; i < actions.size(); ++i) {
    flow::Action& action = actions[i];
    if (closed_) return;
    const bool joins_write = parked_.empty() && std::holds_alternative<flow::Record>(action);
    if (waiting_for_records_ && !joins_write) {
      parked_.push_back(std::move(action));
      continue;
    }
    if (i + 1 < actions.size() && joined(action, actions[i + 1])) continue;
    std::visit([this](auto&& item) { perform(std::move(item)); }, std::move(action));
  }
}

void FlowDriver::perform(flow::Record&& action) {
  host_.write_record(action.of ? *action.of : machine_->record(), action.state);
  if (!std::exchange(waiting_for_records_, true)) host_.wait_for_records(*this);
}

void FlowDriver::perform(flow::Send&& action) {
  FlowEnd& to = end(action.side, action.leg);
  if (!to.stream) return;
  if (to.unsent.empty()) {
    to.unsent = std::move(action.bytes);
  } else {
    to.unsent.append(action.bytes.view());
  }
  flush(action.side, action.leg);
}

void FlowDriver::perform(flow::Respond&& action) {
  SLUICE_ASSERT(responder_ != nullptr);
  if (end(Side::kClient).stream) responder_->respond(action.status, std::move(action.fields));
}

void FlowDriver::perform(flow::Authenticate&& action) {
  alive_ = std::make_shared<int>();
  host_.authenticate(*this, alive_, std::move(action.user), std::move(action.password));
}

void FlowDriver::perform(flow::Resolve&& action) {
  lookup_ = std::make_unique<Lookup>(host_.loop, host_.resolver, *dial_settings_, std::move(action.host), *this);
  lookup_->start();
}

void FlowDriver::perform(flow::Dial&& action) {
  lookup_.reset();
  if (action.leg > 0) return dial_further(std::move(action));
  drop_first_origin();
  if (action.tunnel) {
    dialling_ = host_.dial_tunnel(std::move(action), *this);
  } else {
    dialling_ =
        std::make_unique<Dialer>(host_.loop, host_.resolver, dial_settings_, std::move(action.authority), *this);
  }
  dialling_->start();
}

void FlowDriver::dial_further(flow::Dial&& action) {
  SLUICE_ASSERT(action.leg <= further_.size() + 1 && !action.tunnel);
  FurtherLegOwner& owner = *this;
  if (action.leg > further_.size()) further_.push_back(std::make_unique<FurtherLeg>(action.leg, owner));
  FurtherLeg& leg = further(action.leg);
  leg.dial(std::make_unique<Dialer>(host_.loop, host_.resolver, dial_settings_, std::move(action.authority), leg));
}

void FlowDriver::perform(flow::HoldRead&& action) {
  end(action.side, action.leg).holds |= bit(action.reason);
}

void FlowDriver::perform(flow::ReleaseRead&& action) {
  end(action.side, action.leg).holds &= static_cast<uint8_t>(~bit(action.reason));
}

void FlowDriver::perform(flow::EndWrite&& action) {
  end(action.side, action.leg).end_write = true;
  flush(action.side, action.leg);
}

void FlowDriver::perform(flow::Abort&& action) {
  end(action.side, action.leg).abort = true;
}

void FlowDriver::perform(flow::HangUp&& action) {
  if (action.leg > 0) return further(action.leg).hang_up();
  dialling_.reset();
  drop_first_origin();
}

void FlowDriver::drop_first_origin() {
  FlowEnd& origin = end(Side::kOrigin);
  if (tls_) tls_->origin_goes();
  if (origin.stream && origin.abort) origin.stream->reset_on_close();
  origin = {};
}

void FlowDriver::drop_origins() {
  drop_first_origin();
  for (const auto& leg : further_) leg->hang_up();
}

FlowTls& FlowDriver::tls() {
  FlowTlsOwner& owner = *this;
  if (!tls_) tls_ = std::make_unique<FlowTls>(host_.interception, host_.handshakes, owner);
  return *tls_;
}

TlsStream* FlowDriver::tls_of(Side side, flow::LegIndex leg) {
  FlowTls* tls = tls_at(leg);
  if (tls == nullptr) return nullptr;
  return side == Side::kClient ? tls->client() : tls->origin();
}

void FlowDriver::perform(flow::SecureOrigin&& action) {
  if (action.leg > 0) return further(action.leg).secure(host_.interception, host_.handshakes, action);
  FlowEnd& origin = end(Side::kOrigin);
  SLUICE_ASSERT(origin.stream != nullptr && host_.interception != nullptr);
  origin.stream = tls().secure_origin(std::move(origin.stream), action);
  origin.stream->set_handler(*this);
}

void FlowDriver::perform(flow::SecureClient&& action) {
  FlowEnd& client = end(Side::kClient);
  SLUICE_ASSERT(client.stream != nullptr);
  auto secured = tls().secure_client(client.stream, std::move(action));
  if (secured == nullptr) return deliver(flow::ClientSecured{{}, false});
  client.stream = std::move(secured);
  client.stream->set_handler(*this);
}

void FlowDriver::perform(flow::Resume&&) {
  if (tls_) tls_->rest();  // between two exchanges
  for (const auto& leg : further_) {
    if (leg->tls() != nullptr) leg->tls()->rest();
  }
  deliver(flow::Resumed{});
}

void FlowDriver::perform(flow::TellWhenSent&& action) {
  end(action.side, action.leg).tell_sent = true;
  flush(action.side, action.leg);
}

void FlowDriver::perform(flow::Splice&& action) {
  held_bytes_ = action.to_origin.size();
  splicer_ = std::make_unique<Splicer>(*end(Side::kClient).stream, *end(Side::kOrigin).stream, host_.pipes,
                                       host_.buffer, std::move(action), host_.loop.now());
}

void FlowDriver::perform(flow::Announce&& action) {
  host_.announce(*this, action.line);
}

void FlowDriver::perform(flow::Close&& action) {
  closing_ = action.reason;
  closing_deadline_ = host_.loop.now() + flush_time_max;
  finish_sending();
}

// Closes once the client has everything that it shall have.
void FlowDriver::finish_sending() {
  const bool sent = end(Side::kClient).abort || flush(Side::kClient);
  if (sent || host_.loop.now() >= closing_deadline_) {
    close(*closing_);
    return;
  }
  drop_origins();
  host_.loop.timers().arm(*this, closing_deadline_);
}

void FlowDriver::close(CloseReason reason) {
  closed_ = true;
  host_.loop.timers().disarm(*this);
  host_.loop.not_soon(*this);
  lookup_.reset();
  dialling_.reset();
  if (splicer_) (void)take_splicer();
  drop_unsent(Side::kClient);
  if (TlsStream* client = tls_of(Side::kClient)) {
    if (!end(Side::kClient).abort) client->shutdown_write();  // its goodbye counts, too
    totals_.client_in += client->carried_in();
    totals_.client_out += client->carried_out();
  }
  if (tls_) tls_->stop();
  for (const auto& leg : further_) leg->hang_up();
  for (FlowEnd& e : ends_) {
    if (e.stream && e.abort) e.stream->reset_on_close();
    e.stream.reset();
  }
  host_.flow_ended(*this, reason, totals_);
}

void FlowDriver::arm() {
  if (closed_ || machine_->done()) return;
  auto next = machine_->deadline();
  if (splicer_ && (!next || splicer_->deadline() < *next)) next = splicer_->deadline();
  if (next) {
    host_.loop.timers().arm(*this, *next);
  } else {
    host_.loop.timers().disarm(*this);
  }
}

}  // namespace sluice::drive
