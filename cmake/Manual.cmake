# SPDX-License-Identifier: Apache-2.0
# Manual pages and completions. What they say of verbs, options and keys comes from the programs' own tables, by
# nsrelay_manual, so that neither can be out of date; docs/man/ has the rest of the pages.
if(NSRELAY_SANITIZE OR CMAKE_CROSSCOMPILING) # a program that may not run where it is built
  return()
endif()
option(NSRELAY_COMPLETION "make completions for bash, zsh and fish" ON)
set(NSRELAY_MAN AUTO CACHE STRING "make manual pages: ON, OFF, or AUTO for when there is scdoc")
find_program(SCDOC scdoc)
if(NSRELAY_MAN STREQUAL "ON" AND NOT SCDOC)
  message(FATAL_ERROR "NSRELAY_MAN=ON takes scdoc, which is not here")
endif()

set(NSRELAY_MANUAL_FILES "")
if(NSRELAY_MAN AND SCDOC)
  set(NSRELAY_PAGES nsrelay.1 nsctl.1 nsrelay.yaml.5 nstopology.yaml.5 nsrelay-cni.8)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/man)
  foreach(page IN LISTS NSRELAY_PAGES)
    string(REGEX REPLACE ".*\\." "" section ${page})
    set(text ${CMAKE_SOURCE_DIR}/docs/man/${page}.scd)
    set(file ${CMAKE_BINARY_DIR}/man/${page})
    # Without SOURCE_DATE_EPOCH scdoc writes today's date, so that no two builds were the same.
    add_custom_command(OUTPUT ${file}
      COMMAND nsrelay_manual page ${text} > ${file}.scd
      COMMAND ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=0 ${SCDOC} < ${file}.scd > ${file}
      DEPENDS nsrelay_manual ${text} VERBATIM)
    list(APPEND NSRELAY_MANUAL_FILES ${file})
    if(NSRELAY_CNI OR NOT page MATCHES "^nsrelay-cni")
      install(FILES ${file} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
  endforeach()

  # nsbench has no tables, only a text.
  if(NSRELAY_BENCH AND NSRELAY_NSBENCH)
    set(text ${CMAKE_SOURCE_DIR}/docs/man/nsbench.1.scd)
    set(file ${CMAKE_BINARY_DIR}/man/nsbench.1)
    add_custom_command(OUTPUT ${file}
      COMMAND nsbench --help > ${file}.usage
      COMMAND sed -e "/^%usage$/r ${file}.usage" -e "/^%usage$/d" ${text} > ${file}.scd
      COMMAND ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=0 ${SCDOC} < ${file}.scd > ${file}
      DEPENDS nsbench ${text} VERBATIM)
    list(APPEND NSRELAY_MANUAL_FILES ${file})
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endif()
endif()

# nsrelay_completion(SHELL FOLDER NAME): for each program a file in FOLDER, called NAME, in which PROGRAM is replaced
function(nsrelay_completion shell folder name)
  set(files "")
  foreach(program nsrelay nsctl)
    string(REPLACE PROGRAM ${program} file_name ${name})
    set(file ${CMAKE_BINARY_DIR}/completion/${shell}/${file_name})
    add_custom_command(OUTPUT ${file}
      COMMAND nsrelay_manual completion ${shell} ${program} > ${file}
      DEPENDS nsrelay_manual VERBATIM)
    list(APPEND files ${file})
  endforeach()
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/completion/${shell})
  install(FILES ${files} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
  set(NSRELAY_MANUAL_FILES ${NSRELAY_MANUAL_FILES} ${files} PARENT_SCOPE)
endfunction()
if(NSRELAY_COMPLETION)
  nsrelay_completion(bash bash-completion/completions PROGRAM)
  nsrelay_completion(zsh zsh/site-functions _PROGRAM)
  nsrelay_completion(fish fish/vendor_completions.d PROGRAM.fish)
endif()
add_custom_target(manual ALL DEPENDS ${NSRELAY_MANUAL_FILES})
