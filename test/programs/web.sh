# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# web.sh - HTTP: curl, wget, nginx, ab, wrk, Python; sourced by programs_test

# SIDE ADDRESS: a server of Python's, port 8000, that takes files as well
serve_files() {
	serve "$1" "$python" "$here/web.py" "$2" 8000 "$work/files"
	until_listens "$2" 8000
}

# Files of all sizes one after the other, several at once, and what goes wrong.
fetch_by_curl() {	# SIDE ADDRESS PORT
	local url=http://$2:$3 file
	for file in empty one middle big; do
		run "$1" curl -sS -o "$dir/$file" \
			-w '%{http_code} %{size_download} bytes\n' "$url/$file"
		sum "$dir/$file"
	done
	echo "on one connection:"
	run "$1" curl -sS "$url/one" "$url/middle" "$url/one" -o "$dir/1" -o "$dir/2" \
		-o "$dir/3" -w '%{num_connects}\n'
	sum "$dir/2"
	echo "a part:"
	run "$1" curl -sS -r 100-199 -o "$dir/part" -w '%{http_code}\n' "$url/middle"
	echo "not there:"
	run "$1" curl -sSf -o /dev/null "$url/not-there"
	echo "refused:"
	run "$1" curl -sS -o /dev/null "http://$2:9/"
}

curl_client() {
	serve_files peer "$PEER"
	fetch_by_curl under "$PEER" 8000
	echo "upload:"
	run under curl -sS -T "$work/files/big" "http://$PEER:8000/"
	echo "12 at once:"
	run under curl -sS --no-progress-meter --parallel --parallel-max 12 \
		"http://$PEER:8000/middle?[1-12]" -o "$dir/at-once.#1"
	sum "$dir"/at-once.*
	echo "IPv6:"
	serve peer "$python" "$here/web.py" "$PEER6" 8001 "$work/files"
	until_listens "$PEER6" 8001
	run under curl -sS -o "$dir/v6" "http://[$PEER6]:8001/big"
	sum "$dir/v6"
}

wget_client() {
	serve_files peer "$PEER"
	for file in empty one middle big; do
		run under wget -q -O "$dir/$file" "http://$PEER:8000/$file"
		sum "$dir/$file"
	done
	run under wget -q -O "$dir/none" "http://$PEER:8000/not-there"
	run under wget -q -t 1 -O "$dir/none" "http://$PEER:9/"
}

# ---- Python ---------------------------------------------------------------------------

python_server() {
	serve_all under \
		"$python -m http.server --bind $TESTED --directory $work/files 8000" \
		"$python $here/echo.py serve $TESTED 8002"
	until_listens "$TESTED" 8000
	fetch_by_curl peer "$TESTED" 8000
	echo "asyncio:"
	until_listens "$TESTED" 8002
	run peer "$python" "$here/echo.py" ask "$TESTED" 8002 50
}

python_client() {
	serve peer "$python" "$here/echo.py" serve "$PEER" 8002
	until_listens "$PEER" 8002
	run under "$python" "$here/echo.py" ask "$PEER" 8002 50
}

# ---- nginx ------------------------------------------------------------------------------

serve_nginx() {	# SIDE ADDRESS PORT WORKERS
	mkdir -p "$dir/nginx.$3"
	cat >"$dir/nginx.$3.conf" <<-CONF
	daemon off;
	user root;
	worker_processes $4;
	error_log stderr;
	pid $dir/nginx.$3.pid;
	events { worker_connections 512; }
	http {
		access_log off;
		client_body_temp_path $dir/nginx.$3;
		proxy_temp_path $dir/nginx.$3;
		fastcgi_temp_path $dir/nginx.$3;
		uwsgi_temp_path $dir/nginx.$3;
		scgi_temp_path $dir/nginx.$3;
		sendfile on;
		server { listen $2:$3; root $work/files; }
	}
	CONF
	serve "$1" nginx -p "$dir" -c "$dir/nginx.$3.conf"
	until_listens "$2" "$3"
}

# What is the same in every run of ab.
run_ab() {	# SIDE ARGUMENTS...
	run "$1" ab -q "${@:2}" >"$dir/ab" 2>&1
	grep -E '^(Document Length|Complete requests|Failed requests|Non-2xx|exit)' "$dir/ab"
}

ask_nginx() {	# WORKERS
	serve_nginx under "$TESTED" 8080 "$1"
	fetch_by_curl peer "$TESTED" 8080
	run_ab peer -n 400 -c 16 "http://$TESTED:8080/middle"
	run_ab peer -k -n 2000 -c 16 "http://$TESTED:8080/one"
}

nginx_one_worker() {
	ask_nginx 1
}

nginx_two_workers() {
	ask_nginx 2
}

ab_client() {
	serve_nginx peer "$PEER" 8080 1
	run_ab under -n 400 -c 16 "http://$PEER:8080/middle"
	run_ab under -k -n 2000 -c 16 "http://$PEER:8080/one"
}

wrk_client() {
	serve_nginx peer "$PEER" 8080 1
	run under wrk -t 2 -c 32 -d 2 "http://$PEER:8080/middle" >"$dir/wrk" 2>&1
	grep -E 'Socket errors|Non-2xx|exit' "$dir/wrk"
	grep -qE '^ +[1-9][0-9]* requests' "$dir/wrk" && echo "requests were answered"
}
