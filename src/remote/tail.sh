# Follows one file and frames what it sends. Read from standard input after lines that set
#   f  the path        n  a random word that ends each run of bytes
#   m  begin, last or at: where to start; o  for last how many bytes before the end, for at the offset; i  for at the identity
# Lines: I identity size start | W why (waiting) | T why (what follows is another file's beginning) | D offset, bytes, word status
#        C (all sent that was there) | . (still here)
# Bytes come from descriptor 3 by commands that read to the end and no further, so its position is exactly what was sent.
qdeck_tail() {
	LC_ALL=C
	export LC_ALL
	exec 4<&0 5>&1 </dev/null
	# Nobody listens any more when standard input ends.
	{ cat <&4; kill $$; } >/dev/null 2>&1 5>&- &
	exec 4<&-
	printf '%s\n' "$n"
	exec 2>/dev/null

	if stat -Lc %i /; then
		look() { stat -Lc '%d:%i:%W %s' -- "$f"; }
	else
		look() { stat -Lf '%d:%i:%B %z' -- "$f"; }
	fi >/dev/null
	exact=
	if [ -r /proc/self/fdinfo/0 ]; then exact=1; fi
	tiny=0.1 small=0.3 tick=1
	sleep 0.01 || tiny=1 small=1 tick=10

	where() {
		while read -r key value; do
			if [ "$key" = pos: ]; then
				p=$value
				return
			fi
		done </proc/self/fdinfo/3
	}
	send() {
		printf 'D %s\n' "${exact:+$p}"
		e=$("$@" <&3 2>&1 >&5)
		r=$?
		printf '%s %s\n' "$n" "$r"
		p=$seen
		[ -z "$exact" ] || where
	}
	wait_for() {
		[ "$said" = "$1" ] || printf 'W %s\n' "$1"
		said=$1
	}

	open= said= idle=0 beat=0
	while :; do
		# Opening it makes a network file system look again. Never a pipe or a device: that could block.
		readable=
		if [ -f "$f" ] && { true <"$f"; }; then readable=1; fi
		set -- $(look)
		seen=$2
		r=0
		if [ "$open" ]; then
			[ -z "$exact" ] || where
			if [ "$1" = "$i" ]; then
				if [ "$2" -lt "$p" ]; then
					printf 'T truncated\n'
					exec 3<&-
					open=
					continue
				elif [ "$2" -gt "$p" ]; then
					send cat
					idle=0
				fi
			else
				# What the old file was still given.
				send cat
				if [ "$readable" ]; then
					printf 'T replaced\n'
					exec 3<&-
					open=
					continue
				fi
				wait_for 'the file is gone'
			fi
		elif [ "$readable" ] && [ "$1" ]; then
			a=$1
			exec 3<"$f"
			set -- $(look)
			seen=$2
			if [ "$1" != "$a" ]; then
				exec 3<&-
				continue
			fi
			s=0
			case $m in
			at)
				if [ "$1" != "$i" ]; then
					printf 'T replaced\n'
				elif [ "$2" -lt "$o" ]; then
					printf 'T truncated\n'
				else
					s=$o
				fi
				;;
			last)
				if [ "$2" -gt "$o" ]; then
					s=$(($2 - o))
					# From the byte before, so that a line that begins right here stays whole.
					l=$(tail -c "+$s" <"$f" | head -n 1 | wc -c)
					l=$((s - 1 + $l))
					if [ "$l" -lt "$2" ]; then s=$l; fi
				fi
				;;
			esac
			i=$1 m=begin open=1 said= idle=0 p=$s
			printf 'I %s %s %s\n' "$i" "$2" "$s"
			if [ "$s" -gt 0 ]; then send tail -c "+$((s + 1))"; else send cat; fi
			[ "$r" != 0 ] || printf 'C\n'
		elif [ -d "$f" ]; then
			wait_for 'this is a folder'
		elif [ -f "$f" ]; then
			wait_for 'permission denied'
		elif [ -e "$f" ]; then
			wait_for 'this is not a regular file'
		else
			wait_for 'the file does not exist yet'
		fi
		if [ "$r" != 0 ]; then
			wait_for "reading failed: $(printf '%s' "$e" | head -n 1)"
			exec 3<&-
			open= m=at o=$p idle=40
		fi
		if [ "$idle" -lt 20 ]; then
			sleep $tiny
			beat=$((beat + tick))
		elif [ "$idle" -lt 40 ]; then
			sleep $small
			beat=$((beat + 3))
		else
			sleep 1
			beat=$((beat + 10))
		fi
		idle=$((idle + 1))
		if [ "$beat" -ge 100 ]; then
			beat=0
			printf '.\n'
		fi
	done
}
qdeck_tail
