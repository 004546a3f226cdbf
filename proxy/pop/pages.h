#pragma once
// Pages: the page assembler of one worker, by its clock.
#include "proxy/net/loop.h"
#include "proxy/report/page_assembler.h"

namespace sluice::pop {

// Belongs to one worker; on its thread.
class Pages final : private net::Timer {
 public:
  Pages(net::Loop& loop, report::PageAssembler::Times times, report::PageAssembler::DomainOf domain_of,
        report::PageAssembler::Emit emit)
      : loop_(loop), assembler_(times, std::move(domain_of), std::move(emit)) {}

  void set_times(report::PageAssembler::Times times) { assembler_.set_times(times); }
  // The record of an exchange.
  void write(flow::FlowRecord& exchange, bool final) {
    if (final) {
      assembler_.end(exchange, loop_.now());
    } else {
      assembler_.progress(exchange, loop_.now());
    }
    arm();
  }
  void rewrite() { assembler_.rewrite(); }
  void close_all() { assembler_.close_all(); }

 private:
  void on_timer() override {
    assembler_.expire(loop_.now());
    arm();
  }
  void arm() {
    if (const auto next = assembler_.deadline()) loop_.timers().arm(*this, *next);
  }

  net::Loop& loop_;
  report::PageAssembler assembler_;
};

}  // namespace sluice::pop
