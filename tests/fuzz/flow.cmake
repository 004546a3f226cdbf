sluice_fuzz(flow_fuzz SOURCES flow_fuzz.cc DEPS sluice::flow)
sluice_fuzz(relay_fuzz SOURCES relay_fuzz.cc DEPS sluice::flow)
sluice_fuzz(mux_fuzz SOURCES mux_fuzz.cc DEPS sluice::flow)
sluice_fuzz(steer_flow_fuzz SOURCES steer_flow_fuzz.cc DEPS sluice::flow sluice::config sluice::policy sluice::tls)
