/* The commands of `cairn`, as one table: parsing, --help, completion and printing follow from it.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
    CTL_EXIT_OK = 0,
    CTL_EXIT_REFUSED = 1, /* the coordinator said no */
    CTL_EXIT_USAGE = 2,
    CTL_EXIT_UNREACHABLE = 3, /* no coordinator answers */
    CTL_EXIT_TIMEOUT = 4      /* `cairn wait`: it did not come true in time */
};

/* How a value of the answer is shown. */
enum ctl_format { CTL_TEXT, CTL_NUMBER, CTL_BYTES, CTL_AGO, CTL_PERCENT, CTL_LIST, CTL_YES };

struct ctl_column {
    const char *key, *title; /* of an object of the answer; key NULL ends the list */
    enum ctl_format format;
};

/* An operand or option, and the argument of the admin protocol (proto/admin.md) that it becomes. */
struct ctl_param {
    const char *name; /* "LABEL" for an operand, "--reason" for an option; NULL ends the list */
    const char *key, *help;
    enum { CTL_STRING, CTL_INT, CTL_FLAG, CTL_LABELS_FILE } type;
    bool optional; /* of an operand */
};

enum { CTL_MAX_PARAMS = 4, CTL_MAX_COLUMNS = 12 };

struct ctl_command {
    const char *group, *name; /* "label", "rename"; group "" for single words */
    const char *act;          /* the admin command; NULL: done here */
    const char *summary, *lesson;
    struct ctl_param params[CTL_MAX_PARAMS + 1];
    const char *list; /* the answer's array that becomes a table; NULL: the answer is one object */
    struct ctl_column columns[CTL_MAX_COLUMNS + 1];
    const char *danger; /* what it would do, asked before it is done; NULL: harmless */
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_n_commands;

/* The command of words[0..n); *ret_used words are its name. NULL when there is none. */
const struct ctl_command *ctl_command_find(char **words, int n, int *ret_used);

#endif
