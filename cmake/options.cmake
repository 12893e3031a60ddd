# How every target of ours is compiled.
add_library(reeve_options INTERFACE)
target_compile_options(reeve_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wthread-safety -Werror
  -fno-omit-frame-pointer)
target_include_directories(reeve_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(reeve_options INTERFACE -fstack-protector-strong -fPIE)
  target_compile_definitions(reeve_options INTERFACE _FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
  target_link_options(reeve_options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
if(REEVE_SANITIZE)
  # For all targets: a library without the sanitizer would hide what happens in it.
  add_compile_options(-fsanitize=${REEVE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${REEVE_SANITIZE})
endif()

# reeve_library(NAME sources… LINK targets…): one folder, one library, arrows spelled out.
function(reeve_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE reeve_options)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
endfunction()
