/* How a camera was held; libexif stands behind this door. Threads: no shared state. */
#ifndef CN_EXIF_H
#define CN_EXIF_H

#include "common/base/buf.h"

/* The orientation, 1..8, that an EXIF block (from "Exif" on) declares; 1, upright, when it declares
   none or is damaged: a bad tag is no reason to refuse a good picture. */
int cn_exif_orientation(struct cn_bytes exif);

#endif
