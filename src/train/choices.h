/* The names that settings may use, gathered from the tables that define them. */
#ifndef TRAIN_CHOICES_H
#define TRAIN_CHOICES_H

#include "config/settings.h"

/* Static, constant. */
const settings_choices_t *settings_choices(void);

#endif
