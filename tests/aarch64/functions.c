/* The C library's functions of double numbers that parameters pass through, each at many arguments of the
 * range in which the program calls it: one line for each, with a hash of all results. scripts/aarch64.sh
 * compares the lines of two CPUs. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

/* splitmix64 (Steele, Lea and Flood 2014) */
static uint64_t next(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* from a on, below b */
static double uniform(double a, double b) {
  return a + (b - a) * ((double)(next() >> 11) * 0x1p-53);
}

/* of any size from 2^-a to 2^a */
static double sized(int a) {
  int exponent = (int)(next() % (unsigned)(2 * a)) - a;
  return ldexp(1 + uniform(0, 1), exponent);
}

static double log_of_uniform(void) {
  return log(1 - uniform(0, 1));
}
static double log_of_any(void) {
  return log(sized(1000));
}
static double exp_of_any(void) {
  return exp(uniform(-700, 700));
}
static double exp_below_one(void) {
  return exp(-sized(30));
}
static double cos_of_turn(void) {
  return cos(uniform(0, 6.283185307179586));
}
static double sin_of_turn(void) {
  return sin(uniform(0, 6.283185307179586));
}
static double cos_of_any(void) {
  return cos(sized(60));
}
static double sin_of_any(void) {
  return sin(sized(60));
}
/* The order in which a call's arguments are worked out is the compiler's. */
static double power_of_steps(void) {
  double base = uniform(0.8, 1);
  return pow(base, (double)(next() % 100000));
}
static double power_of_any(void) {
  double base = sized(30);
  return pow(base, uniform(-20, 20));
}
static double log1p_of_any(void) {
  return log1p(sized(60));
}

int main(int argc, char **argv) {
  const struct {
    const char *name;
    double (*draw)(void);
  } rows[] = {{"log (0,1]", log_of_uniform}, {"log", log_of_any},          {"exp", exp_of_any},
              {"exp <1", exp_below_one},     {"cos [0,2pi)", cos_of_turn}, {"sin [0,2pi)", sin_of_turn},
              {"cos", cos_of_any},           {"sin", sin_of_any},          {"pow steps", power_of_steps},
              {"pow", power_of_any},         {"log1p", log1p_of_any}};
  long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t hash = 0xcbf29ce484222325u;
    state = i;
    for (long k = 0; k < n; k++) {
      double value = rows[i].draw();
      uint64_t bits;
      memcpy(&bits, &value, sizeof bits);
      hash = (hash ^ bits) * 0x100000001b3u;
      hash ^= hash >> 29;
    }
    printf("%s: %016llx\n", rows[i].name, (unsigned long long)hash);
  }
  return 0;
}
