sluice_fuzz(flow_fuzz SOURCES flow_fuzz.cc DEPS sluice::flow)
