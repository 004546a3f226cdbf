#pragma once
// Playbook: a conversation with a flow machine as a script of inputs and expected actions, without a socket. Each
// script is played twice: as written, and with everything received one byte at a time.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "proxy/flow/proxy_flow.h"

namespace sluice::support {

using flow::Side;

inline std::string side_name(Side side) {
  return side == Side::kClient ? "client" : "origin";
}

inline std::string describe(const flow::Action& action) {
  return std::visit(
      [](const auto& a) -> std::string {
        using T = std::decay_t<decltype(a)>;
        if constexpr (std::is_same_v<T, flow::Send>) {
          return "send " + side_name(a.side) + " " + std::string(a.bytes.text());
        } else if constexpr (std::is_same_v<T, flow::Respond>) {
          std::string text = "respond " + std::to_string(a.status);
          for (const auto& field : a.fields) text += " " + field.name + ": " + field.value;
          return text;
        } else if constexpr (std::is_same_v<T, flow::Authenticate>) {
          return "authenticate " + a.user + " " + a.password;
        } else if constexpr (std::is_same_v<T, flow::Resolve>) {
          return "resolve " + a.host;
        } else if constexpr (std::is_same_v<T, flow::Dial>) {
          const std::string early = a.tunnel ? std::to_string(a.tunnel->early.size()) : "";
          return "dial " + a.authority.to_string() + (a.tunnel ? " by tunnel early=" + early : "");
        } else if constexpr (std::is_same_v<T, flow::HoldRead>) {
          return "hold " + side_name(a.side);
        } else if constexpr (std::is_same_v<T, flow::ReleaseRead>) {
          return "release " + side_name(a.side);
        } else if constexpr (std::is_same_v<T, flow::EndWrite>) {
          return "end_write " + side_name(a.side);
        } else if constexpr (std::is_same_v<T, flow::Abort>) {
          return "abort " + side_name(a.side);
        } else if constexpr (std::is_same_v<T, flow::HangUp>) {
          return "hang_up";
        } else if constexpr (std::is_same_v<T, flow::Resume>) {
          return "resume";
        } else if constexpr (std::is_same_v<T, flow::TellWhenSent>) {
          return "tell_when_sent " + side_name(a.side);
        } else if constexpr (std::is_same_v<T, flow::SecureOrigin>) {
          return "secure origin " + a.host;
        } else if constexpr (std::is_same_v<T, flow::SecureClient>) {
          return "secure client " + a.host + (a.rsa ? " rsa" : "") + (a.mirrored ? " mirrored" : "") +
                 " held=" + std::to_string(a.held.size());
        } else if constexpr (std::is_same_v<T, flow::Splice>) {
          return "splice up=" + std::to_string(a.to_origin.size()) + " down=" + std::to_string(a.to_client.size()) +
                 (a.client_ended ? " client_ended" : "") + (a.origin_ended ? " origin_ended" : "");
        } else if constexpr (std::is_same_v<T, flow::Record>) {
          return a.state == flow::Record::State::kOpen ? "record open" : "record closed";
        } else if constexpr (std::is_same_v<T, flow::Announce>) {
          return "announce " + std::to_string(static_cast<int>(a.line));
        } else {
          return "close " + std::to_string(static_cast<int>(a.reason));
        }
      },
      action);
}

enum class PlayMode { kWhole, kBytewise };

template <class MachineT, class SettingsT>
class BasicPlaybook : private flow::EventIds {
 public:
  using Mode = PlayMode;

  // `prepare` may write what the host knows into the record before anything happens.
  BasicPlaybook(Mode mode, SettingsT settings, flow::Opened opened = {},
                const std::function<void(flow::FlowRecord&)>& prepare = nullptr)
      : mode_(mode),
        machine_(std::make_shared<const SettingsT>(std::move(settings)), *base::Endpoint::parse("192.0.2.10:40000"),
                 now_, base::WallTime(base::Duration(1'700'000'000'000))) {
    if constexpr (requires { machine_.use_event_ids(*this); }) machine_.use_event_ids(*this);
    if (prepare) prepare(machine_.record());
    in(std::move(opened));
  }
  // A script that leaves actions unexpected is unfinished.
  ~BasicPlaybook() { CHECK(pending_.empty()); }
  BasicPlaybook(const BasicPlaybook&) = delete;
  BasicPlaybook& operator=(const BasicPlaybook&) = delete;

  BasicPlaybook& in(flow::Input input) {
    REQUIRE_FALSE(machine_.done());
    flow::Outbox out;
    machine_.handle(std::move(input), now_, out);
    for (flow::Action& action : out) {
      if (auto* splice = std::get_if<flow::Splice>(&action)) {
        to_origin_ += splice->to_origin.text();
        to_client_ += splice->to_client.text();
      }
      note(action);
    }
    return *this;
  }
  // From here on bytes sent to one side in a row are one entry, however they were cut.
  BasicPlaybook& merge_sends() {
    merging_ = true;
    return *this;
  }
  BasicPlaybook& received(Side side, std::string_view bytes) {
    const size_t step = mode_ == Mode::kWhole ? bytes.size() : 1;
    for (size_t at = 0; at < bytes.size() && !machine_.done(); at += step) {
      in(flow::Received{side, base::Chunk::copy_of(bytes.substr(at, step))});
    }
    return *this;
  }
  BasicPlaybook& wait(base::Duration duration) {
    now_ += duration;
    return *this;
  }
  // Time passes to the deadline, and the machine hears of it.
  BasicPlaybook& tick(flow::SpliceBytes bytes = {}) {
    REQUIRE(machine_.deadline());
    now_ = *machine_.deadline();
    return in(flow::Tick{bytes});
  }
  // The actions since the last expect(), in order. A text that ends in "..." is a prefix.
  BasicPlaybook& expect(const std::vector<std::string>& wanted) {
    INFO("got: " << Catch::StringMaker<std::vector<std::string>>::convert(pending_));
    CHECK(pending_.size() == wanted.size());
    for (size_t i = 0; i < std::min(wanted.size(), pending_.size()); ++i) {
      const bool prefix = wanted[i].ends_with("...");
      const std::string text = prefix ? wanted[i].substr(0, wanted[i].size() - 3) : wanted[i];
      CHECK((prefix ? pending_[i].substr(0, text.size()) : pending_[i]) == text);
    }
    pending_.clear();
    return *this;
  }
  const std::vector<std::string>& pending() const { return pending_; }
  void forget() { pending_.clear(); }

  const flow::FlowRecord& record() const { return machine_.record(); }
  MachineT& machine() { return machine_; }
  const std::string& to_origin() const { return to_origin_; }
  const std::string& to_client() const { return to_client_; }
  base::Time now() const { return now_; }

 private:
  uint64_t next_event_counter() override { return ++event_counter_; }

  void note(const flow::Action& action) {
    std::string text = describe(action);
    if (const auto* send = std::get_if<flow::Send>(&action); send != nullptr && merging_ && !pending_.empty()) {
      const std::string prefix = "send " + side_name(send->side) + " ";
      if (pending_.back().starts_with(prefix)) {
        pending_.back() += send->bytes.text();
        return;
      }
    }
    pending_.push_back(std::move(text));
  }

  Mode mode_;
  bool merging_ = false;
  uint64_t event_counter_ = 1;
  base::Time now_{base::Duration(1'000'000)};
  MachineT machine_;
  std::vector<std::string> pending_;
  std::string to_origin_, to_client_;
};

using Playbook = BasicPlaybook<flow::ProxyFlow, flow::Settings>;

}  // namespace sluice::support
