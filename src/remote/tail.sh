# Follows one file and frames what it sends. Read from standard input after lines that set
#   f  the path        n  a random word that ends each run of bytes
#   m  begin, last, at or cut: where to start; o  for last how many bytes before the end, for at and cut the offset;
#   i  for at and cut the identity. cut: the file was cut and written anew since, at that offset stands something else
# Lines: I identity size start | W why (waiting) | T why (what follows is another file's beginning) | . (still here)
#        C (all sent that was there)
#        D offset, bytes, word status: what the file holds from there. The first bytes may be some that were sent before:
#          who listens compares them, and so knows that this is still what it read.
#        R offset, bytes, word status: the same of the copy that a rotation made before it cut the file
qdeck_tail() {
	LC_ALL=C
	export LC_ALL
	exec 4<&0 5>&1 </dev/null
	# Nobody listens any more when standard input ends.
	{ cat <&4; kill $$; } >/dev/null 2>&1 5>&- &
	exec 4<&-
	printf '%s\n' "$n"
	exec 2>/dev/null

	# Linux tells how far a descriptor has been read, and opens the same file anew through it, wherever it was moved.
	exact=
	if [ -r /proc/self/fdinfo/0 ]; then exact=1; fi
	if [ "$exact" ] || stat -Lc %i / >/dev/null; then
		look() { stat -Lc '%d:%i:%W %s' -- "$1"; }
	else
		look() { stat -Lf '%d:%i:%B %z' -- "$1"; }
	fi
	tiny=0.1 small=0.3 tick=1

	where() {
		while read -r key value; do
			if [ "$key" = pos: ]; then
				[ "$value" -le "$p" ] || p=$value
				return
			fi
		done </proc/self/fdinfo/6
	}
	# So many bytes are sent once more.
	back() {
		b=$p
		[ -z "$exact" ] || b=$((p > again ? p - again : 0))
	}
	send() {
		back
		printf 'D %s\n' "$b"
		r=1 e=
		if [ "$exact" ]; then
			{
				if [ "$((seen - b))" -lt 1000000 ]; then
					e=$(tail -c "+$((b + 1))" <&6 2>&1 >&5)
				else
					# tail reads in small pieces.
					dd bs=1 skip="$b" count=0 <&6
					e=$(cat <&6 2>&1 >&5)
				fi
				r=$?
				where
			} 6</dev/fd/3
		else
			e=$(cat <&3 2>&1 >&5)
			r=$?
			p=$seen
		fi
		again=256
		printf '%s %s\n' "$n" "$r"
	}
	# What a rotation copied before it cut the file, and nobody has read yet.
	rescue() {
		for g in "$f".1 "$f"-[0-9]*; do
			[ -f "$g" ] && [ -r "$g" ] || continue
			set -- $(look "$g")
			[ "$2" -ge "$p" ] || continue
			back
			printf 'R %s\n' "$b"
			tail -c "+$((b + 1))" <"$g" >&5
			printf '%s %s\n' "$n" "$?"
		done
	}
	# The file with that identity under the name that a rotation gave it.
	moved() {
		for g in "$f".1 "$f"-[0-9]*; do
			[ -f "$g" ] && [ -r "$g" ] || continue
			set -- $(look "$g")
			if [ "$1" = "$i" ] && [ "$2" -ge "$o" ]; then
				exec 3<"$g"
				return 0
			fi
		done
		return 1
	}
	wait_for() {
		[ "$said" = "$1" ] || printf 'W %s\n' "$1"
		said=$1
	}

	open= said= idle=0 beat=0 again=0
	while :; do
		# Opening it makes a network file system look again. Never a pipe or a device: that could block.
		readable=
		if [ -f "$f" ] && { true <"$f"; }; then readable=1; fi
		set -- $(look "$f")
		seen=$2
		r=0
		if [ "$open" ]; then
			if [ "$1" = "$i" ]; then
				said=
				if [ "$2" -lt "$p" ]; then
					# A network file system may show an older size for a moment.
					sleep $small
					set -- $(look "$f")
				fi
				if [ "$1" != "$i" ]; then
					continue
				elif [ "$2" -lt "$p" ]; then
					[ -z "$exact" ] || rescue
					printf 'T truncated\n'
					exec 3<&-
					open=
					continue
				elif [ "$2" -gt "$p" ]; then
					send
					idle=0
				fi
			else
				new=$2
				# Its writer may not have gone over to the new file yet: as long as that is empty, lines still come to the old one.
				old=$((p + 1))
				if [ "$exact" ]; then
					set -- $(look /dev/fd/3)
					old=${2:-$old}
				fi
				if [ "$old" -gt "$p" ]; then send; fi
				if [ "$readable" ] && [ "$new" -gt 0 ]; then
					printf 'T replaced\n'
					exec 3<&-
					open=
					continue
				elif [ -z "$readable" ]; then
					wait_for 'the file is gone'
				fi
			fi
		elif [ "$readable" ] && [ "$1" ]; then
			a=$1
			exec 3<"$f"
			set -- $(look "$f")
			seen=$2
			if [ "$1" != "$a" ]; then
				exec 3<&-
				continue
			fi
			s=0 again=0
			case $m in
			at)
				if [ "$1" = "$i" ]; then
					if [ "$2" -lt "$o" ]; then
						printf 'T truncated\n'
					else
						s=$o again=256
					fi
				elif moved; then
					set -- "$i" "$o"
					s=$o again=256
				else
					printf 'T replaced\n'
				fi
				;;
			cut)
				p=$o again=256
				[ -z "$exact" ] || rescue
				printf 'T truncated\n'
				again=0
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
			if [ "$exact" ] || [ "$s" = 0 ]; then
				send
			else
				printf 'D %s\n' "$s"
				e=$(tail -c "+$((s + 1))" <&3 2>&1 >&5)
				r=$?
				p=$seen
				printf '%s %s\n' "$n" "$r"
			fi
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
			# Some can sleep whole seconds only.
			sleep $tiny || { tiny=1 small=1 tick=10 && sleep 1; }
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
