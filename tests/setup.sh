#!/usr/bin/env bash
# Installs what the tests need beyond Rust, from Debian's own packages. Safe to run again: quick when all is there.
#
#   tests/setup.sh                 everything
#   tests/setup.sh mail rspamd     only these groups
#
# The servers are never started by their packages: the tests start their own, on their own loopback addresses.
set -euo pipefail

mail=(unbound dnsutils postfix postfix-pcre dovecot-core dovecot-imapd dovecot-lmtpd dovecot-sieve
      opendkim opendkim-tools opendmarc postfix-policyd-spf-python postgrey swaks)
rspamd=(rspamd)
monitoring=(prometheus)

packages_of() {
    case $1 in
        mail) printf '%s\n' "${mail[@]}" ;;
        rspamd) printf '%s\n' "${rspamd[@]}" ;;
        monitoring) printf '%s\n' "${monitoring[@]}" ;;
        *) echo "setup: no group '$1' (mail, rspamd, monitoring)" >&2; return 2 ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(mail rspamd monitoring)

command -v dpkg-query >/dev/null || { echo "setup: needs Debian or a system with its packages" >&2; exit 1; }
missing=()
for group in "${groups[@]}"; do
    names=$(packages_of "$group")
    for name in $names; do
        installed "$name" || missing+=("$name")
    done
done
if [ ${#missing[@]} = 0 ]; then
    echo "setup: ${groups[*]}: all packages are there"
    exit 0
fi

# A package's own start would fail in a container, and elsewhere take the ports of the host's mail server.
policy=/usr/sbin/policy-rc.d
placed=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    placed=yes
fi
trap '[ -z "$placed" ] || as_root rm -f $policy' EXIT

echo "setup: installing ${missing[*]}"
as_root debconf-set-selections <<'ANSWERS'
postfix postfix/main_mailer_type select No configuration
opendmarc opendmarc/dbconfig-install boolean false
ANSWERS
install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}
# The package lists may be old or absent: fetch them only when the first try fails.
install 2>/dev/null || { as_root apt-get -qq -o DPkg::Lock::Timeout=300 update && install; }
echo "setup: ${groups[*]}: installed"
