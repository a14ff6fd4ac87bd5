/* Written by kernel_density.py. */
/* clang-format off */
static const double kernel_bandwidths[] = {0.05, 0.2, 0.5, 1, 3};
static const double kernel_scores_plain[] = {2.600464351045515, -0.26421722418584104, -2.3042232062671326, -3.803265854373265, -6.222664900454318};
static const double kernel_scores_weighted[] = {2.5823548844332973, -0.27511289738965083, -2.3054182322703447, -3.8033115380154476, -6.223126026639442};
enum { KERNEL_FOLDS = 5 };
static const double kernel_scores_folds[] = {2.5733501905844953, -0.27116428780744106, -2.305318532136409, -3.8032429062459556, -6.222645294657603};
static const double kernel_scott = 0.4425059065920154, kernel_silverman = 0.42862232179589477; /* for deviation 1 */
static const double kernel_deviation = 0.7274620229388508;
