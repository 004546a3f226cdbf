sluice_fuzz(tunnel_session_fuzz SOURCES tunnel_session_fuzz.cc DEPS sluice::http)
sluice_fuzz(http2_session_fuzz SOURCES http2_session_fuzz.cc DEPS sluice::http)
