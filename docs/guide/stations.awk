# Hourly weather of 24 stations that were set up at different times, hour by hour as a log has it: temperature (degrees
# Celsius) and wind (m/s), which blows more at noon and, with luck, for some hours on end.
#   awk -f docs/guide/stations.awk > stations.csv
# The numbers are the same with every awk: s <- 16807 s mod 2^31 - 1 (Park and Miller 1988), exact in a double.
function uniform() {
  s = s * 16807 % 2147483647
  return s / 2147483647
}

BEGIN {
  s = 1
  hours = 440
  print "station,temperature,wind"
  for (i = 1; i <= 24; i++) {
    begin[i] = int(hours * uniform())
    height[i] = uniform()
  }
  for (t = 0; t < hours; t++)
    for (i = 1; i <= 24; i++) {
      day = 6.2831853 * (t - 14) / 24
      warm[i] = 0.9 * warm[i] + uniform() + uniform() + uniform() - 1.5
      gust[i] = 0.7 * gust[i] - 0.5 * log(uniform())
      if (t >= begin[i])
        printf "station%02d,%.2f,%.2f\n", i, 14 - 10 * height[i] + 5 * cos(day) + warm[i],
               (0.5 + height[i]) * (1.5 + cos(day)) * gust[i]
    }
}
