# Prints what of the program's tables no golden run uses: a line for each name of a setting's list, each kind of layer and
# each setting that is nowhere other than its default, unless exceptions.txt names it.
#   awk -f names.awk exceptions.txt REFERENCE.md CONFIG...
# CONFIG: the complete settings that runs keep, or, for a run that this CPU cannot do, the golden file itself.
FNR == 1 { file++ }

# `key name  why`, `key *  why` for whether a setting is used at all; a key may end in *.
file == 1 { if (!/^#/ && NF) { exceptions++; key_of[exceptions] = $1; name_of[exceptions] = $2; line_of[exceptions] = $0; } next }

# ---- the reference: wanted[key name] ----

file == 2 && /^## / { part = $0; section = substr($0, 4); if (section == "top level") section = "" }
file == 2 && /^### / { table = substr($0, 5) }
file == 2 && /^### / && part == "## kinds of layers" { section = substr($0, 5); wanted["layer " section] = 1 }
file == 2 && /^\| `/ && part != "## names" {
  gsub(/\\/, "")
  split($0, cell, " *[|] *")
  key = cell[2]
  gsub("`", "", key)
  # all kinds of layers with a function, and all with initial weights, are one table each
  if (part == "## kinds of layers") key = section == "activation" || (section == "tied" && key == "activation") ? "dense.activation" : section "." key
  list = cell[3]
  sub(/, or /, ", ", list)
  n = split(list, name, ", ")
  for (i = 1; i <= n && name[i] ~ /^[a-z_0-9]+$/; i++) {}
  if (i > n && n > 1)
    for (i = 1; i <= n; i++) { if (name[i] != "auto") wanted[key " " name[i]] = 1 }
  else if (cell[4] != "required") {
    gsub("`", "", cell[4])
    wanted[key " *"] = 1
    usual[key] = cell[4]
  }
  next
}
# tables of names that no list of a setting has, such as the words that may stand in the place of numbers
file == 2 && /^\| `/ && table ~ /[.]/ { gsub(/[`\\]/, ""); wanted[table " " $2] = 1 }
file == 2 { next }

# ---- settings: used[key name] ----

function use(key, name) {
  used[key " " name] = 1
  if (key in usual && name != usual[key] && !(name + 0 == usual[key] + 0 && name ~ /^[-+.0-9e]+$/ && usual[key] ~ /^[-+.0-9e]+$/))
    used[key " *"] = 1
}

# The pairs of `{a: b, c: [d, e], f: {g: h}}`, with `prefix` ahead of a and c. What lies deeper is not looked into, but for
# names of scalings of columns.
function pairs(text, prefix,   i, c, depth, start, item) {
  sub(/^[{]/, "", text)
  sub(/[}]$/, "", text)
  text = text ","
  depth = 0
  start = 1
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c ~ /[[{]/) depth++
    else if (c ~ /[]}]/) depth--
    else if (c == "," && depth == 0) {
      item = substr(text, start, i - start)
      sub(/^ */, "", item)
      start = i + 1
      if (match(item, /^[a-z_0-9]+: /)) use(prefix substr(item, 1, RLENGTH - 2), substr(item, RLENGTH + 1))
    }
  }
}

FNR == 1 { top = "" }
{ sub(/ +#.*/, "") }
/^[a-z_0-9]+:/ { top = $1; sub(/:.*/, "", top) }
top == "model" && /^ +embeddings: [{]/ { rest = $0; sub(/^ +embeddings: +/, "", rest); pairs(rest, "model.embeddings."); next }
top == "model" {
  rest = $0
  while (match(rest, /[a-z_0-9]+: [{][^{}]*[}]/)) {
    item = substr(rest, RSTART, RLENGTH)
    rest = substr(rest, RSTART + RLENGTH)
    kind = item
    sub(/:.*/, "", kind)
    used["layer " kind] = 1
    sub(/^[^{]*/, "", item)
    if (kind == "activation") { gsub(/[{}]/, "", item); sub("name:", "activation:", item); kind = "dense"; }
    pairs(item, kind ".")
  }
  if (match($0, /(residual|branches):/)) used["layer " substr($0, RSTART, RLENGTH - 1)] = 1
  next
}
/^[a-z_0-9]+: +[^ {[]/ { use(top, $2); next }
/^[a-z_0-9]+: +[{]/ { rest = $0; sub(/^[a-z_0-9]+: +/, "", rest); pairs(rest, top "."); next }
/^(- |  )[a-z_0-9]+: / || /^- [{]/ {
  rest = substr($0, 3)
  if (rest ~ /^[{]/) { pairs(rest, top "."); next }
  key = rest
  sub(/:.*/, "", key)
  sub(/^[a-z_0-9]+: */, "", rest)
  if (rest ~ /^[{]/) pairs(rest, top "." key ".")
  else use(top "." key, rest)
  if (key == "scaling" && rest ~ /columns: [{][^}]/)
    while (match(rest, /[a-z0-9-]+: [{]name: [a-z_]+/)) {
      item = substr(rest, RSTART, RLENGTH)
      sub(/.* /, "", item)
      use("data.scaling.name", item)
      rest = substr(rest, RSTART + RLENGTH)
    }
}

END {
  help = ": use it in a file of tests/golden and make the checksums again (golden.sh --update), or excuse it in exceptions.txt"
  for (item in wanted) {
    split(item, word, " ")
    excused = 0
    for (i = 1; i <= exceptions; i++) {
      key = key_of[i]
      same = key == word[1] || key ~ /[*]$/ && index(word[1], substr(key, 1, length(key) - 1)) == 1
      if (same && (name_of[i] == word[2] || name_of[i] == "any")) { excused = 1; needed[i] = needed[i] || !(item in used); }
    }
    if (!(item in used) && !excused)
      print word[2] == "*" ? "no golden run has another " word[1] " than the default" help : "no golden run uses " word[1] " " word[2] help
  }
  for (i = 1; i <= exceptions; i++)
    if (!needed[i]) print "exceptions.txt has a line that excuses nothing: " line_of[i]
}
