# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# store.sh - What keeps something: redis, memcached, git; sourced by programs_test

# ---- redis --------------------------------------------------------------------------------

use_redis() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	local cli=(redis-cli -h "$2" -p 6380)
	serve "$1" redis-server --bind "$2" --port 6380 --save '' --dir "$dir" \
		--protected-mode no
	until_listens "$2" 6380
	run "$3" "${cli[@]}" ping
	run "$3" "${cli[@]}" set colour blue
	run "$3" "${cli[@]}" get colour
	head -c 5000000 "$work/files/big" | base64 -w 0 >"$dir/value"
	run "$3" "${cli[@]}" -x set large <"$dir/value"
	run "$3" "${cli[@]}" get large >"$dir/answer"
	head -n 1 "$dir/answer" | sha256sum
	printf 'incr n\n%.0s' $(seq 1000) >"$dir/commands"
	run "$3" "${cli[@]}" <"$dir/commands" | tail -n 2
	run "$3" redis-benchmark -h "$2" -p 6380 -q -n 5000 -c 20 -t ping,set,get,lrange \
		>"$dir/benchmark" 2>&1
	tr '\r' '\n' <"$dir/benchmark" | grep -c 'requests per second, p50'
	tail -n 1 "$dir/benchmark"
	run_quietly "$3" redis-benchmark -h "$2" -p 6380 -q -n 20000 -c 20 -P 16 -t set,get
	run "$3" "${cli[@]}" shutdown nosave
}

redis_server() {
	use_redis under "$TESTED" peer
}

redis_client() {
	use_redis peer "$PEER" under
}

# ---- memcached ----------------------------------------------------------------------------

use_memcached() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	serve "$1" memcached -u root -l "$2" -p 11212 -t 2
	until_listens "$2" 11212
	run "$3" "$python" "$here/cache.py" "$2" 11212
}

memcached_server() {
	use_memcached under "$TESTED" peer
}

memcached_client() {
	use_memcached peer "$PEER" under
}

# ---- git ------------------------------------------------------------------------------------

make_repository() {
	[ -d "$work/repository" ] && return
	git init -q -b main "$work/repository"
	cp "$work/files/middle" "$work/files/one" "$work/repository/"
	head -c 5000000 "$work/files/big" >"$work/repository/large"
	git -C "$work/repository" add .
	git -C "$work/repository" -c user.name=A -c user.email=a@b commit -q -m files
}

use_git() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	make_repository
	# What other users own is served as well: names are those of the namespace.
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
	serve "$1" git daemon --reuseaddr --listen="$2" --port=9418 --export-all \
		--base-path="$work" --enable=receive-pack
	until_listens "$2" 9418
	run "$3" git clone -q -b main "git://$2/repository" "$dir/clone"
	(cd "$dir/clone" && sha256sum -- *)
	echo more >"$dir/clone/more"
	git -C "$dir/clone" add more
	GIT_COMMITTER_DATE='@1000000000 +0000' git -C "$dir/clone" -c user.name=A -c user.email=a@b \
		commit -q -m more --date '@1000000000 +0000'
	run "$3" git -C "$dir/clone" push -q origin "HEAD:refs/heads/$side_name-$3"
	git -C "$work/repository" rev-parse "$side_name-$3^{tree}"
	run "$3" git ls-remote "git://$2/not-there" 2>&1 | tail -n 1
}

git_server() {
	use_git under "$TESTED" peer
}

git_client() {
	use_git peer "$PEER" under
}
