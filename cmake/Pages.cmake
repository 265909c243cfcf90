# Pages that the program carries in itself.
#
#   tidegate_page(TARGET NAME)
#
# makes of gateway/pages/NAME/page.html one self-contained page and gives it to TARGET as
# `page_NAME` (gateway/page.h). Whatever the page takes from files beside it, written as
#
#   <link rel="stylesheet" href="FILE">        <script src="FILE"></script>
#
# each on a line of its own, is put into the page, and the page's Content-Security-Policy
# allows exactly those texts by their hashes. In the folder the page opens from disk as well.
set(TIDEGATE_PAGE_TOOL ${CMAKE_CURRENT_LIST_DIR}/make-page.cmake)

function(tidegate_page target name)
    set(folder ${CMAKE_SOURCE_DIR}/gateway/pages/${name})
    set(made ${CMAKE_CURRENT_BINARY_DIR}/pages/${name}.c)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/* ${folder}/../common/*)
    add_custom_command(OUTPUT ${made}
        COMMAND ${CMAKE_COMMAND} -DPAGE=${folder}/page.html -DNAME=${name} -DOUTPUT=${made}
            -P ${TIDEGATE_PAGE_TOOL}
        DEPENDS ${sources} ${TIDEGATE_PAGE_TOOL}
        COMMENT "Making the page ${name}"
        VERBATIM)
    target_sources(${target} PRIVATE ${made})
endfunction()
