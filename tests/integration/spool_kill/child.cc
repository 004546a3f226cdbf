// A producer to be killed: adopts what its predecessors left, ships, and writes events until it dies.
//   spool_kill_child DIRECTORY STORE SEED produce|drain BURST
// `produce` reports on standard output, after the flush that made it so: "open ID" and "close ID" lines. `drain`
// adopts, ships everything and exits with 0. Fewer than BURST events begin in a turn of a millisecond.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "proxy/base/time.h"
#include "proxy/report/adopt.h"
#include "proxy/report/event_builder.h"
#include "proxy/report/shipper.h"
#include "proxy/report/spool_writer.h"

namespace {

using namespace sluice;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

void say(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (count <= 0) std::exit(0);
    done += static_cast<size_t>(count);
  }
}

void produce(report::SpoolRoot& root, uint64_t seed, uint64_t burst) {
  std::mt19937_64 random(seed);
  std::map<uint64_t, uint32_t> open;  // counter -> revision
  events::v1::PageEvent event;
  uint64_t producer_id = 0;
  const auto append = [&](report::SpoolWriter& writer, uint64_t counter, uint32_t revision, bool final) {
    event.Clear();
    event.set_event_id(report::event_id(writer.producer_id(), counter));
    event.set_revision(revision);
    event.set_state(final ? events::v1::STATE_CLOSED : events::v1::STATE_OPEN);
    event.set_timestamp(base::epoch_ms(base::wall_now()));
    event.set_emitted_time(event.timestamp());
    event.set_host("host-" + std::to_string(counter) + ".example");
    writer.append_event(counter, final, event);
  };
  auto writer = report::SpoolWriter::create(root, [&](report::SpoolWriter& self) {
    for (auto& [counter, revision] : open) append(self, counter, ++revision, false);
  });
  if (!writer) fail(writer.error().message);
  producer_id = (*writer)->producer_id();
  for (;;) {
    std::string report;
    for (uint64_t i = random() % burst; i > 0 && (*writer)->accepting(); --i) {
      const uint64_t counter = (*writer)->allocate_event_counter();
      open[counter] = 1;
      append(**writer, counter, 1, false);
      report += "open " + report::event_id(producer_id, counter) + "\n";
    }
    while (open.size() > 30 || (!open.empty() && random() % 3 == 0)) {
      const auto closing = std::next(open.begin(), static_cast<std::ptrdiff_t>(random() % open.size()));
      append(**writer, closing->first, closing->second + 1, true);
      report += "close " + report::event_id(producer_id, closing->first) + "\n";
      open.erase(closing);
    }
    if ((*writer)->flush() != report::FlushStatus::kDone) fail("flush failed");
    say(report);
    ::poll(nullptr, 0, 1);  // a loop turn per millisecond
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) fail("usage: spool_kill_child DIRECTORY STORE SEED produce|drain BURST");
  const uint64_t burst = std::strtoull(argv[5], nullptr, 10);
  report::SpoolOptions options;
  options.directory = argv[1];
  options.segment_bytes = burst > 4 ? 1024 * 1024 : 8 * 1024;
  options.sync_interval = std::chrono::milliseconds(5);
  options.observed_by = "pop-kill";
  auto root = report::SpoolRoot::open(options);
  if (!root) fail(root.error().message);
  auto adopted = report::adopt_spools(**root);
  if (!adopted) fail(adopted.error().message);
  for (const std::string& problem : adopted->problems) fail(problem);
  report::ShipperOptions shipping;
  shipping.address = argv[2];
  auto shipper = report::Shipper::create(**root, shipping);
  if (!shipper) fail(shipper.error().message);
  if (std::string(argv[4]) == "produce") {
    produce(**root, std::strtoull(argv[3], nullptr, 10), burst);
  }
  const auto patience = std::chrono::seconds(240 + 10 * burst);  // with a burst of 100 a million events may be waiting
  return (*shipper)->drain(std::chrono::steady_clock::now() + patience) ? 0 : 2;
}
