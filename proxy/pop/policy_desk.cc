#include "proxy/pop/policy_desk.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/pop/limits.h"

namespace sluice::pop {

namespace v1 = control::v1;

namespace {

// A line that a person wrote for the record.
base::Status check_remark(const char* what, const std::string& text) {
  if (text.empty()) return base::Error{std::string(what) + " is required"};
  if (text.size() > remark_bytes_max) {
    return base::Error{std::string(what) + " is longer than " + std::to_string(remark_bytes_max) + " bytes"};
  }
  const bool clean = std::none_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20; });
  if (!clean) return base::Error{std::string(what) + " must be one line"};
  return base::Unit{};
}

base::Error no_state() {
  return base::Error{"this PoP keeps no state; add `state: DIRECTORY` to its configuration and restart it"};
}

}  // namespace

base::Result<std::unique_ptr<PolicyDesk>> PolicyDesk::open(const std::string& state) {
  auto desk = std::make_unique<PolicyDesk>();
  if (state.empty()) return desk;
  auto folder = StateFolder::open(state);
  if (!folder) return folder.error();
  desk->state_ = *std::move(folder);
  desk->generation_ = desk->state_->generation();
  return desk;
}

std::vector<policy::TimedBypass> PolicyDesk::timed() const {
  std::vector<policy::TimedBypass> timed;
  if (state_ == nullptr) return timed;
  for (const v1::TimedBypass& from : state_->bypasses().bypasses()) {
    const base::WallTime expires{std::chrono::milliseconds(from.expires_time())};
    timed.push_back({from.id(), from.host(), from.process(), from.reason(), expires});
  }
  return timed;
}

ChosenPolicy PolicyDesk::chosen(PolicyInput input) const {
  ChosenPolicy chosen{std::move(input), {}};
  chosen.input.generation = generation_ + 1;
  chosen.input.timed = timed();
  chosen.version.set_time(base::epoch_ms(base::wall_now()));
  chosen.version.set_sha256(sha256_of(chosen.input.texts));
  return chosen;
}

base::Result<ChosenPolicy> PolicyDesk::choose(const std::string& configured) {
  auto input = read_policy(configured);
  if (!input) return input.error();
  ChosenPolicy next = chosen(*std::move(input));
  if (state_ == nullptr) return next;
  next.version.set_configured_sha256(next.version.sha256());
  next.version.set_actor("configuration");
  next.version.set_reason(configured + (state_->versions().empty() ? "" : " was changed"));
  if (state_->versions().empty()) return next;
  const v1::PolicyVersion& last = state_->versions().back();
  if (last.configured_sha256() != next.version.sha256()) return next;
  if (last.sha256() != next.version.sha256()) {
    auto texts = state_->texts(last.number());
    if (!texts) return texts.error();
    next.input.texts = *std::move(texts);
  }
  next.version = last;
  return next;
}

base::Result<ChosenPolicy> PolicyDesk::again(const std::string& configured) {
  if (state_ == nullptr) return no_state();
  auto texts = state_->texts(active_.number());
  if (!texts) return texts.error();
  PolicyInput input;
  input.texts = *std::move(texts);
  input.folder = config::policy_folder(configured);
  ChosenPolicy next = chosen(std::move(input));
  next.version = active_;
  return next;
}

base::Result<ChosenPolicy> PolicyDesk::from_texts(const std::string& configured, std::vector<config::PolicyText> texts,
                                                  const std::string& actor, const std::string& reason) {
  if (state_ == nullptr) return no_state();
  if (const auto status = check_remark("a reason", reason); !status) return status.error();
  if (const auto status = check_remark("an actor", actor); !status) return status.error();
  if (texts.empty()) return base::Error{"the policy has no file"};
  const auto now = config::read_policy_texts(configured);
  if (!now) return now.error();
  PolicyInput input;
  input.texts = std::move(texts);
  input.folder = config::policy_folder(configured);
  ChosenPolicy next = chosen(std::move(input));
  next.version.set_configured_sha256(sha256_of(*now));
  next.version.set_actor(actor);
  next.version.set_reason(reason);
  return next;
}

