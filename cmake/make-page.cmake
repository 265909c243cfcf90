# cmake -DPAGE=page.html -DNAME=name -DOUTPUT=name.c -P make-page.cmake; see Pages.cmake.
#
# Only CMake is needed: the container image is built where there is no other interpreter.
cmake_policy(VERSION 3.25)
get_filename_component(folder ${PAGE} DIRECTORY)

# What a policy says instead of "unsafe-inline" (Content Security Policy Level 3, section 2.3.1).
function(source_of text result)
    string(SHA256 hex "${text}")
    set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    set(base64 "")
    foreach(at RANGE 0 60 6) # 32 bytes and one of padding are eleven times three
        string(SUBSTRING "${hex}00" ${at} 6 three)
        math(EXPR bits "0x${three}")
        foreach(shift 18 12 6 0)
            math(EXPR sextet "(${bits} >> ${shift}) & 63")
            string(SUBSTRING ${alphabet} ${sextet} 1 digit)
            string(APPEND base64 ${digit})
        endforeach()
    endforeach()
    string(SUBSTRING ${base64} 0 43 base64)
    set(${result} "'sha256-${base64}='" PARENT_SCOPE)
endfunction()

# Put what stands between <before> FILE <after> into the page as an element of its own.
function(put_in before after element page_variable sources_variable)
    set(page "${${page_variable}}")
    set(sources "")
    while(TRUE)
        string(FIND "${page}" "${before}" at)
        if(at EQUAL -1)
            break()
        endif()
        string(LENGTH "${before}" skip)
        math(EXPR begin "${at} + ${skip}")
        string(SUBSTRING "${page}" ${begin} -1 rest)
        string(FIND "${rest}" "${after}" length)
        string(SUBSTRING "${rest}" 0 ${length} file)
        file(READ ${folder}/${file} text)
        string(TOLOWER "${text}" lower)
        string(FIND "${lower}" "</${element}" hole)
        if(NOT hole EQUAL -1)
            message(FATAL_ERROR "${file} would end its own element: </${element}")
        endif()
        set(text "\n${text}")
        source_of("${text}" source)
        string(APPEND sources " ${source}")
        string(REPLACE "${before}${file}${after}" "<${element}>${text}</${element}>"
            page "${page}")
    endwhile()
    set(${page_variable} "${page}" PARENT_SCOPE)
    set(${sources_variable} "${sources}" PARENT_SCOPE)
endfunction()

file(READ ${PAGE} page)
put_in("<link rel=\"stylesheet\" href=\"" "\">" style page styles)
put_in("<script src=\"" "\"></script>" script page scripts)
string(REGEX MATCH "<link rel=.?stylesheet|<script [^>]*src|(src|href)=.([a-z]+:)?//" outside
    "${page}")
if(outside)
    message(FATAL_ERROR "${PAGE}: not in the page itself: ${outside}")
endif()

# Nothing from anywhere else, nothing sent anywhere else, in nobody's frame.
set(policy "default-src 'none'; script-src${scripts}; style-src${styles}; img-src data:; \
connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")

string(SHA256 digest "${page}")
string(SUBSTRING ${digest} 0 16 tag)
file(WRITE ${OUTPUT}.html "${page}")
file(READ ${OUTPUT}.html bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR length "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)"
    "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Made of ${NAME}/page.html by cmake/make-page.cmake. */
#include \"gateway/page.h\"

static const unsigned char bytes[] = {
${bytes}
};

const struct page page_${NAME} = {
    .bytes = bytes,
    .length = ${length},
    .policy = \"${policy}\",
    .tag = \"\\\"${tag}\\\"\",
};
")
