#!/bin/sh
# As much of systemctl as a database guest needs: one real unit (trove-guestagent) and ssh, which the emulator serves.
set -u
root=${TROVE_GUEST_ROOT:?systemctl: not inside an emulated machine}
wants=$root/etc/systemd/system/multi-user.target.wants
pidfile=$root/run/trove-guestagent.pid
logfile=$root/var/log/trove-guestagent.log

now=no quiet=no verb= units=
for word in "$@"; do
	case $word in
	--now) now=yes ;;
	--quiet | -q) quiet=yes ;;
	-*) ;;
	*) if [ -z "$verb" ]; then verb=$word; else units="$units ${word%.service}"; fi ;;
	esac
done

say() { [ "$quiet" = yes ] || echo "$1"; }

# A pid alone proves nothing: it may have been given to another process since.
alive() {
	pid=$(cat "$pidfile" 2>/dev/null) && [ -n "$pid" ] &&
		tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qxF "TROVE_GUEST_ROOT=$root" &&
		tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'trove-guestagent daemon'
}

start() {
	alive && return 0
	setsid env -i PATH="$PATH" HOME="$root/root" TROVE_GUEST_ROOT="$root" \
		"$root/usr/bin/trove-guestagent" daemon </dev/null >>"$logfile" 2>&1 9>&- &
	started=$!
	echo "$started" >"$pidfile"
	# The next caller must find the daemon, and not the shell that is about to become it.
	until alive; do
		kill -0 "$started" 2>/dev/null || return 0
		sleep 0.01
	done
}

stop() {
	alive || return 0
	kill -TERM "$pid"
	left=900
	while alive; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || kill -KILL "$pid"
		sleep 0.1
	done
}

act() { # act VERB UNIT
	case $2 in
	trove-guestagent) ;;
	ssh | sshd) # served by the emulator itself, which reads keys anew for every connection
		[ "$1" = is-active ] && say active
		[ "$1" = is-enabled ] && say enabled
		return 0
		;;
	*)
		case $1 in
		is-active) say inactive && return 4 ;;
		esac
		echo "Failed to $1 $2.service: Unit $2.service not found." >&2
		return 5
		;;
	esac
	case $1 in
	start) start ;;
	stop) stop ;;
	restart | reload-or-restart) stop && start ;;
	try-restart) if alive; then stop && start; fi ;;
	reload) alive && kill -HUP "$pid" ;;
	enable)
		mkdir -p "$wants" && : >"$wants/$2.service"
		[ "$now" = no ] || start
		;;
	disable)
		rm -f "$wants/$2.service"
		[ "$now" = no ] || stop
		;;
	is-enabled) if [ -e "$wants/$2.service" ]; then say enabled; else say disabled && return 1; fi ;;
	is-active) if alive; then say active; else say inactive && return 3; fi ;;
	*) echo "Unknown command verb $1." >&2 && return 1 ;;
	esac
}

[ "$verb" = daemon-reload ] && exit 0
if [ -z "$verb" ] || [ -z "$units" ]; then
	echo "Too few arguments." >&2
	exit 1
fi
mkdir -p "$root/run" "$root/var/log"
case $verb in
is-*) ;;
*)
	exec 9>"$root/run/systemctl.lock"
	flock 9
	;;
esac
status=0
for unit in $units; do
	act "$verb" "$unit" || status=$?
done
exit "$status"
