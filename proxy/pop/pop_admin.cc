// Pop: changes that administrators make while it runs, one at a time.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "proxy/explain/explain.h"
#include "proxy/pop/limits.h"
#include "proxy/pop/pop.h"

namespace sluice::pop {

namespace v1 = control::v1;

namespace {

std::string described(const v1::TimedBypass& bypass) {
  std::string text = bypass.host().empty() ? "any host" : "host " + bypass.host();
  if (!bypass.process().empty()) text += ", process " + bypass.process();
  return text;
}

// "2026-01-31T10:00:00Z"
std::string utc(int64_t epoch_ms) {
  const time_t seconds = epoch_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::vector<config::PolicyText> texts_of(const v1::PolicySource& source) {
  std::vector<config::PolicyText> texts;
  for (const auto& file : source.files()) texts.push_back({file.name(), file.text()});
  return texts;
}

explain::Question question_of(const v1::FlowQuestion& flow) {
  explain::Question question;
  question.host = flow.host();
  question.port = flow.port() == 0 ? uint16_t{443} : static_cast<uint16_t>(std::min<uint32_t>(flow.port(), 65'535));
  question.source = flow.source().empty() ? "127.0.0.1" : flow.source();
  question.address = flow.address();
  question.user = flow.user();
  question.process = flow.process();
  question.process_path = flow.process_path();
  question.platform = flow.platform();
  question.layer = flow.layer();
  question.method = flow.method();
  question.path = flow.path();
  return question;
}

}  // namespace

void Pop::audit(const std::string& actor, const std::string& action, const std::string& target,
                const std::string& detail) {
  spdlog::info("{}: {} {}: {}", actor, action, target, detail);
  events::v1::Record record;
  events::v1::Audit& entry = *record.mutable_audit();
  entry.set_timestamp(base::epoch_ms(base::wall_now()));
  entry.set_actor(actor);
  entry.set_action(action);
  entry.set_target(target);
  entry.set_detail(detail);
  entry.set_observed_by(config_.message.name());
  workers_.front()->append(std::move(record));
}

// Under change_mutex_, as the private functions below. The bypasses have changed: what is in force follows.
base::Status Pop::renew() {
  if (config_.message.policy().empty()) return base::Unit{};
  auto chosen = desk_->again(config_.message.policy());
  if (!chosen) return chosen.error();
  const auto runtime = make_runtime(config_.message, &chosen->input, interception_);
  if (!runtime) return runtime.error();
  return put_in_force(*runtime, &*chosen);
}

base::Duration Pop::tend() {
  const std::lock_guard lock(change_mutex_);
  const base::WallTime now = base::wall_now();
  const auto expired = desk_->expire_bypasses(now);
  if (!expired) {
    spdlog::error("timed bypasses that have ended cannot be taken out: {}", expired.error().message);
    return tend_interval_max;
  }
  for (const v1::TimedBypass& bypass : *expired) {
    audit("sluice-proxy", "bypass expired", described(bypass), "timed bypass " + bypass.id());
  }
  if (!expired->empty()) {
    if (const auto status = renew(); !status) spdlog::error("{}", status.error().message);
  }
  const auto next = desk_->next_expiry();
  return next ? std::max(*next - now, base::Duration{1}) : tend_interval_max;
}

base::Result<v1::TimedBypass> Pop::add_bypass(const v1::AddBypassRequest& request) {
  const std::lock_guard lock(change_mutex_);
  if (config_.message.policy().empty()) {
    return base::Error{"this PoP has no policy, so nothing of its traffic is decrypted or blocked"};
  }
  auto made = desk_->add_bypass(request, base::wall_now());
  if (!made) return made.error();
  if (const auto status = renew(); !status) {
    (void)desk_->delete_bypass(made->id());
    return status.error();
  }
  audit(request.actor(), "bypass add", described(*made),
        "timed bypass " + made->id() + " until " + utc(made->expires_time()) + ": " + made->reason());
  control_->wake();
  return made;
}

base::Result<v1::TimedBypass> Pop::delete_bypass(const v1::DeleteBypassRequest& request) {
  const std::lock_guard lock(change_mutex_);
  auto gone = desk_->delete_bypass(request.id());
  if (!gone) return gone.error();
  if (const auto status = renew(); !status) return status.error();
  audit(request.actor(), "bypass delete", described(*gone), "timed bypass " + gone->id());
  return gone;
}

v1::ListBypassesResponse Pop::bypasses() const {
  const std::lock_guard lock(change_mutex_);
  return desk_->has_state() ? desk_->state().bypasses() : v1::ListBypassesResponse();
}

base::Result<v1::ApplyPolicyResponse> Pop::bring_in(const std::string& action, base::Result<ChosenPolicy> chosen) {
  if (!chosen) return chosen.error();
  const auto runtime = make_runtime(config_.message, &chosen->input, interception_);
  if (!runtime) return runtime.error();
  if (const auto status = put_in_force(*runtime, &*chosen); !status) return status.error();
  v1::ApplyPolicyResponse response;
  *response.mutable_version() = desk_->active();
  for (const std::string& warning : (*runtime)->warnings) response.add_warnings(warning);
  audit(chosen->version.actor(), action, "version " + std::to_string(desk_->active().number()),
        (*runtime)->policy->version() + ": " + chosen->version.reason());
  return response;
}

base::Result<v1::ApplyPolicyResponse> Pop::apply_policy(const v1::ApplyPolicyRequest& request) {
  const std::lock_guard lock(change_mutex_);
  const std::string& configured = config_.message.policy();
  if (configured.empty()) return base::Error{"this PoP has no `policy` in its configuration, which it would replace"};
  return bring_in("policy apply",
                  desk_->from_texts(configured, texts_of(request.source()), request.actor(), request.reason()));
}

base::Result<v1::ApplyPolicyResponse> Pop::rollback_policy(const v1::RollbackPolicyRequest& request) {
  const std::lock_guard lock(change_mutex_);
  return bring_in("policy rollback",
                  desk_->from_version(config_.message.policy(), request.number(), request.actor(), request.reason()));
}

base::Result<v1::CheckPolicyResponse> Pop::check_policy(const v1::CheckPolicyRequest& request) {
  v1::PolicySource source = request.source();
  if (source.files().empty()) {
    auto active = policy_source(0);
    if (!active) return active.error();
    source = std::move(active).value();
  }
  const std::lock_guard lock(change_mutex_);
  if (config_.message.policy().empty()) return base::Error{"this PoP has no policy"};
  const auto chosen = desk_->from_texts(config_.message.policy(), texts_of(source), "check", "check");
  if (!chosen) return chosen.error();
  const auto runtime = make_runtime(config_.message, &chosen->input, interception_);
  if (!runtime) return runtime.error();
  v1::CheckPolicyResponse response;
  for (const std::string& warning : (*runtime)->warnings) response.add_warnings(warning);
  if (!request.has_flow()) return response;
  const auto text = explain::explain(*(*runtime)->policy, question_of(request.flow()));
  if (!text) return text.error();
  response.set_explanation(*text);
  return response;
}

base::Result<v1::PolicyHistoryResponse> Pop::policy_history() const {
  const std::lock_guard lock(change_mutex_);
  if (!desk_->has_state()) {
    return base::Error{"this PoP keeps no state; add `state: DIRECTORY` to its configuration and restart it"};
  }
  v1::PolicyHistoryResponse response;
  const auto& versions = desk_->state().versions();
  for (auto at = versions.rbegin(); at != versions.rend(); ++at) *response.add_versions() = *at;
  response.set_active(desk_->active().number());
  return response;
}

base::Result<v1::PolicySource> Pop::policy_source(uint64_t number) const {
  const std::lock_guard lock(change_mutex_);
  if (config_.message.policy().empty()) return base::Error{"this PoP has no policy"};
  if (number == 0) number = desk_->active().number();
  if (number != 0 && (!desk_->has_state() || desk_->state().version(number) == nullptr)) {
    return base::Error{"there is no version " + std::to_string(number) + "; `sluicectl policy history` lists them"};
  }
  const auto texts = number != 0 ? desk_->state().texts(number) : config::read_policy_texts(config_.message.policy());
  if (!texts) return texts.error();
  v1::PolicySource source;
  source.set_folder(config::policy_folder(config_.message.policy()));
  for (const config::PolicyText& text : *texts) {
    v1::PolicySource::File& file = *source.add_files();
    file.set_name(text.file);
    file.set_text(text.text);
  }
  return source;
}

v1::PopStatus Pop::status() const {
  const std::lock_guard lock(change_mutex_);
  v1::PopStatus status;
  status.set_name(config_.message.name());
  status.set_tenant(config_.message.tenant());
  status.set_program_version(SLUICE_VERSION);
  status.set_start_time(base::epoch_ms(started_));
  status.set_draining(shared_.draining.load(std::memory_order_relaxed));
  status.set_workers(static_cast<uint32_t>(workers_.size()));
  status.set_open_flows(shared_.open_flows.load(std::memory_order_relaxed));
  status.set_policy_version(policy_version_);
  status.set_policy_number(desk_->active().number());
  if (desk_->has_state()) status.set_timed_bypasses(static_cast<uint64_t>(desk_->state().bypasses().bypasses_size()));
  status.set_store_address(config_.message.events().address());
  if (shipper_) status.set_store_streams(shipper_->metrics().connected.load(std::memory_order_relaxed));
  uint64_t unacknowledged = 0;
  for (const report::Spool* spool : spools_->spools()) {
    unacknowledged += spool->written_seq() - std::min(spool->written_seq(), spool->committed_seq());
  }
  status.set_unacknowledged_records(unacknowledged);
  status.set_spool_bytes(spools_->budget().used());
  status.set_spool_bytes_max(config_.message.spool().max_bytes());
  status.set_spool_accepts(true);
  for (const auto& worker : workers_) {
    if (!worker->spool_accepts()) status.set_spool_accepts(false);
  }
  status.set_reloads_failed(reloads_failed_.load(std::memory_order_relaxed));
  for (auto& client : control_->clients()) *status.add_clients() = std::move(client);
  return status;
}

}  // namespace sluice::pop
