#include "proxy/client/control_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>

#include "proxy/base/file.h"
#include "proxy/base/text.h"
#include "proxy/client/limits.h"
#include "proxy/policy/compile.h"
#include "proxy/report/channel.h"
#include "sluice/control/v1/control.grpc.pb.h"

namespace sluice::client {

namespace v1 = control::v1;

struct ControlClient::Stubs {
  std::vector<std::unique_ptr<v1::Control::Stub>> of_pops;
};

namespace {

// Finding by finding, one line.
std::string why_not(const policy::Findings& findings) {
  std::string text;
  for (const policy::Finding& finding : findings) {
    text += (text.empty() ? "" : "; ") + finding.path + ": " + finding.sentence;
  }
  return text;
}

std::vector<policy::TimedBypass> timed_of(const v1::Config& config) {
  std::vector<policy::TimedBypass> timed;
  for (const v1::TimedBypass& from : config.timed_bypasses()) {
    const base::WallTime expires{std::chrono::milliseconds(from.expires_time())};
    timed.push_back({from.id(), from.host(), from.process(), from.reason(), expires});
  }
  return timed;
}

}  // namespace

ControlClient::ControlClient(ControlOptions options, ControlHandlers handlers)
    : options_(std::move(options)),
      handlers_(std::move(handlers)),
      stubs_(std::make_unique<Stubs>()),
      random_(options_.seed != 0 ? options_.seed : base::random_u64()) {}

base::Result<std::unique_ptr<ControlClient>> ControlClient::start(ControlOptions options, ControlHandlers handlers) {
  std::unique_ptr<ControlClient> client(new ControlClient(std::move(options), std::move(handlers)));
  for (const ControlPop& pop : client->options_.pops) {
    auto channel = report::open_channel(pop.address, pop.tls, "control");
    if (!channel) return channel.error();
    client->stubs_->of_pops.push_back(v1::Control::NewStub(*channel));
  }
  client->thread_ = std::thread([raw = client.get()] { raw->run(); });
  return client;
}

ControlClient::~ControlClient() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.notify_all();
  }
  thread_.join();
}

bool ControlClient::wait(base::Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, duration, [this] { return stopping_; });
}

void ControlClient::run() {
  load_last_good();
  base::Duration backoff = control_backoff_min;
  while (wait(base::Duration{0})) {
    bool served = false;
    for (size_t pop = 0; pop < stubs_->of_pops.size() && !served; ++pop) served = watch(pop);
    if (served) backoff = control_backoff_min;
    // Between half and all of it, so that a PoP's clients do not return at one moment.
    std::uniform_int_distribution<int64_t> jittered(backoff.count() / 2, backoff.count());
    if (!wait(base::Duration{jittered(random_)})) return;
    backoff = std::min(backoff * 2, control_backoff_max);
  }
}

bool ControlClient::watch(size_t pop) {
  grpc::ClientContext context;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    context_ = &context;
  }
  const auto stream = stubs_->of_pops[pop]->WatchConfig(&context);
  v1::WatchRequest request;
  *request.mutable_hello() = options_.device;
  request.mutable_hello()->set_applied_version(version_);
  bool served = false;
  v1::WatchResponse response;
  if (stream->Write(request)) {
    while (stream->Read(&response)) {
      if (!served && handlers_.on_connection) handlers_.on_connection(true, "");
      served = true;
      if (response.has_flow_notice() && handlers_.on_notice) handlers_.on_notice(response.flow_notice());
      if (!response.has_config()) continue;
      v1::WatchRequest answer;
      answer.mutable_ack()->set_policy_version(response.config().policy_version());
      answer.mutable_ack()->set_error(take(response.config()));
      if (!stream->Write(answer)) break;
    }
  }
  const grpc::Status status = stream->Finish();
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    stopping = stopping_;
  }
  if (!stopping && handlers_.on_connection) {
    handlers_.on_connection(false, options_.pops[pop].address + ": " + status.error_message());
  }
  return served;
}

std::string ControlClient::take(const v1::Config& config) {
  const bool another_pop = !version_.empty() && config.pop() != pop_;
  if (another_pop && config.policy_version() != version_ && config.generation() <= generation_) {
    return "generation " + std::to_string(config.generation()) + " of " + config.pop() + " is not above generation " +
           std::to_string(generation_) + " of " + pop_ + ", which is in force";
  }
  policy::CompileOptions options;
  options.version = config.policy_version();
  options.timed = timed_of(config);
  auto compiled = policy::compile(config.policy(), {}, options);
  if (!compiled) return why_not(compiled.error());
  if (!options_.last_good_file.empty()) {
    // In force all the same: what cannot be kept is only missed by a start without any PoP.
    (void)base::replace_file(options_.last_good_file, config.SerializeAsString(), 0600);
  }
  pop_ = config.pop();
  generation_ = config.generation();
  version_ = config.policy_version();
  handlers_.on_policy({compiled->policy, config.policy(), pop_, generation_});
  return "";
}

void ControlClient::load_last_good() {
  if (options_.last_good_file.empty()) return;
  const auto bytes = base::read_file(options_.last_good_file, last_good_bytes_max);
  v1::Config config;
  if (bytes && config.ParseFromString(*bytes)) (void)take(config);
}

}  // namespace sluice::client