base::Result<ChosenPolicy> PolicyDesk::from_version(const std::string& configured, uint64_t number,
                                                    const std::string& actor, const std::string& reason) {
  if (state_ == nullptr) return no_state();
  if (state_->version(number) == nullptr) {
    return base::Error{"there is no version " + std::to_string(number) + "; `sluicectl policy history` lists them"};
  }
  auto texts = state_->texts(number);
  if (!texts) return texts.error();
  return from_texts(configured, *std::move(texts), actor, "rollback to " + std::to_string(number) + ": " + reason);
}

base::Result<v1::PolicyVersion> PolicyDesk::accept(const ChosenPolicy& chosen) {
  v1::PolicyVersion version = chosen.version;
  if (state_ != nullptr) {
    if (version.number() == 0) {
      auto added = state_->add(version, chosen.input.texts);
      if (!added) return added.error();
      version = *std::move(added);
    }
    if (const auto status = state_->set_generation(chosen.input.generation); !status) return status.error();
  }
  generation_ = chosen.input.generation;
  active_ = version;
  return version;
}

base::Result<v1::TimedBypass> PolicyDesk::add_bypass(const v1::AddBypassRequest& request, base::WallTime now) {
  if (state_ == nullptr) return no_state();
  if (const auto status = check_remark("a reason", request.reason()); !status) return status.error();
  if (const auto status = check_remark("an actor", request.actor()); !status) return status.error();
  if (request.duration_ms() <= 0 || request.duration_ms() > timed_bypass_max.count()) {
    return base::Error{
        "a timed bypass lasts more than nothing and at most 7 days; an exception in the policy lasts "
        "longer"};
  }
  const base::WallTime end = now + base::Duration{request.duration_ms()};
  const std::string id = base::hex16(base::random_u64()).substr(8);
  if (const auto status = policy::check_timed_bypass({id, request.host(), request.process(), request.reason(), end});
      !status) {
    return status.error();
  }
  v1::ListBypassesResponse all = state_->bypasses();
  if (all.bypasses_size() >= timed_bypasses_max) {
    return base::Error{"there are " + std::to_string(timed_bypasses_max) + " timed bypasses already; delete some"};
  }
  v1::TimedBypass& made = *all.add_bypasses();
  made.set_id(id);
  made.set_host(request.host());
  made.set_process(request.process());
  made.set_reason(request.reason());
  made.set_actor(request.actor());
  made.set_created_time(base::epoch_ms(now));
  made.set_expires_time(base::epoch_ms(end));
  v1::TimedBypass answer = made;
  if (const auto status = state_->set_bypasses(std::move(all)); !status) return status.error();
  return answer;
}

base::Result<v1::TimedBypass> PolicyDesk::delete_bypass(const std::string& id) {
  if (state_ == nullptr) return no_state();
  v1::ListBypassesResponse left;
  std::optional<v1::TimedBypass> gone;
  for (const v1::TimedBypass& bypass : state_->bypasses().bypasses()) {
    if (bypass.id() == id) {
      gone = bypass;
    } else {
      *left.add_bypasses() = bypass;
    }
  }
  if (!gone) return base::Error{"there is no timed bypass " + id + "; `sluicectl bypass list` shows them"};
  if (const auto status = state_->set_bypasses(std::move(left)); !status) return status.error();
  return *std::move(gone);
}

base::Result<std::vector<v1::TimedBypass>> PolicyDesk::expire_bypasses(base::WallTime now) {
  std::vector<v1::TimedBypass> gone;
  const auto next = next_expiry();
  if (!next || *next > now) return gone;
  v1::ListBypassesResponse left;
  for (const v1::TimedBypass& bypass : state_->bypasses().bypasses()) {
    if (bypass.expires_time() <= base::epoch_ms(now)) {
      gone.push_back(bypass);
    } else {
      *left.add_bypasses() = bypass;
    }
  }
  if (const auto status = state_->set_bypasses(std::move(left)); !status) return status.error();
  return gone;
}

std::optional<base::WallTime> PolicyDesk::next_expiry() const {
  std::optional<base::WallTime> next;
  if (state_ == nullptr) return next;
  for (const v1::TimedBypass& bypass : state_->bypasses().bypasses()) {
    const base::WallTime end{std::chrono::milliseconds(bypass.expires_time())};
    if (!next || end < *next) next = end;
  }
  return next;
}

}  // namespace sluice::pop
