#!/bin/sh
# The vendor's own system, as small as it can be: a folder with one answer for each operation. Asked
# again it repeats the first answer, which is all that it takes to sell nothing twice.
set -eu

ask=$(cat)
field() { printf '%s' "$ask" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
operation=$(field operation)
kind=$(field kind)

mkdir -p notes
answer="notes/$operation.json"
if [ ! -f "$answer" ]; then
    umask 077
    case $kind in
    provision)
        password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
        printf '{"access":{"front_end":{"url":"https://notes.example.com/%s","username":"owner","password":"%s"}}}\n' \
            "${operation#op-}" "$password" >"$answer.$$"
        ;;
    *)
        printf '{}\n' >"$answer.$$"
        ;;
    esac
    # Whoever comes first counts, also when two are here at once.
    ln "$answer.$$" "$answer" 2>/dev/null || true
    rm -f "$answer.$$"
fi
cat "$answer"
