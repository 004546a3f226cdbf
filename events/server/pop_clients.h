#pragma once
// PopClients: the administration sockets of the PoPs that `pops` names.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "events/api/pops.h"
#include "sluice/config/v1/events.pb.h"

namespace sluice::server {

std::unique_ptr<api::Pops> make_pop_clients(const config::v1::Events& config);

}  // namespace sluice::server
