# Reads lists of mutations (tests/mutations/*.txt; CONTRIBUTING.md explains the format).
#   awk -v mode=list -f edit.awk LIST...               a line for each: name, file, tests, seconds, only, reason (tabs)
#   awk -v mode=check -f edit.awk LIST...              complains of names that come twice and edits that do not apply once
#   awk -v mode=apply -v want=NAME -f edit.awk LIST... prints the file of one mutation with its fault
# Run at the root of the repository. Exit code 1 after a complaint.

function complain(text) {
  print place[n] ": " text >"/dev/stderr"
  bad = 1
}

# The whole file, from the first time on from memory.
function contents(path,   line, text) {
  if (!(path in cache)) {
    text = ""
    while ((getline line <path) > 0) text = text line "\n"
    close(path)
    cache[path] = text
  }
  return cache[path]
}

# How often `part` is in `text`; overlaps do not count.
function count(text, part,   found, at) {
  for (found = 0; (at = index(text, part)) > 0; found++) text = substr(text, at + length(part))
  return found
}

function finish(   text, found, at) {
  if (name == "") return
  if (mode == "list") printf "%s\t%s\t%s\t%s\t%s\t%s\n", name, file, tests, seconds, only, reason
  if (mode == "check") {
    if (name in seen) complain(name " is the name of another mutation too")
    if (file == "" || tests == "" || !has_was) complain(name ": a mutation has a file, tests and a line with -")
    seen[name] = 1
    found = has_was ? count(contents(file), was) : 0
    if (found != 1) complain(name ": " file " has the text before the edit " found " times, not once")
    if (was == now) complain(name ": the edit changes nothing")
  }
  if (mode == "apply" && name == want) {
    text = contents(file)
    at = index(text, was)
    if (count(text, was) != 1) bad = 1
    else printf "%s%s%s", substr(text, 1, at - 1), now, substr(text, at + length(was))
  }
  name = ""
}

function rest(   text) {
  text = $0
  sub(/^[a-z]+ +/, "", text)
  return text
}

$1 == "name" {
  finish()
  name = $2
  file = tests = reason = was = now = ""
  seconds = 120
  only = "*"
  has_was = has_now = 0
  place[++n] = FILENAME ":" FNR
  next
}
/^file / { file = $2; next }
/^tests / { tests = rest(); next }
/^seconds / { seconds = $2; next }
/^only / { only = rest(); next }
/^equivalent / { reason = rest(); next }
/^- / { was = was (has_was ? "\n" : "") substr($0, 3); has_was = 1; next }
/^\+( |$)/ { now = now (has_now ? "\n" : "") substr($0, 3); has_now = 1; next }
/^(#|$)/ { next }
{
  print FILENAME ":" FNR ": a line begins with name, file, tests, only, seconds, equivalent, -, + or #" >"/dev/stderr"
  bad = 1
}
END {
  finish()
  exit bad
}
