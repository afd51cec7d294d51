# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# proxy.sh - Servers that are clients as well: haproxy, apache; sourced by programs_test

# ---- haproxy ------------------------------------------------------------------------------

# By HTTP from 8100, by splice(2) from 8101; behind 8102 is nobody.
write_haproxy() {
	cat >"$dir/haproxy.cfg" <<-CONF
	global
		nbthread 2
	defaults
		timeout connect 5s
		timeout client 20s
		timeout server 20s
	listen http
		mode http
		bind $TESTED:8100
		balance roundrobin
		option httpchk GET /one
		server a $PEER:8080 check inter 500
		server b $PEER:8080 check inter 500
	listen bytes
		mode tcp
		bind $TESTED:8101
		option splice-request
		option splice-response
		server a $PEER:8080
	listen nobody
		mode http
		bind $TESTED:8102
		server a $PEER:9
	CONF
}

haproxy_proxy() {
	serve_nginx peer "$PEER" 8080 1
	write_haproxy
	serve under haproxy -db -f "$dir/haproxy.cfg"
	until_listens "$TESTED" 8101
	until_listens "$TESTED" 8100
	fetch_by_curl peer "$TESTED" 8100
	fetch_by_curl peer "$TESTED" 8101
	run peer curl -sS -o /dev/null -w '%{http_code}\n' "http://$TESTED:8102/one"
	run_ab peer -n 400 -c 16 "http://$TESTED:8100/middle"
	run_ab peer -k -n 2000 -c 16 "http://$TESTED:8100/one"
	run_ab peer -n 400 -c 16 "http://$TESTED:8101/middle"
}

# Another worker takes the listeners over while somebody asks all the time.
haproxy_reload() {
	local asking
	serve_nginx peer "$PEER" 8080 1
	write_haproxy
	serve under haproxy -W -db -f "$dir/haproxy.cfg" -p "$dir/pid"
	until_listens "$TESTED" 8100
	run_ab peer -n 3000 -c 8 "http://$TESTED:8100/one" >"$dir/meanwhile" &
	asking=$!
	sleep 0.3
	kill -USR2 "$(head -n 1 "$dir/pid")"
	wait "$asking"
	cat "$dir/meanwhile"
	run_ab peer -n 400 -c 16 "http://$TESTED:8100/middle"
}

# ---- apache -----------------------------------------------------------------------------

serve_apache() {	# MPM
	local modules=/usr/lib/apache2/modules
	mkdir -p "$dir/apache/cgi"
	printf '#!/bin/sh\necho "Content-Type: text/plain"; echo; exec cat\n' \
		>"$dir/apache/cgi/echo"
	chmod 755 "$dir/apache/cgi/echo"
	cat >"$dir/apache.conf" <<-CONF
	ServerRoot $dir/apache
	ServerName tested
	PidFile pid
	Mutex file:$dir/apache
	Listen $TESTED:8110
	LoadModule mpm_$1_module $modules/mod_mpm_$1.so
	LoadModule authz_core_module $modules/mod_authz_core.so
	LoadModule alias_module $modules/mod_alias.so
	LoadModule cgi_module $modules/mod_cgi.so
	LoadModule proxy_module $modules/mod_proxy.so
	LoadModule proxy_http_module $modules/mod_proxy_http.so
	StartServers 4
	<IfModule mpm_prefork_module>
		StartServers 16
	</IfModule>
	User www-data
	Group www-data
	ErrorLog $dir/apache/log
	DocumentRoot $work/files
	EnableSendfile on
	MaxKeepAliveRequests 0
	ProxyPass /proxy http://$PEER:8080
	ScriptAlias /cgi/ $dir/apache/cgi/
	<Directory />
		Require all granted
	</Directory>
	CONF
	serve under apache2 -f "$dir/apache.conf" -DFOREGROUND
	until_listens "$TESTED" 8110
}

ask_apache() {	# MPM
	serve_nginx peer "$PEER" 8080 1
	serve_apache "$1"
	fetch_by_curl peer "$TESTED" 8110
	echo "from behind it:"
	run peer curl -sS -o "$dir/proxied" "http://$TESTED:8110/proxy/big"
	sum "$dir/proxied"
	echo "a program's:"
	run peer curl -sS -d hello "http://$TESTED:8110/cgi/echo"
	run_ab peer -n 400 -c 8 "http://$TESTED:8110/middle"
	run_ab peer -k -n 2000 -c 8 "http://$TESTED:8110/one"
}

apache_event() {
	ask_apache event
}

apache_prefork() {
	ask_apache prefork
}
