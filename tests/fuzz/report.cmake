sluice_fuzz(spool_frame_fuzz SOURCES ${CMAKE_CURRENT_LIST_DIR}/spool_frame_fuzz.cc DEPS sluice::report)
