#include "events/store/rollup_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "events/store/rollup_blob.h"

namespace sluice::store {

RollupFile::RollupFile(Database& database)
    : database_(database),
      find_value_(database.prepare("SELECT id FROM rollup_value WHERE key=? AND value=?")),
      put_value_(database.prepare("INSERT INTO rollup_value VALUES(?,?,?)")),
      find_sums_(database.prepare("SELECT data FROM rollup WHERE id=?")),
      put_sums_(database.prepare("INSERT OR REPLACE INTO rollup VALUES(?,?)")) {
  Statement counts = database.prepare("SELECT id FROM rollup_value WHERE key=? ORDER BY id DESC LIMIT 1");
  for (const RolledKey& key : rolled_keys()) {
    counts.bind(1, key.number);
    values_[key.number] = counts.step() == Step::kRow ? counts.integer(0) + 1 : 0;
    counts.reset();
  }
}

void RollupFile::add(const Rollup& rollup) {
  for (const int64_t hour : rollup.hours()) {
    for (size_t key = 0; key < rolled_keys().size(); ++key) add(rollup, key, hour);
  }
}

void RollupFile::add(const Rollup& rollup, size_t key, int64_t hour) {
  std::vector<std::pair<std::string_view, RollupEntry>> fresh;
  rollup.visit(key, hour, hour + 1, [&](int64_t, const Rollup::Place& place, const RollupSums& sums) {
    fresh.push_back({place.value, {place.minute, 0, place.group, sums}});
  });
  if (fresh.empty()) return;
  // A value often stands in several groups and minutes; in order, each is looked up once.
  std::sort(fresh.begin(), fresh.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const int64_t number = rolled_keys()[key].number;
  std::vector<RollupEntry> entries;
  for (size_t i = 0; i < fresh.size(); ++i) {
    const bool same = i > 0 && fresh[i].first == fresh[i - 1].first;
    fresh[i].second.id = same ? fresh[i - 1].second.id : id_of(number, fresh[i].first);
    entries.push_back(fresh[i].second);
  }
  find_sums_.bind(1, rollup_row(number, hour));
  if (find_sums_.step() == Step::kRow) {
    RollupDecoder decoder(find_sums_.blob(0));
    for (RollupEntry entry; decoder.next(entry);) entries.push_back(entry);
    if (decoder.damaged()) database_.fail("the roll-ups are damaged");
  }
  find_sums_.reset();
  const std::string blob = encode_rollup(std::move(entries));
  put_sums_.bind(1, rollup_row(number, hour)).bind_blob(2, blob).run();
}

uint32_t RollupFile::id_of(int64_t key_number, std::string_view value) {
  find_value_.bind(1, key_number).bind_blob(2, value);
  const bool known = find_value_.step() == Step::kRow;
  int64_t id = known ? find_value_.integer(0) : 0;
  find_value_.reset();
  if (!known) {
    id = values_[key_number]++;
    put_value_.bind(1, key_number).bind(2, id).bind_blob(3, value).run();
  }
  return static_cast<uint32_t>(id);
}

}  // namespace sluice::store
