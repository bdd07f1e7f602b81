/* The table of commands. */
#include "client/ctl/command.h"

#include <string.h>

#define LABEL_OPERAND                                                                              \
    {                                                                                              \
        "LABEL", "label", "a name, an alias, or #ID"                                               \
    }
#define DEVICE_OPERAND                                                                             \
    {                                                                                              \
        "DEVICE", "device", "a name or #ID"                                                        \
    }
#define NUMBER_OPERAND                                                                             \
    {                                                                                              \
        "NUMBER", "number", "of the release", CTL_INT                                              \
    }
#define REASON_OPTION                                                                              \
    {                                                                                              \
        "--reason", "reason", "why; it is kept in the history"                                     \
    }
#define REGISTRY_ANSWER                                                                            \
    {                                                                                              \
        {"id", "id", CTL_NUMBER},                                                                  \
        {                                                                                          \
            "registry_version", "registry version", CTL_NUMBER                                     \
        }                                                                                          \
    }

/* clang-format off */
const struct ctl_command ctl_commands[] = {
    {"", "status", "status", "how the fleet does", "One look: release, labels, devices, the open round, traffic.",
     .columns = {{"release", "release", CTL_NUMBER}, {"labels", "labels", CTL_NUMBER}, {"registry_version", "registry version", CTL_NUMBER},
                 {"recipe", "recipe"}, {"synth", "synthesizer"}, {"devices", "devices"}, {"round", "round"}, {"updates", "updates"},
                 {"bytes", "bytes"}, {"memory_peak_bytes", "memory, peak", CTL_BYTES}, {"endpoints", "endpoints"}}},
    {"", "why", "why", "what is everything waiting for, and until when", "Each stall has a cause and a deadline; this lists them.",
     .list = "waits", .columns = {{"who", "WHO"}, {"reason", "REASON"}, {"until_ms", "UNTIL", CTL_AGO}, {"text", "WHAT IT MEANS"}}},
    {"", "watch", NULL, "status, again every second", "Ends with Ctrl-C. With --json: one object per second."},
    {"", "wait", NULL, "wait until something is true, for scripts", "cairn wait --release 3 --timeout 60",
     .params = {{"--release", "release", "until the fleet's release is at least this", CTL_INT}, {"--label", "label", "until this label is accepted"},
                {"--idle", "idle", "until no round is open", CTL_FLAG}, {"--timeout", "timeout", "seconds (60)", CTL_INT}}},
    {"", "stop", "stop", "end the coordinator cleanly", "Nothing is lost: devices keep what is not in a release and offer it again.",
     .danger = "The coordinator will end; devices go on offline."},
    {"", "completion", NULL, "print completion for bash", "source <(cairn completion)"},

    {"label", "list", "label.list", "the labels of the fleet", "cairn label list --all shows rejected, merged and retired ones too.",
     .params = {{"--all", "all", "also those that are no longer in use", CTL_FLAG}}, .list = "labels",
     .columns = {{"id", "ID", CTL_NUMBER}, {"name", "NAME"}, {"state", "STATE"}, {"images", "IMAGES", CTL_NUMBER}, {"accuracy", "FIELD ACCURACY", CTL_PERCENT},
                 {"aliases", "ALIASES", CTL_LIST}, {"proposers", "PROPOSED BY", CTL_NUMBER}, {"created_ms", "SINCE", CTL_AGO}}},
    {"label", "show", "label.show", "one label and its history", "cairn label show cat", .params = {LABEL_OPERAND},
     .columns = {{"id", "id", CTL_NUMBER}, {"name", "name"}, {"state", "state"}, {"aliases", "aliases", CTL_LIST}, {"images", "images", CTL_NUMBER},
                 {"accuracy", "field accuracy", CTL_PERCENT}, {"created_ms", "since", CTL_AGO}, {"history", "history"}}},
    {"label", "add", "label.add", "make a label before any device proposes it", "cairn label add cat", .params = {{"NAME", "name", "up to 128 bytes of UTF-8"}},
     .columns = {{"id", "id", CTL_NUMBER}}},
    {"label", "approve", "label.approve", "accept a proposed label", "Policy manual and quorum leave proposals to a person.", .params = {LABEL_OPERAND, REASON_OPTION}, .columns = REGISTRY_ANSWER},
    {"label", "reject", "label.reject", "refuse a proposed label", "What devices were taught under that name stays with them.", .params = {LABEL_OPERAND, REASON_OPTION}, .columns = REGISTRY_ANSWER},
    {"label", "rename", "label.rename", "give a label another name; its id and rows stay", "cairn label rename cta cat", .params = {LABEL_OPERAND, {"TO", "to", "the new name"}}, .columns = REGISTRY_ANSWER},
    {"label", "alias", "label.alias", "another name for a label", "cairn label alias cat kitty", .params = {LABEL_OPERAND, {"ALIAS", "alias", "the other name"}, {"--remove", "remove", "take the alias away", CTL_FLAG}}, .columns = REGISTRY_ANSWER},
    {"label", "merge", "label.merge", "make two labels one; rows and statistics are added", "cairn label merge kitten cat: images of kitten count as cat from the next release on.",
     .params = {{"FROM", "from", "the label that goes"}, {"INTO", "into", "the label that stays"}}, .columns = REGISTRY_ANSWER, .danger = "Two labels become one; this cannot be undone."},
    {"label", "retire", "label.retire", "take a label out of the next release", "cairn label restore brings it back.", .params = {LABEL_OPERAND, REASON_OPTION}, .columns = REGISTRY_ANSWER, .danger = "The label will not be predicted any more."},
    {"label", "restore", "label.restore", "bring a retired label back", "cairn label restore cat", .params = {LABEL_OPERAND, REASON_OPTION}, .columns = REGISTRY_ANSWER},
    {"label", "history", "label.history", "every event of the registry", "cairn label history --since 12", .params = {{"--since", "since", "only events after this version", CTL_INT}}, .list = "events",
     .columns = {{"version", "VERSION", CTL_NUMBER}, {"time_ms", "WHEN", CTL_AGO}, {"actor", "WHO"}, {"event", "WHAT"}, {"id", "ID", CTL_NUMBER}, {"name", "NAME"}, {"into", "INTO", CTL_NUMBER}, {"reason", "REASON"}}},
    {"label", "import", "label.import", "add labels from a JSON file", "The file holds a list of names, a list of {\"name\", \"aliases\"}, or a map from name to number, as labels.json of the article.",
     .params = {{"FILE", "labels", "a JSON file", CTL_LABELS_FILE}}, .columns = {{"added", "added", CTL_NUMBER}, {"existing", "existing", CTL_NUMBER}}},
    {"label", "export", "label.export", "print the labels as JSON", "cairn label export > labels.json"},

    {"device", "token", "device.token", "let one more device join", "Prints a token for `cairn-edge join`. It can be used once.",
     .params = {{"--name", "name", "what the device will be called"}, {"--ttl", "ttl_s", "seconds that the token is good for (86400)", CTL_INT}}, .columns = {{"token", ""}}},
    {"device", "list", "device.list", "the devices of the fleet", "cairn device list", .list = "devices",
     .columns = {{"id", "ID", CTL_NUMBER}, {"name", "NAME"}, {"state", "STATE"}, {"online", "ONLINE", CTL_YES}, {"last_seen_ms", "LAST SEEN", CTL_AGO}, {"release", "RELEASE", CTL_NUMBER},
                 {"updates", "UPDATES", CTL_NUMBER}, {"bytes_received", "RECEIVED", CTL_BYTES}, {"waiting", "WAITING FOR"}}},
    {"device", "show", "device.show", "one device", "cairn device show door-camera", .params = {DEVICE_OPERAND},
     .columns = {{"id", "id", CTL_NUMBER}, {"name", "name"}, {"state", "state"}, {"online", "online", CTL_YES}, {"last_seen_ms", "last seen", CTL_AGO}, {"joined_ms", "joined", CTL_AGO}, {"release", "release", CTL_NUMBER},
                 {"updates", "updates", CTL_NUMBER}, {"bytes_received", "received", CTL_BYTES}, {"key", "key"}, {"waiting", "waiting for"}, {"tallies", "tallies"}}},
    {"device", "suspend", "device.suspend", "keep a device out for a while", "It keeps its queue and predicts on; cairn device resume lets it in again.", .params = {DEVICE_OPERAND, REASON_OPTION}, .columns = {{"id", "id", CTL_NUMBER}, {"state", "state"}}},
    {"device", "resume", "device.resume", "let a suspended device in again", "cairn device resume door-camera", .params = {DEVICE_OPERAND}, .columns = {{"id", "id", CTL_NUMBER}, {"state", "state"}}},
    {"device", "revoke", "device.revoke", "throw a device out for good", "Its key never gets in again. What it gave to releases stays in them.", .params = {DEVICE_OPERAND, REASON_OPTION}, .columns = {{"id", "id", CTL_NUMBER}, {"state", "state"}},
     .danger = "The device's key will never be admitted again."},

    {"release", "list", "release.list", "all releases, newest first", "cairn release list", .list = "releases",
     .columns = {{"number", "NUMBER", CTL_NUMBER}, {"kind", "KIND"}, {"created_ms", "WHEN", CTL_AGO}, {"labels", "LABELS", CTL_NUMBER}, {"updates", "UPDATES", CTL_NUMBER}, {"corrections", "IMAGES", CTL_NUMBER},
                 {"candidate", "CANDIDATE"}, {"model_bytes", "SIZE", CTL_BYTES}, {"accuracy", "FIELD", CTL_PERCENT}, {"held_out", "HELD OUT", CTL_PERCENT}}},
    {"release", "show", "release.show", "one release: what is in it, who gave it, why the gate took it", "cairn release show 3", .params = {NUMBER_OPERAND}},
    {"release", "diff", "release.diff", "what changed between two releases", "cairn release diff 2 3", .params = {{"FROM", "from", "a release number", CTL_INT}, {"TO", "to", "another", CTL_INT}}},
    {"release", "verify", "release.verify", "check signature and digests of what is on disk", "cairn release verify 3", .params = {NUMBER_OPERAND}},
    {"release", "rollback", "release.rollback", "go back to an older release, under a new number", "cairn release rollback 2: devices follow, because the new manifest is signed as a rollback.",
     .params = {{"TO", "to", "the older release's number", CTL_INT}, REASON_OPTION}, .columns = {{"number", "release", CTL_NUMBER}}, .danger = "All devices will go back to that model."},
    {"release", "export", "release.export", "write a release's files to a directory of the coordinator's machine", "cairn release export 3 /tmp/release-3", .params = {NUMBER_OPERAND, {"DIRECTORY", "directory", "an absolute path"}}},
    {"release", "refused", "release.refused", "rounds that the gate refused, and why", "cairn release refused", .list = "rounds",
     .columns = {{"time_ms", "WHEN", CTL_AGO}, {"updates", "UPDATES", CTL_NUMBER}, {"why", "WHY"}}},

    {"round", "show", "round.show", "the open round", "cairn round show",
     .columns = {{"number", "round", CTL_NUMBER}, {"state", "state"}, {"updates", "updates", CTL_NUMBER}, {"needed", "needed", CTL_NUMBER}, {"uploads", "uploads", CTL_NUMBER}, {"opened_ms", "opened", CTL_AGO}, {"closes_ms", "closes", CTL_AGO}, {"waiting", "waiting for"}}},
    {"round", "close", "round.close", "make a release of what the round holds, now", "cairn round close", .columns = {{"round", "round", CTL_NUMBER}, {"state", "state"}}},
};
/* clang-format on */
const size_t ctl_n_commands = sizeof ctl_commands / sizeof *ctl_commands;

const struct ctl_command *ctl_command_find(char **words, int n, int *ret_used)
{
    for (size_t i = 0; i < ctl_n_commands; i++) {
        const struct ctl_command *c = &ctl_commands[i];
        int at = c->group[0] ? 1 : 0;
        if (n > at && (at == 0 || strcmp(words[0], c->group) == 0) &&
            strcmp(words[at], c->name) == 0) {
            *ret_used = at + 1;
            return c;
        }
    }
    return NULL;
}
