/* Written by kernel_density.py. */
/* clang-format off */
static const double kernel_bandwidths[] = {0.05, 0.2, 0.5, 1, 3};
static const double kernel_scores_plain[] = {2.632232088884709, -0.23727513854134868, -2.28125888708661, -3.78424989596907, -6.220631178464249};
static const double kernel_scores_weighted[] = {2.625084943088146, -0.2404291012026966, -2.2773156870539233, -3.7816444546118135, -6.220665831637176};
enum { KERNEL_FOLDS = 5 };
static const double kernel_scores_folds[] = {2.6251508603253795, -0.2409125230613178, -2.2822382213927974, -3.784344133642632, -6.220586226616133};
static const double kernel_scott = 0.40088327026521214, kernel_silverman = 0.38830559210733684; /* for deviation 1 */
static const double kernel_deviation = 0.7242715046754568;
