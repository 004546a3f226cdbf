sluice_fuzz(flow_fuzz SOURCES flow_fuzz.cc DEPS sluice::flow)
sluice_fuzz(relay_fuzz SOURCES relay_fuzz.cc DEPS sluice::flow)
