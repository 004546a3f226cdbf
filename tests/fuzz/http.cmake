sluice_fuzz(tunnel_session_fuzz SOURCES tunnel_session_fuzz.cc DEPS sluice::http)
