#!/bin/bash
# Runs one world. It is process 1 of a PID namespace of its own, and its mounts are seen by nobody else:
#
#   unshare --mount --pid --fork --mount-proc ... bash keeper.sh STATE NET
#
# Standard input is a pipe whose other end only the test process holds. However that process ends, `kill -9` included, the
# pipe ends too; then everything in the namespace is killed and the state directory removed. Standard output is the
# world's black hole: a listening socket that nobody accepts from. Holding it reserves the net until all is gone.
set -u
state=$1 net=$2
umask 022

mount --bind "$state/resolv.conf" "$(readlink -f /etc/resolv.conf)"
mount --bind "$state/hosts" "$(readlink -f /etc/hosts)"

run() {
    local name=$1
    shift
    "$@" >>"$state/log/$name.out" 2>&1 </dev/null &
}

# The order matters only to DNS, which the others ask when they start.
run unbound unbound -d -c "$state/dns/unbound.conf"
run rspamd rspamd --no-fork --insecure --config="$state/rspamd/rspamd.conf" \
    --var=DBDIR="$state/rspamd" --var=RUNDIR="$state/rspamd" --var=LOGDIR="$state/log" --var=LOCAL_CONFDIR="$state/rspamd"
run opendkim-relay opendkim -f -x "$state/filters/opendkim-relay.conf"
run opendkim-beta opendkim -f -x "$state/filters/opendkim-beta.conf"
run opendmarc opendmarc -f -c "$state/filters/opendmarc.conf"
run postgrey postgrey --inet="$net.34:10023" --delay=1 --auto-whitelist-clients=0 --dbdir="$state/postgrey" \
    --user=postgrey --group=postgrey --whitelist-clients=/dev/null --whitelist-recipients=/dev/null
for receiver in relay-auth alpha beta gamma delta; do
    run "$receiver" dovecot -c "$state/$receiver/dovecot.conf"
done
for instance in relay mx; do
    run "$instance" /usr/lib/postfix/sbin/master -d -c "$state/$instance"
done

while read -r _; do :; done
kill -KILL -1
wait
rm -rf "$state"
