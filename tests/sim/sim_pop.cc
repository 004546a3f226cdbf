#include "tests/sim/sim_pop.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "proxy/report/adopt.h"

namespace sluice::sim {

namespace fs = std::filesystem;

namespace {
constexpr size_t flows_max = 25;

// Every segment file below `directory` with its size; names relative to it.
std::map<std::string, uint64_t> segments(const fs::path& directory) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().extension() == ".seg") sizes[fs::relative(entry.path(), directory)] = entry.file_size();
  }
  return sizes;
}
}  // namespace

SimPop::SimPop(Clock& clock, Random& random, Ledger& ledger, fs::path directory)
    : clock_(clock), random_(random), ledger_(ledger), directory_(std::move(directory)) {
  report::SpoolOptions options;
  options.directory = directory_;
  options.segment_bytes = random_.percent(50) ? 4'096 : 64 * 1024;
  options.sync_interval = std::chrono::hours(1);  // sync() says when
  options.observed_by = "pop-sim";
  options.seed = random_.next() | 1;
  auto root = report::SpoolRoot::open(std::move(options));
  require(root.ok(), "the spool directory cannot be opened");
  root_ = *std::move(root);
  auto adopted = report::adopt_spools(*root_);
  require(adopted.ok() && adopted->problems.empty(), "adoption failed");
  synced_bytes_ = segments(directory_);  // adoption is sure of what it found before anything is shipped
  auto writer = report::SpoolWriter::create(*root_, [this](report::SpoolWriter&) {
    for (auto& [counter, flow] : flows_) {
      flow->refresh_record();
      const bool open = flow->record().revision != 0 && flow->record().close_reason == flow::CloseReason::kUnspecified;
      if (open) write_record(flow->record(), flow::Record::State::kOpen);
    }
  });
  require(writer.ok(), "no writer");
  writer_ = *std::move(writer);
  builder_ = std::make_unique<report::EventBuilder>(report::BuilderContext{"acme", "pop-sim", writer_->producer_id()});
  flow::Settings settings;
  settings.pop_name = "pop-sim";
  settings.allow_any_source = true;
  settings.timeouts.total = base::Duration(random_.percent(30) ? 20'000 : 0);
  settings_ = std::make_shared<const flow::Settings>(settings);
}

SimPop::~SimPop() = default;

void SimPop::write_record(flow::FlowRecord& record, flow::Record::State state) {
  ++record.revision;
  const bool final = state == flow::Record::State::kClosed;
  builder_->build(record, final ? events::v1::STATE_CLOSED : events::v1::STATE_OPEN, clock_.now(), clock_.wall(),
                  event_);
  writer_->append_event(record.event_counter, final, event_);
  pending_.push_back({record.event_counter, final, record.client_bytes, record.server_bytes});
}

void SimPop::live() {
  if (flows_.empty() || (flows_.size() < flows_max && random_.percent(10))) begin_flow();
  auto flow = std::next(flows_.begin(), static_cast<std::ptrdiff_t>(random_.below(flows_.size())));
  flow->second->live();
  if (random_.percent(1)) {
    for (auto& [counter, other] : flows_) other->reconfigure(settings_);
  }
  if (random_.percent(70)) end_turn();
}

void SimPop::begin_flow() {
  const uint64_t counter = writer_->allocate_event_counter();
  auto flow = std::make_unique<SimFlow>(*this, counter, Random(random_.next()), settings_);
  flow->record().producer_id = writer_->producer_id();
  flow->record().event_counter = counter;
  flow->open();
  flows_.emplace(counter, std::move(flow));
}

// As the worker ends a turn of its loop: one write, then those who waited for it go on.
void SimPop::end_turn() {
  while (writer_->pending_bytes() > 0 || !waiting_.empty()) {
    require(writer_->flush() == report::FlushStatus::kDone, "the spool refuses");
    note_flushed();
    for (const uint64_t counter : std::exchange(waiting_, {})) flows_.at(counter)->records_written();
  }
  forget_closed();
}

void SimPop::note_flushed() {
  for (const Pending& record : std::exchange(pending_, {})) {
    const std::string id = id_of(record.counter);
    Expected& expected = ledger_[id];
    require(!expected.final_in_kernel, "a second final record of " + id);
    since_sync_.insert(id);
    if (!record.final) {
      expected.open_in_kernel = true;
      continue;
    }
    expected.final_in_kernel = true;
    expected.client_bytes = record.client_bytes;
    expected.server_bytes = record.server_bytes;
  }
}

void SimPop::forget_closed() {
  std::erase_if(flows_, [](const auto& item) { return item.second->closed(); });
}

void SimPop::sync() {
  root_->sync_now();
  for (const std::string& id : since_sync_) ledger_[id].synced = true;
  since_sync_.clear();
  synced_bytes_ = segments(directory_);
}

void SimPop::stop() {
  end_turn();
  for (auto& [counter, flow] : flows_) flow->shutdown();
  end_turn();
  // What was being refused lingers for its client; the process does not.
  flows_.clear();
  writer_.reset();
  sync();
}

void SimPop::die(const fs::path& copy, bool power) {
  fs::copy(directory_, copy, fs::copy_options::recursive);
  if (power) {
    for (const auto& [name, bytes] : segments(copy)) {
      const auto sure = synced_bytes_.find(name);
      const uint64_t least = sure == synced_bytes_.end() ? 0 : sure->second;
      fs::resize_file(copy / name, random_.between(std::min(least, bytes), bytes));
    }
    for (const std::string& id : since_sync_) ledger_[id].doubtful = true;
  } else if (!pending_.empty() && random_.percent(50)) {
    tear(copy);
  }
  for (auto& [counter, flow] : flows_) {
    if (const auto known = ledger_.find(id_of(counter)); known != ledger_.end()) known->second.alive = false;
  }
}

// The last write was under way: some of its bytes are there.
void SimPop::tear(const fs::path& copy) {
  const std::map<std::string, uint64_t> before = segments(directory_);
  for (const Pending& record : pending_) ledger_[id_of(record.counter)].doubtful = true;
  (void)writer_->flush();
  for (const auto& [name, bytes] : segments(directory_)) {
    const auto known = before.find(name);
    if (known == before.end() || bytes == known->second) continue;
    std::ifstream in(directory_ / name, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(known->second));
    std::string part(random_.below(bytes - known->second + 1), '\0');
    in.read(part.data(), static_cast<std::streamsize>(part.size()));
    std::ofstream(copy / name, std::ios::binary | std::ios::app) << part;
  }
}

}  // namespace sluice::sim
