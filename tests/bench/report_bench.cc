// What an event costs on the worker: built, serialised, spooled. CPU time of this thread, medians of rounds.
//   report_bench [directory]        default: the current one; give a directory on the disk that matters
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "proxy/report/event_builder.h"
#include "proxy/report/spool_root.h"
#include "proxy/report/spool_writer.h"

namespace {

using namespace sluice;

constexpr int rounds = 7;
constexpr int flows_per_round = 20'000;

double thread_cpu_us() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

flow::FlowRecord sample(uint64_t i) {
  flow::FlowRecord record;
  record.start = base::wall_now();
  record.started = base::time_now();
  record.user = "user" + std::to_string(i % 1000) + "@corp.example";
  record.source = *base::Endpoint::parse("192.0.2.9:51000");
  record.access_method = flow::AccessMethod::kExplicitProxy;
  record.host = "cdn" + std::to_string(i % 500) + ".www.example.co.uk";
  record.host_source = flow::HostSource::kConnect;
  record.destination = *base::Endpoint::parse("198.51.100.7:443");
  record.client_bytes = 5'000 + i;
  record.server_bytes = 150'000 + i;
  record.action = flow::Verdict::kBypass;
  record.policy = "interception-off";
  record.policy_kind = flow::PolicyKind::kSslDecryption;
  record.bypass_mode = flow::BypassMode::kDoNotDecrypt;
  record.bypass_reason_code = flow::BypassReasonCode::kInterceptionOff;
  record.bypass_reason = "interception is not configured";
  record.close_reason = flow::CloseReason::kOriginClosed;
  record.sni = record.host;
  record.alpn = "h2,http/1.1";
  record.ech = flow::Ech::kOuter;
  record.tls_version = 0x0304;
  record.ja4_raw =
      "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0012,"
      "0017,001b,0023,002b,002d,0033,4469,fe0d,ff01_0403,0804,0401,0503,0805,0501,0806,0601";
  return record;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Two records per flow (open, final), a flush after every `records_per_turn` records. Microseconds per record.
double measure(report::SpoolRoot& root, int records_per_turn) {
  auto writer = report::SpoolWriter::create(root, [](report::SpoolWriter&) {});
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    std::exit(1);
  }
  report::EventBuilder builder({"default", "pop-bench", (*writer)->producer_id()});
  std::vector<flow::FlowRecord> flows;
  for (uint64_t i = 0; i < 1000; ++i) flows.push_back(sample(i));
  events::v1::PageEvent event;
  std::vector<double> costs;
  for (int round = 0; round < rounds; ++round) {
    int pending = 0;
    const base::Time now = base::time_now();
    const base::WallTime wall = base::wall_now();
    const double begin = thread_cpu_us();
    for (int i = 0; i < flows_per_round; ++i) {
      flow::FlowRecord& record = flows[static_cast<size_t>(i) % flows.size()];
      record.event_counter = (*writer)->allocate_event_counter();
      for (const bool final : {false, true}) {
        record.revision = final ? 2 : 1;
        builder.build(record, final ? events::v1::STATE_CLOSED : events::v1::STATE_OPEN, now, wall, event);
        (*writer)->append_event(record.event_counter, final, event);
        if (++pending < records_per_turn) continue;
        pending = 0;
        (*writer)->flush();
      }
    }
    (*writer)->flush();
    costs.push_back((thread_cpu_us() - begin) / (2.0 * flows_per_round));
    report::Spool& spool = (*writer)->spool();
    root.sync_now();
    spool.commit(spool.synced_seq());
  }
  return median(costs);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory =
      std::filesystem::path(argc > 1 ? argv[1] : ".") / ("report_bench." + std::to_string(::getpid()));
  report::SpoolOptions options;
  options.directory = directory;
  auto root = report::SpoolRoot::open(options);
  if (!root) {
    std::fprintf(stderr, "%s\n", root.error().message.c_str());
    return 1;
  }
  for (const int records_per_turn : {1, 2, 8, 32, 1000}) {
    std::printf("flush after %4d records: %6.2f us of CPU per record\n", records_per_turn,
                measure(**root, records_per_turn));
  }
  root->reset();
  std::filesystem::remove_all(directory);
  return 0;
}
