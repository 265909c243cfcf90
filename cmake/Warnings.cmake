# Compiler flags that hold for every target of the project.
add_compile_definitions(_POSIX_C_SOURCE=200809L _DEFAULT_SOURCE TIDEGATE_VERSION="${PROJECT_VERSION}")

add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wredundant-decls -Wundef -Wpointer-arith
    -Wcast-qual -Wcast-align -Wwrite-strings -Wformat=2 -Wvla -Walloca -Wswitch-enum
    -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion -Wdate-time)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(
        -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init
        -Wformat-signedness -Wformat-overflow=2 -Wformat-truncation=2 -Wstringop-overflow=4
        -Wcast-align=strict -Wstack-usage=8192)
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
    add_compile_options(
        -Wcomma -Wunreachable-code -Wconditional-uninitialized -Wassign-enum
        -Wbad-function-cast -Wshorten-64-to-32 -Wloop-analysis)
endif()

option(TIDEGATE_WERROR "warnings are errors" OFF)
if(TIDEGATE_WERROR)
    add_compile_options(-Werror)
endif()

option(TIDEGATE_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
if(TIDEGATE_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
    add_compile_definitions(TIDEGATE_ABORT_ON_BUG)
endif()

# Flags of a release; tests/tools/check_hardening.py sees to it that each has its effect.
set(TIDEGATE_HARDEN_COMPILE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE)
set(TIDEGATE_HARDEN_LINK -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
# Against code reuse, as each processor can.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND TIDEGATE_HARDEN_COMPILE -fcf-protection)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    list(APPEND TIDEGATE_HARDEN_COMPILE -mbranch-protection=standard)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND TIDEGATE_HARDEN_COMPILE -ftrivial-auto-var-init=zero)
else()
    list(APPEND TIDEGATE_HARDEN_COMPILE -ftrivial-auto-var-init=pattern)
endif()

option(TIDEGATE_HARDEN "hardening flags of a release" OFF)
if(TIDEGATE_HARDEN)
    add_compile_options(${TIDEGATE_HARDEN_COMPILE})
    add_link_options(${TIDEGATE_HARDEN_LINK})
endif()
