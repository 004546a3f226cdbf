#include "proxy/client/client_log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "proxy/client/event_json.h"

namespace sluice::client {

std::string log_line(const std::string& program, base::WallTime time, uint32_t pid, uint32_t tid,
                     const DecisionText& text) {
  const int64_t ms = base::epoch_ms(time);
  const auto seconds = static_cast<time_t>(ms / 1'000);
  tm local{};
  localtime_r(&seconds, &local);
  char head[128];
  char ids[64];
  std::snprintf(head, sizeof head, "%04d/%02d/%02d %02d:%02d:%02d.%03d ", local.tm_year + 1900, local.tm_mon + 1,
                local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, static_cast<int>(ms % 1'000));
  std::snprintf(ids, sizeof ids, " p%x t%x info ", pid, tid);
  return head + program + ids + text.source + " " + text.component + " " + text.message + "\n";
}

base::Result<std::unique_ptr<ClientLog>> ClientLog::open(const config::v1::ClientLog& checked,
                                                         report::BuilderContext context) {
  std::unique_ptr<ClientLog> log(new ClientLog(checked.log_as(), std::move(context)));
  const auto open = [&](const std::string& path, std::optional<LogFile>& file) -> base::Status {
    if (path.empty()) return base::Unit{};
    auto opened = LogFile::open({path, checked.max_bytes(), checked.keep()});
    if (!opened) return opened.error();
    file = std::move(*opened);
    return base::Unit{};
  };
  if (auto status = open(checked.file(), log->lines_); !status) return status.error();
  if (auto status = open(checked.jsonl(), log->json_); !status) return status.error();
  return log;
}

void ClientLog::decided(const flow::FlowRecord& record, policy::Line line, uint32_t session,
                        std::optional<uint32_t> uid, base::Time now, base::WallTime wall) {
  if (lines_) {
    if (const auto text = decision_text(record, line, session)) {
      write(lines_, log_line(log_as_, wall, static_cast<uint32_t>(getpid()), static_cast<uint32_t>(gettid()), *text));
    }
  }
  write_json(record, events::v1::STATE_OPEN, uid, now, wall);
}

void ClientLog::closed(const flow::FlowRecord& record, std::optional<uint32_t> uid, base::Time now,
                       base::WallTime wall) {
  write_json(record, events::v1::STATE_CLOSED, uid, now, wall);
}

void ClientLog::write_json(const flow::FlowRecord& record, events::v1::State state, std::optional<uint32_t> uid,
                           base::Time now, base::WallTime wall) {
  if (!json_) return;
  flow::FlowRecord numbered = record;
  numbered.revision = std::max(numbered.revision, 1u);  // flows that the PoP records have none of ours
  builder_.build(numbered, state, now, wall, event_);
  std::string line = event_json(event_);
  if (uid) {
    line.pop_back();
    line += ",\"process_uid\":" + std::to_string(*uid) + "}";
  }
  write(json_, line + "\n");
}

void ClientLog::write(std::optional<LogFile>& file, const std::string& line) {
  if (!file->append(line)) lost_.fetch_add(1, std::memory_order_relaxed);
}

void ClientLog::reopen() {
  if (lines_) (void)lines_->reopen();  // what cannot be opened now is tried again with the next line
  if (json_) (void)json_->reopen();
}

}  // namespace sluice::client
