sluice_fuzz(spool_frame_fuzz SOURCES ${CMAKE_CURRENT_LIST_DIR}/spool_frame_fuzz.cc DEPS sluice::report)
sluice_fuzz(page_assembler_fuzz SOURCES ${CMAKE_CURRENT_LIST_DIR}/page_assembler_fuzz.cc DEPS sluice::report)
