#include "proxy/report/page_assembler.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/report/limits.h"

namespace sluice::report {

namespace {

bool is_html(const flow::Exchange& exchange) {
  const std::string_view type = std::string_view(exchange.content_type).substr(0, exchange.content_type.find(';'));
  return base::equal_ignore_case(type, "text/html") || base::equal_ignore_case(type, "application/xhtml+xml");
}

// What an administrator looks for one by one is never folded into something larger.
bool stands_alone(const flow::FlowRecord& record) {
  return record.action != flow::Verdict::kAllow || record.close_reason != flow::CloseReason::kCompleted;
}

bool is_page(const flow::FlowRecord& record) {
  return is_html(*record.exchange) && record.server_bytes >= page_bytes_min;
}

}  // namespace

std::string PageAssembler::client_key(const flow::FlowRecord& exchange) {
  return exchange.source.address.to_string() + '\n' + exchange.user + '\n' +
         (exchange.device ? exchange.device->id : std::string()) + '\n';
}

std::string PageAssembler::page_key(const flow::FlowRecord& exchange, std::string_view url) {
  return client_key(exchange).append(url);
}

std::string PageAssembler::rollup_key(const flow::FlowRecord& exchange) const {
  const std::string domain = domain_of_(exchange.host);
  return client_key(exchange).append("domain ").append(domain.empty() ? exchange.host : domain);
}

PageAssembler::Open* PageAssembler::find(const std::string& key, base::Time now) {
  const auto found = index_.find(key);
  return found == index_.end() || found->second->closes <= now ? nullptr : &*found->second;
}

PageAssembler::Open* PageAssembler::cover_of(const flow::FlowRecord& exchange, base::Time now) {
  if (!exchange.exchange->referer.empty()) {
    if (Open* page = find(page_key(exchange, exchange.exchange->referer), now)) return page;
  }
  return find(rollup_key(exchange), now);
}

void PageAssembler::progress(flow::FlowRecord& exchange, base::Time now) {
  const bool has_record = exchange.revision > 0;
  if (has_record || cover_of(exchange, now) == nullptr) emit_(exchange, false, now);
}

void PageAssembler::end(flow::FlowRecord& exchange, base::Time now) {
  const bool has_record = exchange.revision > 0;
  if (stands_alone(exchange)) return emit_(exchange, true, now);
  if (times_.page.count() > 0 && is_page(exchange)) {
    open(pages_, page_key(exchange, exchange.exchange->url), exchange, flow::PageBuild::kReferer, now + times_.page,
         now);
    return;
  }
  Open* cover = cover_of(exchange, now);
  // The first exchange of a connection has the connection's event, which is out already and must end: it is not folded.
  if (cover != nullptr && has_record) return emit_(exchange, true, now);
  if (cover == nullptr && times_.rollup.count() == 0) return emit_(exchange, true, now);
  if (cover == nullptr) {
    open(rollups_, rollup_key(exchange), exchange, flow::PageBuild::kDomainRollup, now + times_.rollup, now);
    return;
  }
  flow::FlowRecord& page = cover->record;
  page.client_bytes += exchange.client_bytes;
  page.server_bytes += exchange.server_bytes;
  page.exchange->requests += exchange.exchange->requests;
  page.exchange->responses += exchange.exchange->responses;
  cover->last = std::max(cover->last, now);
}

// The exchange becomes an event that collects others. One that has its key already stays and collects no more.
void PageAssembler::open(Queue& queue, std::string key, flow::FlowRecord& exchange, flow::PageBuild build,
                         base::Time closes, base::Time now) {
  Open event{std::move(key), exchange, closes, now};
  event.record.exchange = std::make_shared<flow::Exchange>(*exchange.exchange);  // its counters go on alone
  event.record.exchange->build = build;
  event.record.close_reason = flow::CloseReason::kUnspecified;
  if (queue.size() >= open_pages_max) close(queue);
  queue.push_back(std::move(event));
  const auto place = std::prev(queue.end());
  if (const auto other = index_.find(place->key); other != index_.end()) index_.erase(other);
  index_.emplace(place->key, place);
  emit_(place->record, false, now);
}

void PageAssembler::close(Queue& queue) {
  const auto oldest = queue.begin();
  const auto indexed = index_.find(oldest->key);
  if (indexed != index_.end() && indexed->second == oldest) index_.erase(indexed);
  oldest->record.close_reason = flow::CloseReason::kCompleted;
  emit_(oldest->record, true, oldest->last);
  queue.pop_front();
}

void PageAssembler::expire(base::Time now) {
  for (Queue* queue : {&pages_, &rollups_}) {
    while (!queue->empty() && queue->front().closes <= now) close(*queue);
  }
}

void PageAssembler::close_all() {
  for (Queue* queue : {&pages_, &rollups_}) {
    while (!queue->empty()) close(*queue);
  }
}

void PageAssembler::rewrite() {
  for (Queue* queue : {&pages_, &rollups_}) {
    for (Open& event : *queue) emit_(event.record, false, event.last);
  }
}

std::optional<base::Time> PageAssembler::deadline() const {
  std::optional<base::Time> next;
  for (const Queue* queue : {&pages_, &rollups_}) {
    if (!queue->empty()) next = next ? std::min(*next, queue->front().closes) : queue->front().closes;
  }
  return next;
}

}  // namespace sluice::report
