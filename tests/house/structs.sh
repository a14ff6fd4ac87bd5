#!/bin/sh
# No struct of src/ has more than 25 members, and no two structs have one name. The members of a struct that is defined inside
# another one count as members of the outer one too, and `int a, b;` is two members. Usage: structs.sh ROOT, or
# structs.sh --list ROOT, which prints all structs, the largest first.
set -eu
most=25
list=no
if [ "$1" = --list ]; then
  list=yes
  shift
fi
cd "$1"

# Each file becomes a line per token: comments, strings and lines of the preprocessor are left out.
tokens() {
  awk '
    { text = text $0 "\n" }
    END {
      n = split(text, line, "\n")
      number = 0
      comment = 0
      continued = 0
      for (l = 1; l <= n; l++) {
        s = line[l]
        if (!comment && (continued || s ~ /^[ \t]*#/)) {
          continued = s ~ /\\$/
          if (s !~ /\/\*/ || s ~ /\*\//) continue
          comment = 1
          continue
        }
        while (s != "") {
          if (comment) {
            end = index(s, "*/")
            if (end == 0) { s = ""; break }
            s = substr(s, end + 2)
            comment = 0
          } else if (match(s, /^[ \t]+/)) s = substr(s, RLENGTH + 1)
          else if (substr(s, 1, 2) == "/*") { comment = 1; s = substr(s, 3) }
          else if (substr(s, 1, 2) == "//") s = ""
          else if (match(s, /^"([^"\\]|\\.)*"/) || match(s, /^\047([^\047\\]|\\.)*\047/)) s = substr(s, RLENGTH + 1)
          else if (match(s, /^[A-Za-z_0-9]+/)) { print l, substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1) }
          else { print l, substr(s, 1, 1); s = substr(s, 2) }
        }
      }
    }' "$1"
}

# Reads tokens; prints "members file:line name" for each outermost struct or union.
structs() {
  awk -v file="$1" '
    # A brace opens a struct if "struct" or "union", with or without a name, is before it.
    { token = $2 }
    token == "{" {
      depth++
      opens = last == "struct" || last == "union" || before == "struct" || before == "union"
      kind[depth] = opens ? "struct" : "other"
      name[depth] = opens && last != "struct" && last != "union" ? last : ""
      if (opens) { members[depth] = 0; parts[depth] = 0; line[depth] = $1; parens[depth] = 0; nested[depth] = 0 }
    }
    token == "(" || token == "[" { parens[depth]++ }
    token == ")" || token == "]" { parens[depth]-- }
    kind[depth] == "struct" && parens[depth] == 0 && token == "," { parts[depth]++ }
    kind[depth] == "struct" && token == ";" {
      # An inner struct is a member for each name behind it, and its members count as well.
      if (nested[depth]) members[depth] += parts[depth] + (last != "}")
      else members[depth] += parts[depth] + 1
      parts[depth] = 0
      nested[depth] = 0
    }
    token == "}" {
      if (kind[depth] == "struct" && kind[depth - 1] == "struct") {
        members[depth - 1] += members[depth]
        nested[depth - 1] = 1
      } else if (kind[depth] == "struct") {
        closed = 1
        tag = name[depth]
        count = members[depth]
        at = line[depth]
      }
      depth--
    }
    # The name of a typedef is behind the brace.
    closed && token == ";" {
      print count, file ":" at, (before == "}" || tag == "" ? last : tag)
      closed = 0
    }
    { before = last; last = token }'
}

all=$(mktemp)
trap 'rm -f "$all"' EXIT
for file in $(find src include -name '*.[ch]' | sort); do
  tokens "$file" | structs "$file"
done | sort -k1,1nr -k2 >"$all"
[ "$(wc -l <"$all")" -gt 100 ] || { echo "found only $(wc -l <"$all") structs below src" >&2; exit 1; }

if [ $list = yes ]; then
  cat "$all"
  exit 0
fi
awk -v most=$most '
  $1 > most { print $2 ": " $3 " has " $1 " members, more than " most; wrong = 1 }
  # A struct without a name is that of a table. A copy for each branch of an #if is one type.
  $3 !~ /^[a-z]/ { next }
  { split($2, place, ":"); file = place[1] }
  $3 in of && of[$3] != file { print $2 ": " $3 " is another type in " of[$3]; wrong = 1 }
  { of[$3] = file }
  END { exit wrong }' "$all" >&2
