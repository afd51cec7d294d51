# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# common.sh - Namespaces, a bridge and cases for the network tests; sourced
#
#	client (a namespace)            device and host (the test's own)
#	+---------------------+        +------------------------------------+
#	|  c0 10.9.0.1/24     |  veth  |  w0                tto0 10.9.0.2/24 |
#	|     fd09::1/64    --|--------|--   tto bridge   --     fd09::2/64  |
#	+---------------------+        +------------------------------------+
#
# Everything lives in namespaces of network, mounts and processes that end with
# the test, however it ends. Rootless where user namespaces are allowed.

# Starts the test again, inside. What cannot run here says why and exits 77.
enter() {
	[ -n "${TTO_INSIDE-}" ] && { set_up_inside; return; }
	local user=()
	[ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
	PATH=$PATH:/usr/sbin:/sbin
	for program in unshare ip ethtool python3; do
		command -v $program >/dev/null || skip_all "$program is not installed"
	done
	[ -e /dev/net/tun ] || skip_all "/dev/net/tun is not there"
	unshare "${user[@]}" --net --mount true 2>/dev/null ||
		skip_all "namespaces are not allowed here (see tto doctor)"
	export TTO_INSIDE=yes PATH
	local spaces=("${user[@]}" --net --mount --pid --fork --kill-child)
	# Sanitizers look for their process in /proc.
	unshare "${spaces[@]}" --mount-proc true 2>/dev/null &&
		spaces+=(--mount-proc)
	exec unshare "${spaces[@]}" \
		timeout --kill-after=5 "${TIME_LIMIT:-100}" "$0" "$@"
}

skip_all() {
	echo "$1"
	exit 77
}

set_up_inside() {
	here=$(cd "$(dirname "$0")" && pwd)
	tto=${TTO:-$here/../../build/tto}
	failed=0
	bridge=
	trap clean_up EXIT
	trap 'exit 1' INT TERM HUP
	# ip netns keeps its names there.
	mount -t tmpfs none /run && mkdir /run/netns ||
		skip_all "no file system can be mounted here"
	# There, because it goes with the namespace.
	work=$(mktemp -d /run/test.XXXXXX) || exit 1
	ip link set lo up
}

clean_up() {
	[ -z "$bridge" ] || kill -KILL "$bridge" 2>/dev/null
}

# The picture above, but for the TAP device. Both ends as a network card that
# sends whole frames of its MTU; options for ethtool change that.
make_wire() {	# [ETHTOOL OPTIONS OF BOTH ENDS]
	ip netns add client
	ip link add w0 type veth peer name c0 netns client
	ip link set w0 addrgenmode none up
	in_client ip link set lo up
	in_client ip addr add 10.9.0.1/24 dev c0
	in_client ip addr add fd09::1/64 dev c0 nodad
	in_client ip link set c0 up
	set_wire "${@:-tso off gso off gro off}"
}

set_wire() {
	# Words on purpose.
	# shellcheck disable=SC2048,SC2086
	in_client ethtool -K c0 $* >/dev/null
	# shellcheck disable=SC2048,SC2086
	ethtool -K w0 $* >/dev/null
}

in_client() {
	ip netns exec client "$@"
}

peer() {
	python3 "$here/peer.py" "$@"
}

# WIRE-OPTIONS HOST-OPTIONS [ARGUMENTS]: tto bridge, until its TAP is there.
start_bridge() {
	local wire=afpacket:w0$1 host=tap:tto0,up,mac=02:09:00:00:00:02,address=10.9.0.2/24$2
	shift 2
	"$tto" bridge "$wire" "$host" --json "$@" >"$work/summary" \
		2>"$work/messages" &
	bridge=$!
	for _ in $(seq 100); do
		ip link show tto0 >/dev/null 2>&1 && break
		kill -0 $bridge 2>/dev/null || break
		sleep 0.05
	done
	ip addr add fd09::2/64 dev tto0 nodad 2>/dev/null
	until_answers
}

# A route needs the link up at both ends, and that takes a moment.
until_answers() {
	for _ in $(seq 40); do
		in_client python3 "$here/peer.py" ping 10.9.0.2 >/dev/null 2>&1 &&
			return
		sleep 0.05
	done
	echo "  no answer through the bridge: $(cat "$work/messages")"
}

stop_bridge() {	# [SIGNAL]; its exit status in $status
	kill "-${1:-INT}" "$bridge" 2>/dev/null
	wait "$bridge" 2>/dev/null
	status=$?
	bridge=
}

# A number of the summary: KEY, or KEY.KEY
summary() {
	python3 -c '
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."):
    value = value[key]
print(value)' "$work/summary" "$1"
}

# NAME COMMAND...: a case, which passes when the command does.
check() {
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/  /' "$work/out" "$work/messages" 2>/dev/null
		failed=1
	fi
}

skip() {
	echo "skip $1: $2"
}
