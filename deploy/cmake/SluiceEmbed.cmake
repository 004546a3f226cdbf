# sluice_embed(OUT.cc NAMESPACE ns ROOT folder FILES a.json b/c.js): OUT.cc defines `const std::vector<EmbeddedFile>&
# ns::embedded_files()` with the bytes of the files. sluice_embed(... FOLDER) takes all files below ROOT, found when it
# is built, because a bundler chooses their names; DEPENDS says what makes them.
set(SLUICE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_files.cmake)
function(sluice_embed out)
  cmake_parse_arguments(A "FOLDER" "NAMESPACE;ROOT" "FILES;DEPENDS" ${ARGN})
  list(TRANSFORM A_FILES PREPEND ${A_ROOT}/ OUTPUT_VARIABLE inputs)
  string(REPLACE ";" "," files "${A_FILES}")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAMESPACE=${A_NAMESPACE} -DROOT=${A_ROOT} -DFILES=${files}
            -P ${SLUICE_EMBED_SCRIPT}
    DEPENDS ${inputs} ${A_DEPENDS} ${SLUICE_EMBED_SCRIPT} VERBATIM)
  # The assembler reads the files themselves, so a cached object would not notice that they changed.
  set_source_files_properties(${out} PROPERTIES GENERATED ON OBJECT_DEPENDS "${inputs}")
endfunction()
