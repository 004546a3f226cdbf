sluice_fuzz(ingest_batch_fuzz SOURCES ${CMAKE_CURRENT_LIST_DIR}/ingest_batch_fuzz.cc DEPS sluice::ingest sluice::report)
