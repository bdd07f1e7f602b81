/* A recipe as the settings of a pack, and back: models, updates and statistics all say which recipe
   they were made by. Threads: no state. */
#ifndef CN_SETTINGS_H
#define CN_SETTINGS_H

#include "common/model/pack.h"
#include "common/recipe/recipe.h"

enum { CN_SETTINGS_N = 16 };

void cn_settings_write(const struct cn_recipe *r, struct cn_setting out[CN_SETTINGS_N]);
/* CN_E_PARSE when a setting is missing or out of its range; the whole recipe is checked. */
enum cn_err cn_settings_read(const struct cn_pack *p, struct cn_recipe *ret,
                             struct cn_error *err) CN_NODISCARD;
/* NULL when both are the same fleet's choice, else the key that differs. */
const char *cn_settings_differ(const struct cn_recipe *a, const struct cn_recipe *b);

#endif
