#include "proxy/tls/origin_sessions.h"

#include <algorithm>
#include <utility>

namespace sluice::tls {

std::optional<OriginSessions::Known> OriginSessions::take(const OriginKey& key, uint64_t trust_generation,
                                                          base::WallTime now) {
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  const Entries::iterator entry = found->second;
  tickets_ -= std::erase_if(entry->resumptions, [&](const Resumption& kept) { return kept.valid_until() <= now; });
  const bool stands = entry->verdict.trust_generation == trust_generation && entry->verdict.usable_until > now;
  if (!stands || entry->resumptions.empty()) {
    drop(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  Known known{entry->resumptions.back(), entry->verdict};
  if (known.resumption.single_use()) {
    entry->resumptions.pop_back();
    --tickets_;
    if (entry->resumptions.empty()) drop(entry);
  }
  return known;
}

void OriginSessions::put(const OriginKey& key, std::vector<Resumption> resumptions, const OriginVerdict& verdict,
                         bool client_certificate_requested) {
  if (resumptions.empty() || !verdict.errors.empty() || client_certificate_requested) return;
  const auto found = index_.find(key);
  if (found != index_.end()) {
    Entry& entry = *found->second;
    // Tickets of another certificate, or from before a reload, are not mixed with these.
    const bool same =
        entry.verdict.chain == verdict.chain && entry.verdict.trust_generation == verdict.trust_generation;
    if (!same) tickets_ -= std::exchange(entry.resumptions, {}).size();
    entry.verdict = verdict;
    entries_.splice(entries_.begin(), entries_, found->second);
  } else {
    entries_.push_front({key, verdict, {}});
    index_.emplace(key, entries_.begin());
  }
  std::vector<Resumption>& kept = entries_.front().resumptions;
  tickets_ -= kept.size();
  for (Resumption& resumption : resumptions) {
    if (!resumption.single_use()) kept.clear();  // one session of TLS 1.2 serves any number of connections
    kept.push_back(std::move(resumption));
  }
  if (kept.size() > tickets_per_origin_max) {
    kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(tickets_per_origin_max));
  }
  tickets_ += kept.size();
  while (tickets_ > tickets_max_ && entries_.size() > 1) drop(std::prev(entries_.end()));
}

void OriginSessions::forget(const OriginKey& key) {
  const auto found = index_.find(key);
  if (found != index_.end()) drop(found->second);
}

void OriginSessions::clear() {
  index_.clear();
  entries_.clear();
  tickets_ = 0;
}

void OriginSessions::drop(Entries::iterator entry) {
  tickets_ -= entry->resumptions.size();
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace sluice::tls
