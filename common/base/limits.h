/* Every number that a peer, a user or a file could push. Constants only. */
#ifndef CN_LIMITS_H
#define CN_LIMITS_H

enum {
    CN_MAX_LABELS = 4096,          /* labels of one fleet, retired ones included */
    CN_MAX_LABEL_NAME_BYTES = 128, /* UTF-8, after normalization, without the NUL */
    CN_MAX_LABEL_KEY_BYTES = 256,  /* the same name, case-folded, which may be longer */
    CN_MAX_LABEL_ALIASES = 64,     /* further names of one label */
    CN_MAX_LABEL_PROPOSERS = 64,   /* devices remembered per proposed label; the largest quorum */
    CN_MAX_DEVICE_LABELS = 512,    /* labels that one device may have brought into being */
    CN_MAX_REGISTRY_EVENTS = 65536,
    CN_MAX_REGISTRY_BYTES = 32 * 1024 * 1024, /* of one snapshot or delta */
    CN_MAX_ACTOR_BYTES = 64,                  /* who did it: an admin's name */
    CN_MAX_REASON_BYTES = 255,                /* why, in an admin's words */
    CN_MAX_TENSORS = 256,                     /* tensors in one model or update */
    CN_MAX_TENSOR_NAME_BYTES = 47,
    CN_MAX_SETTINGS = 64, /* in one pack */
    CN_MAX_ARCHS = 8,     /* in one pack */
    CN_MAX_DIMS = 4,
    CN_MAX_LAYERS = 128,
    CN_MAX_FILTERS = 128,                    /* of the random trunk: 4096 features */
    CN_MAX_RANK = 256,                       /* of a low-rank covariance */
    CN_MAX_STEPS = 10000,                    /* of one training */
    CN_MAX_ARTICLE_PIXELS = 65536,           /* recipe article: 64 features per pixel and label */
    CN_MAX_LAYER_SIDE = 1024 * 1024,         /* any one size of a layer: out, kernel, stride */
    CN_MAX_LAYER_NUMBERS = 64 * 1024 * 1024, /* in one tensor, or in one layer's output */
    CN_MAX_NETWORK_NUMBERS = 128 * 1024 * 1024, /* in all tensors of one network */
    CN_MAX_DEVICES = 65536,                     /* enrolled in one fleet */
    CN_MAX_DEVICE_NAME_BYTES = 64,
    CN_MAX_UPLOADS = 64,              /* in flight at one coordinator, the rest WAIT */
    CN_CHUNK_BYTES = 256 * 1024,      /* bulk bytes in one CHUNK */
    CN_MAX_CREDIT = 16,               /* chunks that a peer may ask for at once */
    CN_MAX_HEADER_BYTES = 256 * 1024, /* the protobuf frame of a message */
    CN_MAX_MANIFEST_BYTES = 1024 * 1024,
    CN_MAX_UPDATE_BYTES = 256 * 1024 * 1024,
    CN_MAX_BLOB_BYTES = 512 * 1024 * 1024,
    CN_MAX_ROUND_UPDATES = 4096,       /* updates in one release */
    CN_MAX_COUNT_PER_UPDATE = 1000000, /* images of one label in one update */
    CN_MAX_IMAGE_BYTES = 32 * 1024 * 1024,
    CN_MAX_IMAGE_SIDE = 16384,
    CN_MAX_IMAGE_PIXELS = 40 * 1000 * 1000,
    CN_MAX_JPEG_SCANS = 64,   /* each one costs a pass over all pixels */
    CN_MAX_INPUT_SIDE = 1024, /* of what the network sees */
    CN_MAX_HTTP_BODY_BYTES = CN_MAX_IMAGE_BYTES + 64 * 1024,
    CN_MAX_JSON_BYTES = 8 * 1024 * 1024,
    CN_MAX_JSON_DEPTH = 32,
    CN_MAX_LINK_BULK_BYTES = 16 * 1024 * 1024, /* one bulk frame */
    CN_MAX_LINK_QUEUE = 64,                    /* messages waiting for one peer, each way */
    CN_MAX_SECRET_FILE_BYTES = 4096
};

#endif
