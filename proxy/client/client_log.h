#pragma once
// ClientLog: what the client decided, for people and for the parsers that read such logs today (lines), and for
// programs (JSON lines with the whole record).
//
//   2025/05/21 21:37:38.850 stAgentSvc p4718 t151c info decision_text.cc:60 BypassAppMgr Bypassing connection from ...
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/client/log_file.h"
#include "proxy/flow/record.h"
#include "proxy/policy/verdict.h"
#include "proxy/report/event_builder.h"
#include "sluice/config/v1/client.pb.h"

namespace sluice::client {

// The text of a decision behind the line's head: file and line of our source, component, message.
struct DecisionText {
  std::string source;  // "decision_text.cc:31"
  std::string component;
  std::string message;
};
// Names in it are lower-case and harmless: bytes that could end a line or a field are escaped as \xNN. `session` counts
// the tunnel's connections. Nothing for Line::kNone.
std::optional<DecisionText> decision_text(const flow::FlowRecord& record, policy::Line line, uint32_t session);

// The head and the text as one line with its line feed; local time.
std::string log_line(const std::string& program, base::WallTime time, uint32_t pid, uint32_t tid,
                     const DecisionText& text);

// Made by the client's worker and used on its thread.
class ClientLog {
 public:
  static base::Result<std::unique_ptr<ClientLog>> open(const config::v1::ClientLog& checked,
                                                       report::BuilderContext context);

  // A verdict was reached: the line that it asks for, and the record as it is now.
  void decided(const flow::FlowRecord& record, policy::Line line, uint32_t session, std::optional<uint32_t> uid,
               base::Time now, base::WallTime wall);
  // The end of a flow that was logged before: bytes and duration, as JSON only.
  void closed(const flow::FlowRecord& record, std::optional<uint32_t> uid, base::Time now, base::WallTime wall);
  void reopen();

  // Lines that the disk refused; any thread may read it.
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  ClientLog(std::string log_as, report::BuilderContext context)
      : log_as_(std::move(log_as)), builder_(std::move(context)) {}
  void write(std::optional<LogFile>& file, const std::string& line);
  void write_json(const flow::FlowRecord& record, events::v1::State state, std::optional<uint32_t> uid, base::Time now,
                  base::WallTime wall);

  std::string log_as_;
  std::optional<LogFile> lines_;
  std::optional<LogFile> json_;
  report::EventBuilder builder_;
  events::v1::PageEvent event_;  // reused
  std::atomic<uint64_t> lost_{0};
};

}  // namespace sluice::client
