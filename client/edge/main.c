/* cairn-edge: one table of commands. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client/edge/commands.h"

/* clang-format off */
static const struct edge_command commands[] = {
    {"join", "TOKEN", 1, 1, "enrol this device in a fleet",
     "A token comes from the fleet's operator (`cairn device token`), can be used once, and names the\n"
     "coordinator and its key. Joining makes this device's own keys and leaves everything in the data\n"
     "directory. If joining was interrupted, run it again with the same token.\n\n"
     "  cairn-edge join AcoO6o3d7Z... --data /srv/camera --name door-camera", edge_cmd_join},
    {"run", "", 0, 0, "run the daemon",
     "Serves the local API (its address stands in DATA/api.address), keeps what people teach, and\n"
     "talks to the coordinator whenever that can be reached. It works offline for as long as need be.\n"
     "Settings stand in DATA/edge.conf; --set overrides one of them for this run.\n\n"
     "  cairn-edge run --data /srv/camera --set edge.listen=127.0.0.1:0", edge_cmd_run},
    {"predict", "IMAGE...", 1, INT_MAX, "say what is on images",
     "Prints label, confidence and a prediction id, with which `confirm` and `correct` can answer.\n\n"
     "  cairn-edge predict door.jpg\n  cairn-edge confirm 5f01c2aa00000001", edge_cmd_predict},
    {"confirm", "ID", 1, 1, "agree with a prediction",
     "ID is what `predict` printed. A confirmed image is a labelled image: the fleet learns from it.",
     edge_cmd_confirm},
    {"correct", "IMAGE|ID", 1, 1, "give the right label of an image",
     "Takes an image file, or the id of a prediction. A label that nobody used before is made: a name\n"
     "is enough. The device predicts the image right from now on; the fleet will, in a release.\n\n"
     "  cairn-edge correct door.jpg --label \"delivery van\"", edge_cmd_correct},
    {"import", "DIR", 1, 1, "teach a folder of images, one sub-folder per label",
     "Every image is predicted, then confirmed or corrected with its folder's name, as a person would\n"
     "do it one by one. The order is shuffled by --seed, so that labels mix.\n\n"
     "  cairn-edge import photos/        with photos/cat/1.jpg, photos/dog/7.png ...", edge_cmd_import},
    {"evaluate", "DIR", 1, 1, "measure accuracy on a folder of images, one sub-folder per label",
     "Prints accuracy, accuracy per label and the confusion matrix. Nothing is learnt or kept.\n\n"
     "  cairn-edge evaluate test/ --model release --labels cat,dog", edge_cmd_evaluate},
    {"status", "", 0, 0, "what the device is doing, and what it waits for", "", edge_cmd_status},
    {"receipts", "[ID]", 0, 1, "what became of corrections",
     "Without an ID the newest are listed; with one, its whole history is told.\n\n"
     "  cairn-edge receipts --state queued --limit 50\n  cairn-edge receipts 17", edge_cmd_receipts},
    {"undo", "ID", 1, 1, "take back what was taught, while it is not in an update yet",
     "ID is the receipt that `confirm`, `correct` or `receipts` showed.", edge_cmd_undo},
    {"labels", "", 0, 0, "the labels that this device knows",
     "States: released (the current release knows it), accepted (the fleet does), pending (somebody\n"
     "has to approve it), local (the coordinator has not heard of it), rejected.", edge_cmd_labels},
    {"flush", "", 0, 0, "send an update now instead of waiting for a full batch", "", edge_cmd_flush},
    {"stop", "", 0, 0, "end the daemon cleanly", "", edge_cmd_stop},
};
/* clang-format on */

static int help(FILE *to)
{
    fprintf(to, "cairn-edge: predicts what is on images, learns from people's corrections, and "
                "shares what it learnt (never the images) with its fleet.\n\n"
                "Usage: cairn-edge COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < CN_COUNT(commands); i++)
        fprintf(to, "  %-10s%-10s %s\n", commands[i].name, commands[i].operands,
                commands[i].summary);
    fprintf(to, "\n`cairn-edge COMMAND --help` teaches each of them. A first day: join, run, "
                "predict, correct, status.\n");
    return to == stdout ? EDGE_EXIT_OK : EDGE_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write, not our death */
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        printf("cairn-edge " CAIRN_VERSION "\n");
        return EDGE_EXIT_OK;
    }
    for (size_t i = 0; i < CN_COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(&commands[i], argc - 1, argv + 1);
    fprintf(stderr, "cairn-edge: \"%s\" is not a command; see cairn-edge --help\n", argv[1]);
    return EDGE_EXIT_USAGE;
}
