#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "events/server/health.h"

namespace sluice::server {
namespace {

// One metric family after the other, in text.
class Exposition {
 public:
  void counter(const char* name, const char* help, uint64_t value) {
    head(name, "counter", help);
    sample(name, "", value);
  }
  void gauge(const char* name, const char* help, uint64_t value) {
    head(name, "gauge", help);
    sample(name, "", value);
  }
  void head(const char* name, const char* type, const char* help) {
    text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  void sample(const char* name, const char* labels, uint64_t value) {
    text_ += std::string(name) + labels + " " + std::to_string(value) + "\n";
  }
  void sample(const char* name, double value) {
    char number[64];
    std::snprintf(number, sizeof number, " %.3f\n", value);
    text_ += name + std::string(number);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void expose_ingest(Exposition& out, const ingest::IngestCounters& counters) {
  out.gauge("sluice_ingest_streams", "Publish streams that are open.", counters.streams_open);
  out.counter("sluice_ingest_streams_total", "Publish streams since start.", counters.streams_total);
  out.counter("sluice_ingest_streams_superseded_total", "Streams that a newer one of the same producer replaced.",
              counters.streams_superseded);
  out.counter("sluice_ingest_batches_total", "Batches received.", counters.batches);
  out.counter("sluice_ingest_records_total", "Records received, duplicates included.", counters.records);
  out.counter("sluice_ingest_payload_bytes_total", "Payload received, as sent.", counters.payload_bytes);
  out.counter("sluice_ingest_nacks_total", "Batches refused.", counters.nacks);
}

void expose_store(Exposition& out, const store::StoreCounters& counters) {
  out.head("sluice_events_total", "counter", "Records committed since start.");
  out.sample("sluice_events_total", "{state=\"final\"}", counters.finals);
  out.sample("sluice_events_total", "{state=\"open\"}", counters.opens);
  out.counter("sluice_store_commits_total", "Groups committed.", counters.commits);
  out.counter("sluice_store_duplicate_batches_total", "Batches that were committed before.",
              counters.duplicate_batches);
  out.counter("sluice_store_duplicate_finals_total", "Second finals of an event, ignored.", counters.duplicate_finals);
  out.counter("sluice_store_dead_letters_total", "Records that cannot be stored.", counters.dead_letters);
  out.counter("sluice_store_gaps_total", "Gap records committed.", counters.gaps);
  out.counter("sluice_store_write_errors_total", "Groups refused because the store could not write.",
              counters.write_errors);
  out.counter("sluice_store_searches_total", "Searches answered.", counters.searches);
  out.counter("sluice_store_partial_searches_total", "Searches that ran out of time.", counters.partial_searches);
  out.gauge("sluice_store_queued_records", "Records that wait for the writer.", counters.queued_records);
  out.gauge("sluice_store_open_events", "Events that are open.", counters.open_events);
  out.gauge("sluice_store_last_offset", "Highest store offset.", counters.last_offset);
}

void expose_process(Exposition& out) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  out.head("process_cpu_seconds_total", "counter", "User and system CPU time.");
  out.sample("process_cpu_seconds_total", seconds(usage.ru_utime) + seconds(usage.ru_stime));
  unsigned long total_pages = 0;
  unsigned long resident_pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%lu %lu", &total_pages, &resident_pages) == 2) {
      out.gauge("process_resident_memory_bytes", "Resident memory.",
                resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
    }
    std::fclose(file);
  }
  uint64_t descriptors = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error)) {
    ++descriptors;
  }
  out.gauge("process_open_fds", "Open descriptors.", descriptors);
}
}  // namespace

std::string metrics_text(store::EventStore& store, const ingest::IngestCounters& ingest) {
  Exposition out;
  expose_ingest(out, ingest);
  expose_store(out, store.counters());
  out.gauge("sluice_store_writable", "1 if the last attempt to write worked.", store.writable() ? 1 : 0);
  if (const auto stats = store.stats(); stats.ok()) {
    out.gauge("sluice_store_final_events", "Final records kept.", stats->final_events());
    out.gauge("sluice_store_disk_bytes", "Size of the store's files.", stats->disk_bytes());
    out.gauge("sluice_store_producers", "Producers known.", static_cast<uint64_t>(stats->producers_size()));
  }
  expose_process(out);
  return out.take();
}

}  // namespace sluice::server
