# SPDX-License-Identifier: MIT
# Completion of tidegate for bash.
_tidegate()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local options='-c --conf --foreground -t --test -V --version -h --help --print-default-conf
        --print-configuration-md --print-man --print-conf-man token health'

    case ${COMP_WORDS[1]:-} in
    token) options='-c --config --secret --kid --sub --iss --aud --ttl -h --help' ;;
    health) options='-c --conf --admin --live --timeout -h --help' ;;
    esac
    case $previous in
    -c | --conf | --config)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --secret)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W 'env: file:' -- "$word")
        return
        ;;
    --kid | --sub | --iss | --aud | --ttl | --admin | --timeout) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -F _tidegate tidegate
