// Sends page events to a store's ingest interface as one producer, until all are acknowledged. For tests of what reads
// events: realistic names, some bypassed, some blocked, a flow seen by client and PoP, a gap, and one event whose every
// text is an attempt at script injection.
#include <google/protobuf/descriptor.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "proxy/base/time.h"
#include "sluice/events/v1/ingest.grpc.pb.h"
#include "tests/support/event_source.h"
#include "tests/support/office.h"

namespace {

using namespace sluice;
namespace v1 = events::v1;

struct Options {
  std::string address;
  uint64_t count = 100;
  uint64_t producer = 0;
  uint64_t seed = 1;
  int64_t minutes = 50;  // the events begin within this time before now: less than the hour that tests look back
  std::string office;    // a day of this office instead of counted events
  bool open = false;     // also one event that stays open
  bool script = false;   // also an event whose texts are markup
};

void make_interesting(v1::PageEvent& event, uint64_t i) {
  if (i % 7 == 0) {
    event.set_app("Dropbox");
    event.set_host("client.dropbox.com");
    event.set_domain("dropbox.com");
    event.set_process_name("dropbox.exe");
    event.set_appcategory("Cloud Storage");
  }
  if (i % 11 == 0) {
    event.set_action(v1::VERDICT_BLOCK);
    event.set_policy("Block unwanted sites");
    event.set_bypass_traffic(false);
    event.set_bypass_reason_code(v1::BYPASS_REASON_CODE_UNSPECIFIED);
    event.set_policy_kind(v1::POLICY_KIND_REALTIME);
    event.set_close_reason(v1::CLOSE_REASON_POLICY_BLOCK);
  }
  if (i % 13 == 0) {
    event.set_action(v1::VERDICT_ALERT);
    event.set_policy("Watch uploads");
  }
  event.set_site("Tokyo");
  event.set_dst_country(i % 3 == 0 ? "JP" : "US");
}

// The same flow as its client saw it: not primary.
v1::Record client_view(const v1::Record& record, const std::string& id) {
  v1::Record view = record;
  v1::PageEvent& event = *view.mutable_page_event();
  event.set_event_id(id);
  event.set_primary(false);
  event.set_origin(v1::ORIGIN_CLIENT);
  event.set_observed_by("laptop-7");
  return view;
}

void fill_with_markup(v1::PageEvent& event) {
  const auto& type = *event.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (field.cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING || field.name() == "event_id" ||
        field.name() == "tenant") {
      continue;
    }
    const std::string text = "<script>window.broken=\"" + field.name() + "\"</script><img src=x onerror=alert(1)>";
    field.is_repeated() ? event.GetReflection()->AddString(&event, &field, text)
                        : event.GetReflection()->SetString(&event, &field, text);
  }
}

std::vector<v1::Record> make_office_day(const Options& options) {
  support::Office office(options.office, options.producer, options.seed);
  const int64_t now = base::epoch_ms(base::wall_now());
  std::vector<int64_t> times;
  for (uint64_t i = 0; i < options.count; ++i) times.push_back(office.pick_time(now));
  std::sort(times.begin(), times.end());
  std::vector<v1::Record> records;
  for (const int64_t time : times) {
    records.push_back(office.next(time));
    v1::Record view = office.client_view(records.back());
    if (view.has_page_event()) records.push_back(std::move(view));
  }
  return records;
}

std::vector<v1::Record> make_records(const Options& options) {
  support::EventSource source(options.producer, options.seed);
  const int64_t now = base::epoch_ms(base::wall_now());
  const int64_t span = options.minutes * 60'000;
  std::vector<v1::Record> records;
  const std::string prefix = base::hex16(options.producer) + "-";
  uint64_t extra = options.count * 2;
  for (uint64_t i = 1; i <= options.count; ++i) {
    const int64_t age = static_cast<int64_t>(static_cast<double>(span) * static_cast<double>(options.count - i) /
                                             static_cast<double>(options.count));
    records.push_back(source.next(now - age));
    make_interesting(*records.back().mutable_page_event(), i);
    if (i % 7 == 0) records.push_back(client_view(records.back(), prefix + std::to_string(++extra)));
  }
  if (options.open) {
    v1::Record open = source.next(now - 1'000);
    open.mutable_page_event()->set_state(v1::STATE_OPEN);
    open.mutable_page_event()->set_host("still-open.example");
    records.push_back(open);
  }
  if (options.script) {
    v1::Record markup = source.next(now - 500);
    fill_with_markup(*markup.mutable_page_event());
    records.push_back(markup);
    v1::Record gap;
    gap.mutable_gap()->set_first_seq(5);
    gap.mutable_gap()->set_last_seq(9);
    gap.mutable_gap()->set_reason(v1::Gap::REASON_SPOOL_FULL);
    gap.mutable_gap()->set_timestamp(now - 400);
    gap.mutable_gap()->set_observed_by("pop-tokyo-1");
    records.push_back(gap);
  }
  return records;
}

int fail(const std::string& sentence) {
  std::fprintf(stderr, "feed_events: %s\n", sentence.c_str());
  return 1;
}

int send(const Options& options) {
  const auto stub = v1::Ingest::NewStub(grpc::CreateChannel(options.address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(100));
  const auto stream = stub->Publish(&context);
  v1::PublishRequest hello;
  hello.mutable_hello()->set_producer_id(options.producer);
  hello.mutable_hello()->set_next_seq(1);
  hello.mutable_hello()->add_codecs(1);
  hello.mutable_hello()->set_observed_by("pop-" + (options.office.empty() ? "tokyo" : options.office) + "-1");
  v1::PublishResponse response;
  if (!stream->Write(hello) || !stream->Read(&response) || !response.has_welcome()) return fail("no welcome");
  const std::vector<v1::Record> records = options.office.empty() ? make_records(options) : make_office_day(options);
  constexpr size_t batch_records = 500;
  for (size_t first = 0; first < records.size(); first += batch_records) {
    const size_t end = std::min(first + batch_records, records.size());
    const std::vector<v1::Record> part(records.begin() + static_cast<ptrdiff_t>(first),
                                       records.begin() + static_cast<ptrdiff_t>(end));
    if (!stream->Write(support::wire_batch(first + 1, part, true))) return fail("the stream ended");
    if (!stream->Read(&response) || !response.has_ack()) return fail("no ack: " + response.ShortDebugString());
  }
  stream->WritesDone();
  context.TryCancel();
  stream->Finish();
  return 0;
}
}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"feed_events: sends page events to an event store"};
  Options options;
  app.add_option("--address", options.address, "ingest address, IP:port")->required();
  app.add_option("--count", options.count, "page events of the PoP");
  app.add_option("--producer", options.producer, "producer id; 0 takes a random one");
  app.add_option("--seed", options.seed, "of the events");
  app.add_option("--minutes", options.minutes, "time before now within which they begin");
  app.add_option("--office", options.office, "a working day of the office in tokyo, berlin or boston instead")
      ->check(CLI::IsMember({"tokyo", "berlin", "boston"}));
  app.add_flag("--open", options.open, "also one event that stays open");
  app.add_flag("--script", options.script, "also one event whose texts are markup, and a gap");
  CLI11_PARSE(app, argc, argv);
  if (options.producer == 0) options.producer = base::random_u64();
  return send(options);
}
