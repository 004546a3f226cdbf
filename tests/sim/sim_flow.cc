#include "tests/sim/sim_flow.h"

#include <algorithm>
#include <utility>

#include "tests/unit/wire/hello_builder.h"

namespace sluice::sim {

using flow::CloseReason;

namespace {
std::string text_of(const wire::test::Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}
}  // namespace

SimFlow::SimFlow(FlowHome& home, uint64_t id, Random random, std::shared_ptr<const flow::Settings> settings)
    : home_(home),
      id_(id),
      random_(random),
      machine_(std::move(settings), *base::Endpoint::parse("192.0.2.1:1000"), home.clock().now(), home.clock().wall()) {
  plan();
}

// What the two ends are going to do, chosen before anything happens.
void SimFlow::plan() {
  const std::string name = "f" + std::to_string(id_) + ".sim.test";
  const std::string host = random_.percent(15) ? "203.0.113.9" : name;
  if (random_.percent(80)) {
    request_ = "CONNECT " + host + ":443 HTTP/1.1\r\n\r\n";
  } else {
    request_ = std::string("\x05\x01\x00", 3) + std::string("\x05\x01\x00\x03", 4) + static_cast<char>(host.size()) +
               host + std::string("\x01\xbb", 2);
  }
  if (random_.percent(6)) request_ = random_.bytes(random_.between(1, 60)) + "\r\n\r\n";
  if (random_.percent(4)) request_.resize(random_.below(request_.size()));
  head_left_ = request_.size();
  const uint64_t kind = random_.below(100);
  if (kind < 70) payload_ = text_of(wire::test::record(wire::test::hybrid_hello(name).message()));
  if (kind >= 70 && kind < 75) payload_ = text_of(wire::test::record(wire::test::hybrid_hello("else.test").message()));
  if (kind >= 75 && kind < 80) payload_ = std::string("\x16\x03\x01\x40", 4);  // a hello that never becomes whole
  if (kind < 80 || kind >= 90) payload_ += random_.bytes(random_.size(20'000));
  origin_script_ = random_.bytes(random_.size(60'000));
  client_silent_ = random_.percent(3);
  origin_silent_ = random_.percent(5);
}

void SimFlow::refresh_record() {
  if (!splicing_) return;
  record().client_bytes = spliced_.client;
  record().server_bytes = spliced_.server;
}

flow::SpliceBytes SimFlow::bytes() const {
  if (splicing_) return spliced_;
  return {machine_.record().client_bytes, machine_.record().server_bytes};
}

void SimFlow::live() {
  if (closed_) return;
  const base::Time now = home_.clock().now();
  if (dialling_ == Dialling::kUnderWay && now >= dial_answer_) answer_dial();
  if (!closed_ && splicing_ && now >= moved_ + idle_) {
    end_splice(CloseReason::kIdleTimeout);
  } else if (const auto deadline = machine_.deadline(); !closed_ && !machine_.done() && deadline && now >= *deadline) {
    deliver(flow::Tick{bytes()});
  }
  if (authenticating_ && random_.percent(50)) {
    authenticating_ = false;
    if (!machine_.done()) deliver(flow::AuthDone{random_.percent(90)});
  }
  if (random_.percent(50)) {
    client_acts();
  } else {
    origin_acts();
  }
  service();
}

void SimFlow::client_acts() {
  End& client = end(Side::kClient);
  if (client.fin || client.reset || client_silent_) return;
  const std::string all = request_ + payload_;
  const size_t left = all.size() - sent_;
  const size_t part = std::min<size_t>(left, random_.percent(10) ? 1 : random_.between(1, 5000));
  client.arrived += all.substr(sent_, part);
  sent_ += part;
  if (random_.percent(1)) client.reset = true;
  if (left == part && random_.percent(40)) client.fin = true;
}

void SimFlow::origin_acts() {
  End& origin = end(Side::kOrigin);
  if (dialling_ != Dialling::kConnected || origin.fin || origin.reset || origin_silent_) return;
  const size_t left = origin_script_.size() - origin_sent_;
  const bool greets_first = origin_script_.size() % 10 == 0;
  if (origin.received.empty() && !greets_first) return;
  const size_t part = std::min<size_t>(left, random_.between(1, 30'000));
  origin.arrived += origin_script_.substr(origin_sent_, part);
  origin_sent_ += part;
  if (random_.percent(1)) origin.reset = true;
  if (left == part && random_.percent(50)) origin.fin = true;
}

void SimFlow::answer_dial() {
  const bool connected = random_.percent(90);
  dialling_ = connected ? Dialling::kConnected : Dialling::kNo;
  flow::DialDone result;
  result.address = *base::Endpoint::parse("198.51.100.1:443");
  if (!connected) result.failure = random_.percent(50) ? CloseReason::kConnectRefused : CloseReason::kDnsTimeout;
  if (!machine_.done()) deliver(std::move(result));
}

// ---- as drive/FlowDriver does it

void SimFlow::deliver(flow::Input input) {
  inbox_.push_back(std::move(input));
  if (handling_) return;
  handling_ = true;
  for (size_t i = 0; i < inbox_.size() && !machine_.done(); ++i) {
    flow::Outbox out;
    flow::Input next = std::move(inbox_[i]);
    machine_.handle(std::move(next), home_.clock().now(), out);
    perform(out);
    require(record().close_reason != CloseReason::kInternalError, "the machine met a pair it does not know");
  }
  inbox_.clear();
  handling_ = false;
}

void SimFlow::perform(flow::Outbox& actions) {
  for (flow::Action& action : actions) {
    require(!closed_, "an action after Close");
    if (waiting_) {
      parked_.push_back(std::move(action));
    } else {
      perform(std::move(action));
    }
  }
}

void SimFlow::records_written() {
  waiting_ = false;
  flow::Outbox actions = std::exchange(parked_, {});
  perform(actions);
  if (!closed_) service();
}

void SimFlow::perform(flow::Action&& action) {
  if (auto* record = std::get_if<flow::Record>(&action)) {
    require(!final_written_, "a record after the final one");
    final_written_ = record->state == flow::Record::State::kClosed;
    record_begun_ = true;
    waiting_ = true;
    home_.write_record(machine_.record(), record->state);
    home_.wait_for_records(id_);
  } else if (auto* send = std::get_if<flow::Send>(&action)) {
    require(send->side == Side::kClient, "a machine that does not decrypt says nothing to the origin itself");
    leave(send->side, send->bytes.text());
  } else if (std::holds_alternative<flow::Authenticate>(action)) {
    require(!authenticating_ && dials_ == 0, "a second question about the password");
    authenticating_ = true;
  } else if (std::holds_alternative<flow::Dial>(action)) {
    require(dialling_ != Dialling::kUnderWay && ++dials_ <= 2, "a dial too many");
    require(end(Side::kOrigin).received.empty(), "bytes went to an origin that is left");
    end(Side::kOrigin) = End{};
    origin_sent_ = 0;
    dialling_ = Dialling::kUnderWay;
    dial_answer_ = home_.clock().now() + base::Duration(random_.percent(90) ? random_.below(200) : 9'000);
  } else if (auto* hold = std::get_if<flow::HoldRead>(&action)) {
    end(hold->side).holds |= static_cast<uint8_t>(1u << static_cast<uint8_t>(hold->reason));
  } else if (auto* release = std::get_if<flow::ReleaseRead>(&action)) {
    end(release->side).holds &= static_cast<uint8_t>(~(1u << static_cast<uint8_t>(release->reason)));
  } else if (auto* end_write = std::get_if<flow::EndWrite>(&action)) {
    end(end_write->side).told_end = true;
  } else if (auto* splice = std::get_if<flow::Splice>(&action)) {
    require(!splicing_ && dialling_ == Dialling::kConnected, "a splice without an origin");
    splicing_ = true;
    idle_ = splice->idle;
    moved_ = home_.clock().now();
    spliced_ = {splice->to_origin.size(), splice->to_client.size()};
    leave(Side::kOrigin, splice->to_origin.text());
    leave(Side::kClient, splice->to_client.text());
    if (splice->client_ended) {
      end(Side::kOrigin).told_end = true;
      first_end_ = Side::kClient;
    }
    end(Side::kClient).ended = splice->client_ended;
    end(Side::kOrigin).ended = splice->origin_ended;
  } else if (std::holds_alternative<flow::Close>(action)) {
    closed_ = true;
    check_end();
  }
}

// Bytes leave the proxy.
void SimFlow::leave(Side side, std::string_view what) {
  require(!end(side).told_end || what.empty(), "bytes behind a FIN");
  if (side == Side::kOrigin || splicing_)
    require(record_begun_, "bytes left before the flow's record was in the kernel");
  end(side).received += what;
}

void SimFlow::service() {
  if (handling_) return;
  bool moved = true;
  while (moved && !closed_ && !waiting_) {
    if (splicing_) {
      pump();
      return;
    }
    moved = read_once(Side::kClient);
    if (!closed_ && !waiting_ && !splicing_) moved = read_once(Side::kOrigin) || moved;
  }
}

bool SimFlow::read_once(Side side) {
  End& from = end(side);
  if (from.holds != 0 || from.ended || machine_.done()) return false;
  if (side == Side::kOrigin && dialling_ != Dialling::kConnected) return false;
  if (!from.arrived.empty()) {
    const size_t part = std::min<size_t>(from.arrived.size(), random_.between(1, 16'384));
    const std::string bytes = from.arrived.substr(0, part);
    from.arrived.erase(0, part);
    if (side == Side::kClient) {
      const size_t head = std::min(head_left_, part);
      head_left_ -= head;
      payload_read_ += part - head;
    }
    deliver(flow::Received{side, base::Chunk::copy_of(bytes)});
    return true;
  }
  if (!from.reset && !from.fin) return false;
  from.ended = true;
  if (from.reset) {
    deliver(flow::Reset{side});
  } else {
    deliver(flow::ReadEnded{side});
  }
  return true;
}

// ---- as drive/Splicer does it

void SimFlow::pump() {
  const bool moved = pump_from(Side::kClient) | pump_from(Side::kOrigin);
  if (moved) moved_ = home_.clock().now();
  for (const Side side : {Side::kClient, Side::kOrigin}) {
    if (end(side).reset && !end(side).ended && end(side).arrived.empty()) {
      end(side).ended = true;
      end_splice(side == Side::kClient ? CloseReason::kClientReset : CloseReason::kOriginReset);
      return;
    }
  }
  if (end(Side::kClient).ended && end(Side::kOrigin).ended) {
    end_splice(first_end_.value_or(Side::kClient) == Side::kClient ? CloseReason::kClientClosed
                                                                   : CloseReason::kOriginClosed);
  }
}

bool SimFlow::pump_from(Side side) {
  End& from = end(side);
  const std::string bytes = std::exchange(from.arrived, {});
  leave(flow::other(side), bytes);
  (side == Side::kClient ? spliced_.client : spliced_.server) += bytes.size();
  if (side == Side::kClient) payload_read_ += bytes.size();
  if (from.fin && !from.reset && !from.ended) {
    from.ended = true;
    end(flow::other(side)).told_end = true;
    if (!first_end_) first_end_ = side;
  }
  return !bytes.empty();
}

void SimFlow::end_splice(CloseReason reason) {
  const flow::SpliceBytes moved = spliced_;
  splicing_ = false;
  if (!machine_.done()) deliver(flow::SpliceEnded{moved, reason});
}

void SimFlow::check_end() {
  require(final_written_ || !record_begun_, "a flow closed without its final record");
  const std::string& at_origin = end(Side::kOrigin).received;
  require(payload_.starts_with(at_origin) || at_origin.empty(), "the origin got bytes that the client did not send");
  const flow::FlowRecord& done = machine_.record();
  if (!at_origin.empty()) require(done.client_bytes == at_origin.size(), "client_bytes are not what the origin got");
  const std::string& at_client = end(Side::kClient).received;
  require(at_client.size() >= done.server_bytes, "server_bytes are more than the client got");
  const bool alert = done.action == flow::Verdict::kBlock || done.error_stage == flow::Stage::kDialing;
  if (alert) return;
  const std::string_view tail = std::string_view(at_client).substr(at_client.size() - done.server_bytes);
  require(std::string_view(origin_script_).starts_with(tail), "the client got bytes that the origin did not send");
}

}  // namespace sluice::sim
