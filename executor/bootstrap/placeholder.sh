#!/bin/sh
# Stands in the agent's place in a guest that was born without it. "rpc", the forced command of SSH, takes the agent from
# trovectl; "daemon", the service, puts it here when it has come whole, and becomes it.
set -u
inbox=${TROVE_GUEST_ROOT-}/home/@USER@/agent
want=@SHA256@

whole() { echo "$want  $1" | sha256sum -c >/dev/null 2>&1; }

fail() {
	echo "$2" >&2
	exit "$1"
}

receive() {
	if [ "${SSH_ORIGINAL_COMMAND-}" != deliver ]; then
		[ ! -e "$inbox" ] || fail 75 'the agent was delivered and does not run yet: packages are installed first'
		fail 69 'the agent was not delivered yet'
	fi
	echo "wants $(uname -m) $want"
	read -r size || exit 0
	case $size in '' | *[!0-9]*) fail 65 'a size in bytes was expected' ;; esac
	part=$inbox.$$
	trap 'rm -f "$part"' EXIT
	umask 077
	head -c "$size" >"$part" || fail 74 'the agent cannot be written: is the disk full?'
	whole "$part" || fail 65 'what came is not the agent that was announced'
	mv "$part" "$inbox" && echo taken
}

install() {
	new=$0.new
	until [ -e "$inbox" ] && cp "$inbox" "$new" && whole "$new"; do
		sleep 1
	done
	# Written out before it has its name: a power cut must not leave half an agent there.
	chmod 755 "$new" && sync && mv "$new" "$0" && rm -f "$inbox" && exec "$0" daemon
}

case ${1-} in
rpc) receive ;;
daemon) install ;;
*) fail 64 "usage: $0 rpc | daemon" ;;
esac
