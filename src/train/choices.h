/* The lists of names that settings may use, collected from the tables that define them. */
#ifndef TRAIN_CHOICES_H
#define TRAIN_CHOICES_H

#include "config/settings.h"

/* The result is static and constant. */
const settings_choices_t *settings_choices(void);

#endif
