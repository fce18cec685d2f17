#!/bin/sh
# Restore one holdfast set with nothing but gpg, zstd, tar, awk and coreutils.
#
#   restore-by-hand.sh [-n] [-m PATH=DIRECTORY]... STORE SOURCE SET TARGET
#
# STORE   a directory with the store's objects under their own keys (v1/...):
#         a copy of the bucket, or the objects/ folder of a directory store.
# SOURCE  whose backup; SET which one (ls STORE/v1/SOURCE/sets).
# TARGET  a directory that is empty or missing.
# -m      where a link with files below it (a tablespace) is to point:
#         -m pg_tblspc/16400=/srv/space. Needed for each such link.
# -n      do not check the host's signature (its public key is not at hand).
#         Parts and manifest are still compared with the descriptor, but nothing
#         proves that the descriptor is the host's.
#
# Extended attributes that the set keeps are set with setfattr. Where that is
# missing, or one is refused (security.* and trusted.* need root), each that was
# left is named, and the exit status is 3 although all else is restored.
#
# gpg must hold one of the set's private keys, and the host's public key unless
# -n is given. Everything is checked by SHA-256 before it is written. Running it
# again needs an empty target again. docs/format.md explains every step.
set -eu
umask 077
LC_ALL=C
export LC_ALL

fail() {
	echo "restore-by-hand: $*" >&2
	exit 1
}

verify=yes
maps=
newline='
'
while getopts nm: option; do
	case $option in
	n) verify=no ;;
	m) maps=$maps$OPTARG$newline ;;
	*) fail "see the head of $0" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 4 ] || fail "want STORE SOURCE SET TARGET; see the head of $0"
store=$1 source=$2 set=$3 target=$4
for tool in gpg zstd tar awk sha256sum dd truncate touch; do
	command -v "$tool" >/dev/null || fail "$tool is missing"
