sluice_fuzz(identity_fuzz SOURCES identity_fuzz.cc DEPS sluice::tls)
sluice_fuzz(tls_session_fuzz SOURCES tls_session_fuzz.cc DEPS sluice::tls)
sluice_fuzz(certificates_fuzz SOURCES certificates_fuzz.cc DEPS sluice::tls)
