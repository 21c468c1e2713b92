#!/bin/bash
# Installs the reference, HAProxy 3.2, beside the machine's own packages, into
# the ignored folder e2e/oracle/haproxy (or the folder given as argument).
#
# The packages come from Debian's archive by way of the mirror that this
# machine's apt configuration names, from the first of forky and sid whose
# haproxy is 3.2.*. They are verified by apt as always, unpacked with dpkg -x
# and never installed: apt gets a state of its own, the machine's is not touched.
#
# The binary's interpreter and rpath are set instead of wrapping it in a script,
# because the master process (-W) re-executes itself by its own path.
set -euo pipefail

readonly want='3.2.*'
readonly suites='forky sid'
# Beside these, every library that haproxy's package names as a dependency and
# what those need in turn: builds of other days link to more of them.
readonly packages='haproxy haproxy-doc libc6 libssl3t64 libcrypt1 liblua5.4-0
	libpcre2-8-0 libcap2 zlib1g libzstd1 libgcc-s1 libjemalloc2'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
dest=${1:-$here/haproxy}
mkdir -p "$dest"
dest=$(cd "$dest" && pwd -P)
stamp=$dest/.installed

fail() { echo "install.sh: $*" >&2; exit 1; }

# The stamp holds the folder too: interpreter and rpath are absolute.
current() {
	[ -s "$stamp" ] && [ "$(sed -n 1p "$stamp")" = "$dest" ] &&
		"$dest/usr/sbin/haproxy" -v 2>/dev/null | grep '^HAProxy version 3\.2\.' >/dev/null
}

if current; then
	echo "haproxy $(sed -n 2p "$stamp") is installed in $dest"
	exit 0
fi
missing=
for tool in apt-get apt-cache dpkg patchelf flock; do
	command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ -z "$missing" ] || fail "needs${missing}; on Debian: make deps (as root)"

exec 9>"$dest/.lock"
flock 9
if current; then exit 0; fi # another run has done it meanwhile

# mirror prints the address of this machine's Debian archive (not security, not
# updates): the entry whose suite is a plain word.
mirror() {
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' \
		'Created-By: Packages' 'Component: main' |
		awk '$2 !~ /[-\/]/ && $1 ~ /debian\/?$/ { print $1; exit }'
}

apt=$dest/.apt
# private SUITE KEYRING: points apt at a state of its own with that suite alone.
private() {
	mkdir -p "$apt/$1/lists/partial" "$apt/$1/archives/partial" "$apt/empty"
	: >"$apt/status"
	cat >"$apt/$1/sources.list" <<-LIST
		deb [target=Packages signed-by=$2] $uri $1 main
	LIST
	cat >"$apt/$1/apt.conf" <<-CONF
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
		Dir::State "$apt/$1/";
		Dir::State::lists "$apt/$1/lists/";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/$1/";
		Dir::Cache::archives "$apt/$1/archives/";
		Dir::Etc::sourcelist "$apt/$1/sources.list";
		Dir::Etc::sourceparts "$apt/empty";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "$apt/empty";
		APT::Sandbox::User "root";
		APT::Update::Error-Mode "any";
		Acquire::Retries "3";
		Acquire::Languages "none";
	CONF
}

# newer_keyring fetches debian-archive-keyring as the machine's own suite has it
# now (verified with the keys the machine already trusts) without installing it:
# the stable updates carry the next suites' keys before they are used.
newer_keyring() {
	(cd "$apt" && rm -f debian-archive-keyring_*.deb &&
		apt-get -qq -o APT::Sandbox::User=root download debian-archive-keyring >&2 &&
		dpkg -x debian-archive-keyring_*.deb keyring) || return 1
	echo "$apt/keyring/usr/share/keyrings/debian-archive-keyring.gpg"
}

candidate() { # candidate SUITE PACKAGE
	apt-cache -c "$apt/$1/apt.conf" policy "$2" | awk '$1 == "Candidate:" { print $2 }'
}

# libraries SUITE PACKAGE...: the library packages those depend on, directly or not.
libraries() {
	local s=$1 direct
	shift
	depends() {
		apt-cache -c "$apt/$s/apt.conf" depends "$@" --no-recommends --no-suggests \
			--no-conflicts --no-breaks --no-replaces --no-enhances
	}
	direct=$(depends "$@" | awk '$1 == "Depends:" && $2 ~ /^z?lib/ { print $2 }')
	# shellcheck disable=SC2086 # words of a list
	depends $direct --recurse | grep -E '^z?lib' | grep -v '^libc-gconv' | sort -u
}

update() { apt-get -qq -c "$apt/$1/apt.conf" update; }

uri=$(mirror)
[ -n "$uri" ] || fail "this machine's apt configuration names no Debian archive (apt-get indextargets)"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail "no $keyring; install debian-archive-keyring"

suite= version= seen=
for s in $suites; do
	private "$s" "$keyring"
	if ! update "$s"; then
		echo "install.sh: $s cannot be read with this machine's keys, trying a newer keyring" >&2
		keyring=$(newer_keyring) || fail "no newer debian-archive-keyring to verify $s with"
		private "$s" "$keyring"
		update "$s" || fail "cannot read or verify the index of $s"
	fi
	v=$(candidate "$s" haproxy)
	seen="$seen $s has ${v:-none};"
	# shellcheck disable=SC2254 # the pattern is meant as a pattern
	case $v in $want) suite=$s version=$v; break ;; esac
done
[ -n "$suite" ] || fail "no suite has haproxy $want:$seen"

list="$packages $(libraries "$suite" haproxy)"
echo "haproxy $version from $suite"
root=$apt/root
rm -rf "$root" "$apt/debs"
mkdir -p "$root" "$apt/debs"
# apt-get download checks each file against the signed index's SHA256.
# shellcheck disable=SC2086 # words of a list
(cd "$apt/debs" && apt-get -qq -c "$apt/$suite/apt.conf" download $(printf '%s\n' $list | sort -u))
for deb in "$apt"/debs/*.deb; do
	dpkg -x "$deb" "$root"
done
find "$root/usr/share/doc/haproxy" "$root/usr/share/doc/haproxy-doc" -name '*.gz' \
	-exec gunzip -f {} + 2>/dev/null || true

rm -rf "$dest/usr" "$dest/lib" "$dest/lib64" "$dest/etc" "$stamp"
for d in usr lib lib64 etc; do
	if [ -e "$root/$d" ]; then mv "$root/$d" "$dest/$d"; fi
done
libdir=$(dirname "$(find "$dest" -name libc.so.6 -print -quit)")
interp=$(find "$dest" -name 'ld-linux*.so.*' -print -quit)
[ -n "$interp" ] || fail "libc6 of $suite holds no dynamic linker"
rpath=$(find "$dest" -name 'lib*.so.*' -printf '%h\n' | sort -u | paste -sd:)
for bin in usr/sbin/haproxy usr/sbin/halog; do
	# An rpath, not a runpath: the libraries' own libraries come from here too.
	patchelf --set-interpreter "$interp" --force-rpath --set-rpath "$rpath" "$dest/$bin"
done
printf '%s\n%s\n%s\n' "$dest" "$version" "$libdir" >"$stamp"
rm -rf "$apt"
current || { rm -f "$stamp"; "$dest/usr/sbin/haproxy" -v || true; fail "the unpacked haproxy does not run"; }
echo "haproxy $version is installed in $dest"
