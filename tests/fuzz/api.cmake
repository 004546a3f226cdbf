sluice_fuzz(api_request_fuzz SOURCES ${CMAKE_CURRENT_LIST_DIR}/api_request_fuzz.cc DEPS sluice::api)
