/* The lists of names that the settings of a model may use, collected from the tables that define them. */
#ifndef SCORE_CHOICES_H
#define SCORE_CHOICES_H

#include "config/settings.h"

/* All lists but `stop_metric` and `solve`, which only training knows: there any name is accepted. */
settings_choices_t model_choices(void);

#endif
