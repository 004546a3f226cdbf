"""The table of allowed includes, as data; proxy/ARCHITECTURE.md gives the reasons, this is what CI enforces.

A folder may include its own headers, those of the folders named here, and those of the folders that these may include
(a dependency brings its dependencies' headers with it). `proto` stands for the generated protobuf code.
"""

FOLDERS = {
    "proxy/base": [],
    "proxy/config": ["proxy/base", "proto"],
    "proxy/wire": ["proxy/base"],
    "proxy/tls": ["proxy/base"],
    "proxy/http": ["proxy/wire"],
    "proxy/policy": ["proxy/base", "proto"],
    "proxy/explain": ["proxy/base", "proxy/policy", "proxy/wire"],
    "proxy/net": ["proxy/base"],
    "proxy/flow": ["proxy/base", "proxy/wire", "proxy/tls", "proxy/http", "proxy/policy"],
    "proxy/drive": ["proxy/base", "proxy/flow", "proxy/tls", "proxy/http", "proxy/net"],
    "proxy/report": ["proxy/base", "proxy/flow/record.h", "proxy/tls", "proto"],
    "proxy/monitor": ["proxy/base"],
    "proxy/pop": ["proxy/*", "proto"],
    "proxy/client": ["proxy/*", "proto"],
    "proxy/ctl": ["proxy/*", "events/query", "proto"],
    "events/store": ["proxy/base", "proto"],
    "events/ingest": ["events/store", "proxy/base", "proxy/net", "proxy/report", "proto"],
    "events/query": ["events/store", "proxy/base", "proxy/tls/digest.h", "proto"],
    "events/sinks": ["events/store", "proxy/base", "proto"],
    "events/api": ["events/query", "events/store", "proxy/base", "proto"],
    "events/console": ["events/api", "events/query", "proxy/base", "proto"],
    "events/server": ["events/*", "proxy/base", "proxy/config", "proxy/net", "proxy/report", "proto"],
}

# Folders that nobody includes from.
TOPS = ("proxy/pop", "proxy/client", "proxy/ctl", "events/server", "tests")

# Third-party headers: the folders that may include them, and whether their headers may too (only inside the door).
# A prefix ends in '/' or names one header.
DOORS = {
    "uv.h": ["proxy/net"],
    "ares.h": ["proxy/net"],
    "ares_": ["proxy/net"],
    "nghttp2/": ["proxy/http"],
    "openssl/": ["proxy/tls"],
    "yaml-cpp/": ["proxy/config"],
    "sqlite3.h": ["events/store"],
    "zstd.h": ["proxy/report", "events/store", "events/ingest"],
    "maxminddb.h": ["proxy/policy"],
    "libpsl.h": ["proxy/report"],
    "re2/": ["proxy/policy", "events/query", "events/store"],
    "grpcpp/": ["proxy/report", "proxy/pop", "proxy/client", "proxy/ctl", "events/ingest", "events/query",
                "events/server"],
    "spdlog/": ["proxy/config", "proxy/pop", "proxy/client", "proxy/ctl", "events/server"],
    "CLI/": ["proxy/pop", "proxy/client", "proxy/ctl", "events/server"],
    "httplib.h": ["events/api", "events/server", "proxy/monitor"],
    "nftables/": ["proxy/client"],
    "crypt.h": ["proxy/tls"],
    "maxminddb.h": ["proxy/policy"],
}

# Third-party headers and the Debian package that brings them; deploy/dependencies must install it.
PACKAGES = {
    "uv.h": "libuv1-dev",
    "ares.h": "libc-ares-dev",
    "nghttp2/": "libnghttp2-dev",
    "openssl/": "libssl-dev",
    "yaml-cpp/": "libyaml-cpp-dev",
    "sqlite3.h": "libsqlite3-dev",
    "zstd.h": "libzstd-dev",
    "libpsl.h": "libpsl-dev",
    "re2/": "libre2-dev",
    "grpcpp/": "libgrpc++-dev",
    "google/protobuf/": "libprotobuf-dev",
    "spdlog/": "libspdlog-dev",
    "CLI/": "libcli11-dev",
    "httplib.h": "libcpp-httplib-dev",
    "nftables/": "libnftables-dev",
    "crypt.h": "libcrypt-dev",
    "maxminddb.h": "libmaxminddb-dev",
}
