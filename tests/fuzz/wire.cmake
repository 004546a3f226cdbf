sluice_fuzz(authority_fuzz SOURCES authority_fuzz.cc DEPS sluice::wire)
sluice_fuzz(client_hello_fuzz SOURCES client_hello_fuzz.cc DEPS sluice::wire)
sluice_fuzz(http1_head_fuzz SOURCES http1_head_fuzz.cc DEPS sluice::wire)
sluice_fuzz(socks5_fuzz SOURCES socks5_fuzz.cc DEPS sluice::wire)
