# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# language.sh - What comes with Node, PHP and Ruby; sourced by programs_test

# ---- Node ---------------------------------------------------------------------------------

serve_node() {	# HOW
	serve under node "$here/node.js" serve "$TESTED" 8140 "$work/files" "$1"
	until_listens "$TESTED" 8140
}

ask_node() {
	fetch_by_curl peer "$TESTED" 8140
	run_ab peer -n 400 -c 16 "http://$TESTED:8140/middle"
	run_ab peer -k -n 2000 -c 16 "http://$TESTED:8140/one"
}

node_server() {
	serve_node alone
	ask_node
}

# One process accepts, and gives the connections to others.
node_cluster() {
	serve_node cluster
	ask_node
}

node_client() {
	serve_files peer "$PEER"
	serve peer "$python" "$here/echo.py" serve "$PEER" 8002
	until_listens "$PEER" 8002
	run under node "$here/node.js" ask "$PEER"
}

# ---- PHP ----------------------------------------------------------------------------------

php_server() {
	mkdir "$dir/www"
	cp "$work/files"/* "$dir/www/"
	echo '<?php echo strlen(file_get_contents("php://input")), "\n";' >"$dir/www/count.php"
	PHP_CLI_SERVER_WORKERS=3 serve under php -S "$TESTED:8130" -t "$dir/www"
	until_listens "$TESTED" 8130
	fetch_by_curl peer "$TESTED" 8130
	run peer curl -sS --data-binary "@$work/files/big" "http://$TESTED:8130/count.php"
	run_ab peer -n 400 -c 16 "http://$TESTED:8130/middle"
}

php_client() {
	serve_files peer "$PEER"
	run under php "$here/ask.php" "$PEER"
}

# ---- Ruby ---------------------------------------------------------------------------------

ruby_server() {
	serve under ruby "$here/serve.rb" "$TESTED" 8170 "$work/files"
	until_listens "$TESTED" 8170
	fetch_by_curl peer "$TESTED" 8170
	run_ab peer -n 200 -c 8 "http://$TESTED:8170/middle"
}

ruby_client() {
	serve_files peer "$PEER"
	run under ruby "$here/ask.rb" "$PEER"
}
