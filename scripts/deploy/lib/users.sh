# shellcheck shell=bash
# The user of a service is the one that its image has: the same number on every host.

IMAGES=$ROOT/scripts/image/trim.sh

user_of() { echo "mend-${1%-agent}"; }
number_of() { sed -n "s/^$(user_of "$1"):x:\([0-9]*\):.*/\1/p" "$IMAGES"; }
# operators, if it may approve; else -
group_of() { if grep -Eq "^operators:x:[0-9]+:(.*,)?$(user_of "$1")(,|\$)" "$IMAGES"; then echo operators; else echo -; fi; }
