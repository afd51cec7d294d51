# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# database.sh - PostgreSQL and MariaDB; sourced by programs_test

# ---- PostgreSQL ---------------------------------------------------------------------------

serve_postgres() {	# SIDE ADDRESS
	local as=(setpriv --reuid=postgres --regid=postgres --clear-groups) programs
	programs=$(compgen -G '/usr/lib/postgresql/*/bin' | tail -n 1)
	if [ ! -d "$work/postgres" ]; then
		mkdir "$work/postgres"
		chown postgres "$work/postgres"
		"${as[@]}" "$programs/initdb" -N -D "$work/postgres/data" -A trust \
			>"$dir/initdb" 2>&1
		echo "host all all all trust" >>"$work/postgres/data/pg_hba.conf"
	fi
	cp -a "$work/postgres" "$dir/"
	serve "$1" "${as[@]}" "$programs/postgres" -D "$dir/postgres/data" -c fsync=off \
		-c "listen_addresses=$2" -c "unix_socket_directories=$dir/postgres"
	until_listens "$2" 5432
	for _ in $(seq 100); do
		pg_isready -q -h "$2" -U postgres && break
		sleep 0.1
	done
}

# What is the same in every run of pgbench.
run_pgbench() {	# SIDE ADDRESS ARGUMENTS...
	run "$1" pgbench -h "$2" -U postgres "${@:3}" postgres >"$dir/bench" 2>&1
	grep -E 'actually processed|failed|^exit' "$dir/bench"
}

use_postgres() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	local ask=(psql -h "$2" -U postgres -At) asking
	serve_postgres "$1" "$2"
	run "$3" "${ask[@]}" -c 'select 1 + 1'
	run "$3" "${ask[@]}" -c "select repeat('abc', 10000000)" >"$dir/long"
	sum "$dir/long"
	run_quietly "$3" pgbench -h "$2" -U postgres -q -i -s 1 postgres
	run_pgbench "$3" "$2" -c 8 -j 2 -t 100
	echo "a connection for each transaction:"
	run_pgbench "$3" "$2" -C -c 4 -j 2 -t 20
	run "$3" "${ask[@]}" -c "\\copy pgbench_accounts to $dir/copy"
	wc -l <"$dir/copy"
	echo "who waits is thrown out:"
	run "$3" "${ask[@]}" -c 'select pg_sleep(20)' >"$dir/thrown" 2>&1 &
	asking=$!
	for _ in $(seq 100); do
		[ "$(psql -h "$2" -U postgres -At -c "select
			count(pg_terminate_backend(pid)) from pg_stat_activity
			where query = 'select pg_sleep(20)'")" = 1 ] && break
		sleep 0.1
	done
	wait "$asking"
	cat "$dir/thrown"
}

postgres_server() {
	use_postgres under "$TESTED" peer
}

postgres_client() {
	use_postgres peer "$PEER" under
}

# ---- MariaDB ------------------------------------------------------------------------------

serve_mariadb() {	# SIDE ADDRESS
	[ -d "$work/mariadb" ] ||
		mariadb-install-db --no-defaults --user=root --datadir="$work/mariadb" \
			--skip-test-db --auth-root-authentication-method=normal \
			>"$dir/install" 2>&1
	cp -a "$work/mariadb" "$dir/data"
	serve "$1" mariadbd --no-defaults --user=root --datadir="$dir/data" \
		--bind-address="$2" --port=3307 --socket="$dir/socket" --skip-name-resolve \
		--innodb-flush-log-at-trx-commit=0
	until_listens "$2" 3307
	mariadb --no-defaults -S "$dir/socket" -u root \
		-e "create user somebody; grant all on *.* to somebody"
}

use_mariadb() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	local at=(--no-defaults -h "$2" -P 3307 -u somebody) asking id
	serve_mariadb "$1" "$2"
	run "$3" mariadb "${at[@]}" -N -e 'select 1 + 1'
	run "$3" mariadb "${at[@]}" -N -e "select repeat('abc', 4000000)" >"$dir/long"
	sum "$dir/long"
	run_quietly "$3" mariadb-slap "${at[@]}" -a -c 8 --number-of-queries=800
	echo "who waits is thrown out:"
	run "$3" mariadb "${at[@]}" -N -e 'select sleep(20)' >"$dir/thrown" 2>&1 &
	asking=$!
	for _ in $(seq 100); do
		id=$(mariadb --no-defaults -S "$dir/socket" -u root -N -e "select id from
			information_schema.processlist where info = 'select sleep(20)'")
		[ -n "$id" ] && break
		sleep 0.1
	done
	mariadb --no-defaults -S "$dir/socket" -u root -e "kill $id"
	wait "$asking"
	sed 's/ at line 1//' "$dir/thrown"
}

mariadb_server() {
	use_mariadb under "$TESTED" peer
}

mariadb_client() {
	use_mariadb peer "$PEER" under
}
