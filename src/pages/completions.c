/* Completion of command lines in bash, zsh and fish, from the tables that --help prints: commands, options,
 * settings and the words that they take. The tables become functions of the shell, and a few lines below them
 * choose. */
#include "pages/pages.h"

#include <stdio.h>
#include <string.h>

/* ---- the tables ---- */

/* Commands whose arguments may be SECTION.KEY=VALUE. */
static bool takes_settings(const page_command_t *command) {
  return strstr(command->argp->args_doc, "KEY=VALUE") != NULL;
}

/* The words that an option takes, separated by spaces: those of its table, or those of a list like
 * yes|no|auto. Upper case stands for something else, as in SEED|none. */
static void option_values(const page_command_t *command, const struct argp_option *option, char *out,
                          size_t size) {
  choice_list_t list = command->choices != NULL ? command->choices(option->key) : NULL;
  size_t used = 0;
  choice_t choice;
  out[0] = '\0';
  for (size_t i = 0; list != NULL && list(i, &choice); i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", choice.name);
  if (list != NULL || option->arg == NULL || strchr(option->arg, '|') == NULL) return;
  for (const char *word = option->arg; word != NULL;
       word = strchr(word, '|') == NULL ? NULL : strchr(word, '|') + 1)
    if (*word >= 'a' && *word <= 'z')
      used += (size_t)snprintf(out + used, size - used, "%s%.*s", used > 0 ? " " : "",
                               (int)strcspn(word, "|"), word);
}

/* The words that a setting takes, separated by spaces. */
static void setting_values(const setting_key_t *key, char *out, size_t size) {
  size_t used = 0;
  choice_t choice;
  out[0] = '\0';
  for (size_t i = 0; key->choices != NULL && key->choices(i, &choice); i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", choice.name);
  if (key->is_bool) used += (size_t)snprintf(out + used, size - used, "%strue false", used > 0 ? " " : "");
  if (key->or_auto) snprintf(out + used, size - used, "%sauto", used > 0 ? " " : "");
}

/* `optimizer=adam` is short for `optimizer.name=adam`: the length of the short path, or 0. */
static size_t short_length(const char *path) {
  size_t length = strlen(path), end = strlen(".name");
  return length > end && strcmp(path + length - end, ".name") == 0 ? length - end : 0;
}

/* Writes a text between single quotes up to its first sentence or clause, without quotes inside. */
static void put_brief(const char *text) {
  size_t length = strcspn(text, ";(");
  const char *stop = strstr(text, ". ");
  if (stop != NULL && (size_t)(stop - text) < length) length = (size_t)(stop - text);
  while (length > 0 && text[length - 1] == ' ') length--;
  putchar('\'');
  for (size_t i = 0; i < length; i++) putchar(text[i] == '\'' || text[i] == '\\' ? '"' : text[i]);
  putchar('\'');
}

/* ---- functions that bash and zsh share ---- */

static void put_options_of(const page_command_t *command) {
  for (const struct argp_option *o = command->argp->options; o != NULL && o->name != NULL; o++)
    printf("--%s%s ", o->name, o->arg != NULL && (o->flags & OPTION_ARG_OPTIONAL) == 0 ? "=" : "");
  fputs(takes_settings(command) ? "--help --help=" : "--help", stdout);
}

static void put_shell_tables(const page_tables_t *tables) {
  char values[1024];
  setting_key_t key;
  puts("_lockstep_options() { # of a command; = behind those with a value\n  case $1 in");
  for (size_t i = 0; i < tables->n; i++) {
    printf("    %s) echo '", tables->commands[i].name);
    put_options_of(&tables->commands[i]);
    puts("' ;;");
  }
  puts("  esac\n}\n_lockstep_takes_settings() { # whether a command does\n  case $1 in");
  for (size_t i = 0; i < tables->n; i++)
    if (takes_settings(&tables->commands[i])) printf("    %s) return 0 ;;\n", tables->commands[i].name);
  puts("    *) return 1 ;;\n  esac\n}\n_lockstep_settings() {\n  echo '\\");
  for (size_t i = 0; settings_key(i, tables->choices, &key); i++) {
    printf("%s= ", key.path);
    if (short_length(key.path) > 0) printf("%.*s= ", (int)short_length(key.path), key.path);
  }
  puts("'\n}\n_lockstep_keys() {\n  local all\n  all=$(_lockstep_settings)\n  echo \"${all//=/}\"\n}");
  puts("_lockstep_values() { # that a setting, or an option COMMAND--OPTION, may have\n  case $1 in\n"
       "    *--help) _lockstep_keys ;;");
  for (size_t i = 0; settings_key(i, tables->choices, &key); i++) {
    setting_values(&key, values, sizeof values);
    if (values[0] == '\0') continue;
    printf("    %s", key.path);
    if (short_length(key.path) > 0) printf(" | %.*s", (int)short_length(key.path), key.path);
    printf(") echo '%s' ;;\n", values);
  }
  for (size_t i = 0; i < tables->n; i++)
    for (const struct argp_option *o = tables->commands[i].argp->options; o != NULL && o->name != NULL; o++) {
      option_values(&tables->commands[i], o, values, sizeof values);
      if (values[0] != '\0') printf("    %s--%s) echo '%s' ;;\n", tables->commands[i].name, o->name, values);
    }
  fputs("  esac\n}\n_lockstep_commands='", stdout);
  for (size_t i = 0; i < tables->n; i++) printf("%s ", tables->commands[i].name);
  puts("help version'");
}

/* ---- bash ---- */

/* bash breaks words at =, so the line is read instead, and what stands before = is taken off the answers. */
static const char bash_chooser[] =
    "_lockstep() {\n"
    "  local typed=${COMP_LINE:0:COMP_POINT} word='' command='' before='' words=() value found=''\n"
    "  read -ra words <<<\"$typed\"\n"
    "  if [[ $typed != *[[:space:]] ]]; then\n"
    "    word=${words[${#words[@]}-1]}\n"
    "    unset 'words[${#words[@]}-1]'\n"
    "  fi\n"
    "  [[ ${#words[@]} -lt 2 ]] || command=${words[1]} before=${words[${#words[@]}-1]}\n"
    "  value=${word#*=}\n"
    "  COMPREPLY=()\n"
    "  if [[ -z $command ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$_lockstep_commands --help --version --man --completions\" -- "
    "\"$word\")\n"
    "    return\n"
    "  elif [[ $command == --completions ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- \"$word\")\n"
    "    return\n"
    "  elif [[ $command == help ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$_lockstep_commands\" -- \"$word\")\n"
    "    return\n"
    "  elif [[ $command == reference && $word != -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(_lockstep_keys)\" -- \"$word\")\n"
    "    return\n"
    "  elif [[ $word == --*=* ]]; then\n"
    "    found=$(_lockstep_values \"$command${word%%=*}\")\n"
    "  elif [[ $word == -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(_lockstep_options \"$command\")\" -- \"$word\")\n"
    "    [[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null\n"
    "    return\n"
    "  elif [[ $before == --* && \" $(_lockstep_options \"$command\") \" == *\" $before= \"* ]]; then\n"
    "    found=$(_lockstep_values \"$command$before\")\n"
    "  elif [[ $word == *=* ]] && _lockstep_takes_settings \"$command\"; then\n"
    "    found=$(_lockstep_values \"${word%%=*}\")\n"
    "  elif [[ ${#words[@]} -gt 2 ]] && _lockstep_takes_settings \"$command\"; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(_lockstep_settings)\" -- \"$word\")\n"
    "    [[ ${#COMPREPLY[@]} -eq 0 ]] || compopt -o nospace 2>/dev/null\n"
    "    [[ -z $word || ${#COMPREPLY[@]} -eq 0 ]] || return\n"
    "  fi\n"
    "  if [[ -n $found ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$found\" -- \"$value\")\n"
    "  else\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$value\")\n"
    "  fi\n"
    "  if [[ $word == *=* && $COMP_WORDBREAKS != *=* ]]; then\n"
    "    COMPREPLY=(\"${COMPREPLY[@]/#/${word%%=*}=}\")\n"
    "  fi\n"
    "}\n"
    "complete -F _lockstep lockstep";

static void bash_print(const page_tables_t *tables) {
  puts("# bash completion for lockstep, written by lockstep --completions bash");
  put_shell_tables(tables);
  puts(bash_chooser);
}

/* ---- zsh ---- */

static const char zsh_chooser[] =
    "_lockstep() {\n"
    "  local command=${words[2]} before=${words[CURRENT-1]} word=${words[CURRENT]} found=''\n"
    "  local -a commands shown\n"
    "  if (( CURRENT == 2 )); then\n"
    "    _lockstep_describe\n"
    "    return\n"
    "  elif [[ $command == --completions ]]; then\n"
    "    compadd -- bash zsh fish\n"
    "    return\n"
    "  elif [[ $command == help ]]; then\n"
    "    compadd -- ${=_lockstep_commands}\n"
    "    return\n"
    "  elif [[ $command == reference && $word != -* ]]; then\n"
    "    shown=(${=\"$(_lockstep_keys)\"})\n"
    "    compadd -- $shown\n"
    "    return\n"
    "  elif [[ $word == --*=* ]]; then\n"
    "    found=$(_lockstep_values \"$command${word%%=*}\")\n"
    "    compset -P '*='\n"
    "  elif [[ $word == -* ]]; then\n"
    "    shown=(${=\"$(_lockstep_options $command)\"})\n"
    "    compadd -S '' -- ${(M)shown:#*=}\n"
    "    compadd -- ${shown:#*=}\n"
    "    return\n"
    "  elif [[ $before == --* && \" $(_lockstep_options $command) \" == *\" $before= \"* ]]; then\n"
    "    found=$(_lockstep_values \"$command$before\")\n"
    "  elif [[ $word == *=* ]] && _lockstep_takes_settings $command; then\n"
    "    found=$(_lockstep_values \"${word%%=*}\")\n"
    "    compset -P '*='\n"
    "  elif (( CURRENT > 3 )) && _lockstep_takes_settings $command; then\n"
    "    shown=(${=\"$(_lockstep_settings)\"})\n"
    "    compadd -S '' -- $shown\n"
    "  fi\n"
    "  if [[ -n $found ]]; then\n"
    "    shown=(${=found})\n"
    "    compadd -- $shown\n"
    "  else\n"
    "    _files\n"
    "  fi\n"
    "}\n"
    "if [[ $funcstack[1] == _lockstep ]]; then\n"
    "  _lockstep \"$@\"\n"
    "else\n"
    "  compdef _lockstep lockstep\n"
    "fi";

static void zsh_print(const page_tables_t *tables) {
  puts("#compdef lockstep\n# zsh completion for lockstep, written by lockstep --completions zsh");
  put_shell_tables(tables);
  puts("_lockstep_describe() {\n  local -a commands=(");
  for (size_t i = 0; i < tables->n; i++) {
    printf("    %s:", tables->commands[i].name);
    put_brief(tables->commands[i].meaning);
    putchar('\n');
  }
  puts(
      "  )\n  _describe command commands\n  compadd -- help version --help --version --man --completions\n}");
  puts(zsh_chooser);
}

/* ---- fish ---- */

static void fish_option(const page_command_t *command, const struct argp_option *option) {
  char values[1024];
  option_values(command, option, values, sizeof values);
  printf("complete -c lockstep -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
  if (values[0] != '\0')
    printf(" -x -a '%s'", values);
  else if (option->arg != NULL && (option->flags & OPTION_ARG_OPTIONAL) == 0)
    fputs(" -r", stdout);
  fputs(" -d ", stdout);
  put_brief(option->doc);
  putchar('\n');
}

/* One line for each key, and for each word that its value may be. */
static void fish_setting(const setting_key_t *key, const char *path) {
  char values[1024];
  printf("    echo %s=\\t", path);
  put_brief(key->meaning);
  putchar('\n');
  setting_values(key, values, sizeof values);
  if (values[0] != '\0') printf("    string split ' ' -- '%s' | string replace -r '^' %s=\n", values, path);
}

static void fish_print(const page_tables_t *tables) {
  setting_key_t key;
  puts(
      "# fish completion for lockstep, written by lockstep --completions fish\nfunction __lockstep_settings");
  for (size_t i = 0; settings_key(i, tables->choices, &key); i++) {
    char brief[sizeof key.path];
    snprintf(brief, sizeof brief, "%.*s", (int)short_length(key.path), key.path);
    fish_setting(&key, key.path);
    if (brief[0] != '\0') fish_setting(&key, brief);
  }
  puts("end\nfunction __lockstep_keys");
  for (size_t i = 0; settings_key(i, tables->choices, &key); i++) {
    printf("    echo %s\\t", key.path);
    put_brief(key.meaning);
    putchar('\n');
  }
  puts("end\n"
       "complete -c lockstep -n '__fish_seen_subcommand_from reference' -x -a '(__lockstep_keys)'\n"
       "complete -c lockstep -f -n __fish_use_subcommand -a help -d 'explain a command'\n"
       "complete -c lockstep -f -n __fish_use_subcommand -a version -d 'list the libraries'");
  fputs("complete -c lockstep -n '__fish_seen_subcommand_from help' -x -a '", stdout);
  for (size_t i = 0; i < tables->n; i++) printf("%s%s", i > 0 ? " " : "", tables->commands[i].name);
  puts("'");
  for (size_t i = 0; i < tables->n; i++) {
    const page_command_t *command = &tables->commands[i];
    printf("complete -c lockstep -f -n __fish_use_subcommand -a %s -d ", command->name);
    put_brief(command->meaning);
    putchar('\n');
    for (const struct argp_option *o = command->argp->options; o != NULL && o->name != NULL; o++)
      fish_option(command, o);
    printf("complete -c lockstep -n '__fish_seen_subcommand_from %s' -l help -d 'explain the command'\n",
           command->name);
    if (takes_settings(command))
      printf("complete -c lockstep -n '__fish_seen_subcommand_from %s' -a '(__lockstep_settings)'\n",
             command->name);
  }
  puts("complete -c lockstep -n __fish_use_subcommand -l help -d 'list the commands'\n"
       "complete -c lockstep -n __fish_use_subcommand -l version -d 'list the libraries'\n"
       "complete -c lockstep -n __fish_use_subcommand -l man -r -d 'write the man pages into a folder'\n"
       "complete -c lockstep -n __fish_use_subcommand -l completions -x -a 'bash zsh fish' "
       "-d 'print what completes command lines'");
}

/* ---- the shells ---- */

static const struct {
  const char *name;
  void (*print)(const page_tables_t *tables);
} shells[] = {{"bash", bash_print}, {"zsh", zsh_print}, {"fish", fish_print}};

ls_status completions_print(const page_tables_t *tables, const char *shell, ls_error *error) {
  for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
    if (strcmp(shells[i].name, shell) == 0) {
      shells[i].print(tables);
      return LS_OK;
    }
  return error_set(error, LS_USAGE, "--completions takes bash, zsh or fish, not '%.60s'", shell);
}
