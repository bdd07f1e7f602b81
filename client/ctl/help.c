/* Help and completion from the table of commands. */
#include "client/ctl/help.h"

#include <stdio.h>
#include <string.h>

static const char options[] = "\nOptions of every command:\n"
                              "  --data DIR       the coordinator's data directory ($CAIRN_DATA, "
                              "else /var/lib/cairn/coordinator)\n"
                              "  --endpoint E     another admin endpoint than DIR/admin.ipc\n"
                              "  --key FILE       another admin key than DIR/keys/admin.key\n"
                              "  --json           the answer as one line of JSON\n"
                              "  --no-colour      never colour\n"
                              "  --yes            do not ask before what cannot be undone\n"
                              "\nExit codes: 0 done, 1 the coordinator said no, 2 wrong usage, 3 "
                              "no coordinator answers, 4 wait timed out.\n";

static void line(const struct ctl_command *c)
{
    char name[64];

    snprintf(name, sizeof name, "%s%s%s", c->group, c->group[0] ? " " : "", c->name);
    printf("  %-18s %s\n", name, c->summary);
}

void ctl_help_all(void)
{
    const char *group = NULL;

    printf("cairn: look after a fleet's labels, devices and releases\n\n"
           "usage: cairn COMMAND [arguments] [options]\n");
    for (size_t i = 0; i < ctl_n_commands; i++) {
        if (!group || strcmp(group, ctl_commands[i].group) != 0) {
            group = ctl_commands[i].group;
            printf("\n%s\n", group[0] ? group : "the fleet");
        }
        line(&ctl_commands[i]);
    }
    printf(
        "%s\nFrom nothing to a fleet:\n"
        "  cairn-coordinator init --data DIR && cairn-coordinator run --data DIR &\n"
        "  cairn --data DIR device token            the token that it prints goes to the device:\n"
        "  cairn-edge join TOKEN && cairn-edge run\n",
        options);
}

bool ctl_help_group(const char *group)
{
    bool any = false;

    for (size_t i = 0; i < ctl_n_commands; i++) {
        if (!group[0] || strcmp(ctl_commands[i].group, group) != 0)
            continue;
        if (!any)
            printf("usage: cairn %s COMMAND [arguments] [options]\n\n", group);
        any = true;
        line(&ctl_commands[i]);
    }
    if (any)
        printf("%s", options);
    return any;
}

void ctl_help_command(const struct ctl_command *c)
{
    printf("cairn %s%s%s: %s\n\nusage: cairn %s%s%s", c->group, c->group[0] ? " " : "", c->name,
           c->summary, c->group, c->group[0] ? " " : "", c->name);
    for (const struct ctl_param *p = c->params; p->name; p++)
        printf(p->name[0] == '-' ? " [%s%s]"
               : p->optional     ? " [%s%s]"
                                 : " %s%s",
               p->name, p->name[0] == '-' && p->type != CTL_FLAG ? " VALUE" : "");
    printf("\n\n%s\n", c->lesson);
    if (c->params[0].name)
        printf("\n");
    for (const struct ctl_param *p = c->params; p->name; p++)
        printf("  %-16s %s\n", p->name, p->help);
    printf("%s", options);
}

void ctl_help_completion(void)
{
    printf("_cairn() {\n    local words=\"");
    for (size_t i = 0; i < ctl_n_commands; i++)
        if (!ctl_commands[i].group[0] || i == 0 ||
            strcmp(ctl_commands[i].group, ctl_commands[i - 1].group))
            printf("%s ", ctl_commands[i].group[0] ? ctl_commands[i].group : ctl_commands[i].name);
    printf("\"\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const char *group = ctl_commands[i].group;
        if (!group[0] || strcmp(group, ctl_commands[i - 1].group) == 0)
            continue;
        printf("    %s) [ \"$COMP_CWORD\" -lt 2 ] || words=\"", group);
        for (size_t k = i; k < ctl_n_commands && strcmp(ctl_commands[k].group, group) == 0; k++)
            printf("%s ", ctl_commands[k].name);
        printf("\" ;;\n");
    }
    printf("    esac\n    COMPREPLY=($(compgen -W \"$words --data --json --help\" -- "
           "\"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
           "complete -F _cairn cairn\n");
}
