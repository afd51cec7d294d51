# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# remote.sh - Other machines' shells and files: ssh, rsync, FTP; sourced by programs_test

# ---- ssh ----------------------------------------------------------------------------------

serve_ssh() {	# SIDE ADDRESS
	mkdir -p "$dir/ssh" /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$dir/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/ssh/id"
	cat >"$dir/ssh/config" <<-CONF
	Port 8222
	ListenAddress $2
	HostKey $dir/ssh/host
	AuthorizedKeysFile $dir/ssh/id.pub
	StrictModes no
	PidFile none
	Subsystem sftp internal-sftp
	CONF
	serve "$1" /usr/sbin/sshd -D -e -f "$dir/ssh/config"
	until_listens "$2" 8222
}

use_ssh() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	local with=(-F none -i "$dir/ssh/id" -o StrictHostKeyChecking=no -o LogLevel=ERROR
		    -o UserKnownHostsFile=/dev/null)
	local login=("${with[@]}" -p 8222 "root@$2")
	serve_ssh "$1" "$2"
	run "$3" ssh "${login[@]}" 'echo hello; exit 3'
	run "$3" ssh "${login[@]}" sha256sum <"$work/files/big"
	echo "with a terminal:"
	run "$3" ssh -tt "${login[@]}" "tty | sed 's/[0-9]*\$//'" </dev/null
	run "$3" scp -q "${with[@]}" -P 8222 "$work/files/big" "root@$2:$dir/there"
	sum "$dir/there"
	run "$3" scp -q "${with[@]}" -P 8222 "root@$2:$work/files/middle" "$dir/here"
	sum "$dir/here"
	run "$3" rsync -a -e "ssh ${with[*]} -p 8222" "root@$2:$work/files/middle" "$dir/copy"
	sum "$dir/copy"
}

ssh_server() {
	use_ssh under "$TESTED" peer
	echo "a port forwarded:"
	serve_files peer "$PEER"
	serve peer ssh -N -F none -i "$dir/ssh/id" -o StrictHostKeyChecking=no -p 8222 \
		-o UserKnownHostsFile=/dev/null -L "8223:$PEER:8000" "root@$TESTED"
	until_listens 127.0.0.1 8223
	run peer curl -sS -o "$dir/forwarded" http://127.0.0.1:8223/big
	sum "$dir/forwarded"
}

ssh_client() {
	use_ssh peer "$PEER" under
}

# ---- rsync --------------------------------------------------------------------------------

use_rsync() {	# SERVING-SIDE ADDRESS ASKING-SIDE
	local at=rsync://$2:8730
	cat >"$dir/rsyncd.conf" <<-CONF
	use chroot = no
	uid = root
	gid = root
	[files]
	path = $work/files
	[taken]
	path = $dir/taken
	read only = no
	CONF
	mkdir "$dir/taken" "$dir/got"
	serve "$1" rsync --daemon --no-detach --config="$dir/rsyncd.conf" --address="$2" \
		--port=8730
	until_listens "$2" 8730
	run "$3" rsync "$at/"
	run "$3" rsync -a "$at/files/" "$dir/got/"
	sum "$dir"/got/*
	echo more >>"$dir/got/middle"
	run "$3" rsync -az --ignore-times "$at/files/" "$dir/got/"
	sum "$dir/got/middle"
	run "$3" rsync -a "$work/files/" "$at/taken/"
	sum "$dir"/taken/*
	run "$3" rsync "$at/not-there/" 2>&1
}

rsync_server() {
	use_rsync under "$TESTED" peer
}

rsync_client() {
	use_rsync peer "$PEER" under
}

# ---- FTP ----------------------------------------------------------------------------------

serve_ftp() {	# SIDE ADDRESS
	mkdir -p "$dir/ftp/in" "$dir/nothing"
	cp "$work/files"/* "$dir/ftp/"
	chmod 777 "$dir/ftp/in"
	cat >"$dir/vsftpd.conf" <<-CONF
	listen=YES
	listen_address=$2
	listen_port=8221
	background=NO
	seccomp_sandbox=NO
	anonymous_enable=YES
	no_anon_password=YES
	anon_root=$dir/ftp
	write_enable=YES
	anon_upload_enable=YES
	secure_chroot_dir=$dir/nothing
	CONF
	serve "$1" vsftpd "$dir/vsftpd.conf"
	until_listens "$2" 8221
}

vsftpd_server() {
	local url=ftp://$TESTED:8221 file
	serve_ftp under "$TESTED"
	for file in empty one middle big; do
		run peer curl -sS -o "$dir/$file" "$url/$file"
		sum "$dir/$file"
	done
	echo "the server connects:"
	run peer curl -sS -P - -o "$dir/active" "$url/big"
	sum "$dir/active"
	run peer curl -sS -T "$work/files/big" "$url/in/big"
	sum "$dir/ftp/in/big"
	run peer curl -sSl "$url/"
}

lftp_client() {
	local set='set net:max-retries 1; set cmd:fail-exit yes'
	serve_ftp peer "$PEER"
	run under lftp -c "$set; open $PEER:8221; mirror -P 3 / $dir/got; cd in;
		put $work/files/big"
	sum "$dir"/got/[beom]* "$dir/ftp/in/big"
	echo "the server connects:"
	run under lftp -c "$set; set ftp:passive-mode no; open $PEER:8221;
		get big -o $dir/active"
	sum "$dir/active"
	run under lftp -c "$set; open $PEER:9; ls" 2>&1
}
