/* The one question that we have for EXIF. */
#include "common/image/exif.h"

#include <libexif/exif-data.h>

static void unref(ExifData **data)
{
    exif_data_unref(*data);
}

int cn_exif_orientation(struct cn_bytes exif)
{
    if (exif.n == 0)
        return 1;
    CN_CLEANUP(unref) ExifData *data = exif_data_new_from_data(exif.at, (unsigned)exif.n);
    if (!data)
        return 1;
    ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->size < 2)
        return 1;
    int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
