# Calls by the hour of the day and whether it is a weekend: Poisson numbers by the method of Knuth (products of uniform
# numbers, until they are below exp(-rate)).
#   awk -f calls.awk > calls.csv
BEGIN {
  srand(1)
  print "hour,weekend,calls"
  for (i = 0; i < 600; i++) {
    hour = int(24 * rand())
    weekend = rand() < 2 / 7
    rate = exp(1 + cos((hour - 14) / 4) - weekend)
    calls = 0
    for (p = rand(); p > exp(-rate); p *= rand()) calls++
    print hour "," weekend "," calls
  }
}
