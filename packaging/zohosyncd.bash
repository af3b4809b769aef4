# bash completion for zohosyncd. Commands and flags come from what the program prints for --help, so that they are those
# of the version that is installed.

# The names under "Subcommands:" of a --help text.
_zohosyncd_commands() {
    "$@" --help 2>/dev/null | sed -n '/^Subcommands:/,/^[^ ]*$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# The flags of a --help text, short ones too.
_zohosyncd_flags() {
    "$@" --help 2>/dev/null | grep -oE '^  -[^ ]+' | tr -d ' ' | tr , '\n'
}

_zohosyncd() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
    COMPREPLY=()
    case "$previous" in
        -r | --replication | --env-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --log-level) COMPREPLY=($(compgen -W "trace debug info warn error off" -- "$current")); return ;;
        --log-format) COMPREPLY=($(compgen -W "text json" -- "$current")); return ;;
        --mode) COMPREPLY=($(compgen -W "incremental full-refresh truncate backfill definition-only" -- "$current")); return ;;
        --target | --streams | --limit | --range | --primary-key | --update-key) return ;;
    esac

    # The command so far: the words before this one that are names of commands.
    local command=("${COMP_WORDS[0]}") word
    local known="$(_zohosyncd_commands "${command[@]}")"
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ -n $word && $'\n'$known$'\n' == *$'\n'"$word"$'\n'* ]]; then
            command+=("$word")
            known="$(_zohosyncd_commands "${command[@]}")"
        fi
    done

    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$(_zohosyncd_flags "${command[@]}")" -- "$current"))
    else
        COMPREPLY=($(compgen -W "$known" -- "$current"))
    fi
}

complete -F _zohosyncd zohosyncd