done
mkdir -p "$target"
[ -z "$(ls -A "$target")" ] || fail "$target is not empty"
work=$(mktemp -d "$target/.by-hand.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# 1. The descriptor: signed, in clear text, one JSON value a line.
document=$store/v1/$source/sets/$set/set.json
[ -f "$document" ] || fail "no descriptor $document: the set is not in this store"
if [ "$verify" = yes ]; then
	gpg --batch --quiet --output "$work/set" --decrypt "$document" 2>"$work/gpg" || {
		cat "$work/gpg" >&2
		fail "the descriptor's signature is not good; import the host's public key, or see -n"
	}
else
	awk '/^-----BEGIN PGP SIGNATURE/ { exit } body { print } /^$/ { body = 1 }' "$document" >"$work/set"
fi
grep -qx " \"set\": \"$set\"," "$work/set" || fail "the descriptor is of another set: replayed"
grep -qx " \"source\": \"$source\"," "$work/set" || fail "the descriptor is of another source: replayed"

# Each object is listed as: "object": KEY ... "sha256": DIGEST. The first is the
# manifest; the parts follow, numbered from 0.
awk -F'"' '
	$2 == "manifest" || $2 == "parts" { listing = 1 }
	listing && $2 == "object" { object = $4 }
	listing && $2 == "sha256" { print n++ - 1, $4, object }
' "$work/set" >"$work/objects"

# unseal N FILE: check object N by its digest, then decrypt and decompress it.
unseal() {
	# shellcheck disable=SC2046 # the line has exactly three words without blanks
	set -- "$2" $(awk -v n="$1" '$1 == n' "$work/objects")
	[ $# -eq 4 ] || fail "the descriptor names no such object"
	echo "$3  $store/$4" | sha256sum --check --status ||
		fail "$4 is damaged or missing in this store: fetch it from another one"
	# The digest is in the signed descriptor, so the manifest's own signature
	# need not be checked again.
	gpg --batch --quiet --skip-verify --decrypt "$store/$4" 2>"$work/gpg" >"$work/sealed" || {
		cat "$work/gpg" >&2
		fail "cannot decrypt $4: is one of the set's private keys here?"
	}
	zstd -dcq "$work/sealed" >"$1"
	rm -f "$work/sealed"
}

# 2. The manifest: JSON lines with fixed keys and no quotes inside strings, so
# that splitting at quotes gives the fields.
unseal -1 "$work/manifest"
tail -n 1 "$work/manifest" | grep -q '^{"record":"end",' || fail "the manifest is cut short"
grep '^{"record":"manifest"' "$work/manifest" | grep -q "\"set\":\"$set\"" || fail "the manifest is of another set: replayed"

# entries: TYPE MODE UID GID MTIME SIZE PATH TARGET      ("-" for no target)
# xattrs:  PATH NAME VALUE                               (base64; "-" for an empty one)
# slices:  PART SHA256 OFFSET MEMBER PATH                (names percent-encoded)
awk -F'"' -v entries="$work/entries" -v slices="$work/slices" -v xattrs="$work/xattrs" '
	function number(text) { gsub(/[^0-9-]/, "", text); return text }
	BEGIN { printf "" > entries; printf "" > slices; printf "" > xattrs }
	$4 == "entry" {
		path = $8
		gone = ($38 == "vanished")
		if (!gone) print $12, $16, number($19), number($21), $24, number($27), path, ($30 == "" ? "-" : $30) > entries
	}
	$4 == "xattr" && !gone { print path, $8, ($12 == "" ? "-" : $12) > xattrs }
	$4 == "slice" && !gone { print number($15), $12, number($7), $18, path > slices }
' "$work/manifest"

# decode NAME: set $decoded to the bytes a percent-encoded name stands for.
decode() {
	case $1 in
	*%*)
		decoded=$(printf '%s' "$1" | awk '
			function hex(c) { return index("0123456789ABCDEF", c) - 1 }
			{
				out = ""
				for (i = 1; i <= length($0); i++) {
					c = substr($0, i, 1)
					if (c == "%") {
						n = hex(substr($0, i + 1, 1)) * 16 + hex(substr($0, i + 2, 1))
						c = sprintf("\\0%03o", n)
						i += 2
					}
					out = out c
				}
				print out
			}')
		decoded=$(printf '%b.' "$decoded")
		decoded=${decoded%.}
		;;
	*) decoded=$1 ;;
	esac
}

# locate PATH: set $place to where an encoded path of the set goes on this disk.
locate() {
	decode "$1"
	place=$target/$decoded
	rest=$maps
	while [ -n "$rest" ]; do
		map=${rest%%"$newline"*}
		rest=${rest#*"$newline"}
		case $1 in
		"${map%%=*}"/*)
			decode "${1#"${map%%=*}"/}"
			place=${map#*=}/$decoded
			;;
		esac
	done
}

# mapped PATH: set $directory to what a link is mapped to, or to nothing.
mapped() {
	directory=
	rest=$maps
	while [ -n "$rest" ]; do
		map=${rest%%"$newline"*}
		rest=${rest#*"$newline"}
		[ "${map%%=*}" != "$1" ] || directory=${map#*=}
	done
}

# 3. Links with files below them must be mapped, so that nothing is written
# outside the target unasked.
awk '$1 == "symlink" { link[$7] = 1 }
	{ path = $7; while (match(path, /\/[^\/]*$/)) { path = substr(path, 1, RSTART - 1); if (path in link) print path } }
' "$work/entries" | sort -u >"$work/links"
while read -r link; do
	mapped "$link"
	[ -n "$directory" ] || fail "link $link has files below it: say where with -m $link=DIRECTORY"
	mkdir -p "$directory"
	[ -z "$(ls -A "$directory")" ] || fail "$directory is not empty"
done <"$work/links"

# 4. Directories, links, and files of the right size (parents come first).
while read -r type mode uid gid mtime size path link; do
	locate "$path"
	case $type in
	directory) mkdir -p "$place" ;;
	symlink)
		mapped "$path"
		decode "$link"
		ln -s "${directory:-$decoded}" "$place"
		;;
	file)
		mkdir -p "$(dirname "$place")"
		truncate -s "$size" "$place"
		;;
	esac
done <"$work/entries"

# 5. Content, part by part: each slice is a tar member, checked, then written at
# its offset.
for part in $(cut -d' ' -f1 "$work/slices" | sort -nu); do
	awk -v part="$part" '$1 == part' "$work/slices" >"$work/wanted"
	unseal "$part" "$work/tar"
	mkdir "$work/members"
	tar -x -f "$work/tar" -C "$work/members"
	awk '{ print $2 "  " $4 }' "$work/wanted" >"$work/sums"
	(cd "$work/members" && sha256sum --check --quiet --strict "$work/sums") ||
		fail "part $part does not hold what the manifest says"
	while read -r part_ sum offset member path; do
		locate "$path"
		dd if="$work/members/$member" of="$place" bs=1M oflag=seek_bytes seek="$offset" conv=notrunc status=none
	done <"$work/wanted"
	rm -rf "$work/members" "$work/tar"
done

# 6. Owners (as root), then extended attributes, as a new owner clears some, and as
# a mode may forbid setting them. An access control list is a mode, too: the entry's
# last attribute goes first, so that user.* are set before system.posix_acl_*.
if [ "$(id -u)" = 0 ]; then
	while read -r type mode uid gid mtime size path link; do
		locate "$path"
		[ "$uid" -lt 0 ] || chown -h "$uid:$gid" "$place"
	done <"$work/entries"
fi
setfattr=$(command -v setfattr || echo false)
tac "$work/xattrs" >"$work/attributes"
left=0
while read -r path name value; do
	locate "$path"
	decode "$name"
	case $value in
	-) value= ;; # setfattr takes 0s before nothing for bad, and exits with 0
	*) value=0s$value ;;
	esac
	"$setfattr" -h -n "$decoded" -v "$value" "$place" || {
		echo "left: extended attribute $name of $path" >&2
		left=$((left + 1))
	}
done <"$work/attributes"

# 7. Modes and times; directories last, deepest first.
finish() {
	while read -r type mode uid gid mtime size path link; do
		[ "$type" = symlink ] && continue
		locate "$path"
		chmod "$mode" "$place"
		touch -d "$mtime" "$place"
	done
}
grep -v '^directory ' "$work/entries" | finish
directories=$(awk '$1 == "directory" { line[n++] = $0 } END { while (n--) print line[n] }' "$work/entries")
rm -rf "$work"
trap - EXIT
printf '%s\n' "$directories" | finish
sync
echo "restored set $set of $source to $target"
[ "$left" = 0 ] || {
	echo "restore-by-hand: $left extended attributes were left, as named above: setfattr is missing (package attr) or was refused" >&2
	exit 3
}
