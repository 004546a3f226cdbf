sluice_fuzz(query_fuzz SOURCES ${CMAKE_CURRENT_LIST_DIR}/query_fuzz.cc DEPS sluice::query)
