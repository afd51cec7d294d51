# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# transfer.sh - Bytes and messages: socat, iperf3 ...; sourced by programs_test

# ---- socat ------------------------------------------------------------------------------

# Who sends has ended when all is on its way; who takes it may be busy for a while.
until_as_long() {	# FILE OTHER
	for _ in $(seq 100); do
		[ "$(stat -c %s "$1")" -ge "$(stat -c %s "$2")" ] && return
		sleep 0.1
	done
}

# Both directions at once; each side ends its own.
exchange_by_socat() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	serve_all "$1" \
		"socat -u TCP-LISTEN:7001,bind=$2,reuseaddr,fork CREATE:$dir/taken" \
		"socat -U TCP-LISTEN:7002,bind=$2,reuseaddr,fork OPEN:$work/files/big,rdonly" \
		"socat TCP-LISTEN:7003,bind=$2,reuseaddr,fork EXEC:sha256sum"
	until_listens "$2" 7003
	until_listens "$2" 7002
	until_listens "$2" 7001
	echo "to it:"
	run "$3" socat -u "OPEN:$work/files/big" "TCP:$2:7001"
	until_as_long "$dir/taken" "$work/files/big"
	sum "$dir/taken"
	echo "from it:"
	run "$3" socat -u "TCP:$2:7002" "CREATE:$dir/got"
	sum "$dir/got"
	echo "a program behind it, which answers when all has come:"
	run "$3" socat -t 10 - "TCP:$2:7003" <"$work/files/big"
	run "$3" socat -t 10 - "TCP:$2:7003" <"$work/files/empty"
}

socat_server() {
	exchange_by_socat under "$TESTED" peer
}

socat_client() {
	exchange_by_socat peer "$PEER" under
}

# ---- Those that measure ---------------------------------------------------------------------

# Its server is busy for a while after who was there before, asking or measuring.
ask_iperf3() {	# ASKING-SIDE ARGUMENT...
	local said
	for _ in 1 2 3 4 5; do
		sleep 0.5
		said=$(run_quietly "$1" iperf3 -c "${@:2}")
		grep -q "server is busy" "$dir/out" || break
	done
	echo "$said"
}

measure_by_iperf3() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	serve "$1" iperf3 -s -B "$2"
	until_listens "$2" 5201
	ask_iperf3 "$3" "$2" -n 100M
	ask_iperf3 "$3" "$2" -n 100M -R
	ask_iperf3 "$3" "$2" -n 100M -P 4
	ask_iperf3 "$3" "$2" -t 1 --bidir
}

iperf3_server() {
	measure_by_iperf3 under "$TESTED" peer
}

iperf3_client() {
	measure_by_iperf3 peer "$PEER" under
}

measure_by_nuttcp() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	serve "$1" nuttcp -S --nofork
	until_listens "$2" 5000
	run_quietly "$3" nuttcp -n 50m "$2"
	run_quietly "$3" nuttcp -r -n 50m "$2"
}

nuttcp_server() {
	measure_by_nuttcp under "$TESTED" peer
}

nuttcp_client() {
	measure_by_nuttcp peer "$PEER" under
}

measure_by_sockperf() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	serve "$1" sockperf server --tcp -i "$2" -p 11111
	until_listens "$2" 11111
	run_quietly "$3" sockperf ping-pong --tcp -i "$2" -p 11111 -t 1 -m 64
	run_quietly "$3" sockperf throughput --tcp -i "$2" -p 11111 -t 1 -m 1400
}

sockperf_server() {
	measure_by_sockperf under "$TESTED" peer
}

sockperf_client() {
	measure_by_sockperf peer "$PEER" under
}

measure_by_qperf() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	serve "$1" qperf
	until_listens "$2" 19765
	run_quietly "$3" qperf -t 1 "$2" tcp_bw
	run_quietly "$3" qperf -t 1 "$2" tcp_lat
}

qperf_server() {
	measure_by_qperf under "$TESTED" peer
}

qperf_client() {
	measure_by_qperf peer "$PEER" under
}
