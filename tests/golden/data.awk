# The tables that the golden runs learn from.
#   awk -v table=rows -f data.awk      611 rows of 13 features, of which the last is a kind of thing, and what can be asked
#                                      about them: three values, a count, a class, two answers of yes or no, a weight
#   awk -v table=series -f data.awk    three series of two numbers and a class, step by step
# The numbers are the same with every awk and every C library: s <- 16807 s mod 2^31 - 1 (Park and Miller 1988), exact in
# a double, and nothing behind it but + - * / and rounding.
function uniform() {
  s = s * 16807 % 2147483647
  return s / 2147483647
}

function noise() { return uniform() + uniform() + uniform() - 1.5 }

function rows(   i, j, u, kind, score, first, second) {
  print "a,b,c,d,e,f,g,h,i,j,k,l,kind,first,second,third,count,class,large,odd,weight"
  for (i = 0; i < 611; i++) {
    for (j = 0; j < 12; j++) {
      u[j] = 2 * uniform() - 1
      printf "%.3f,", j + u[j] * (j % 3 == 0 ? 1 : j % 3 == 1 ? 10 : 0.1)
    }
    kind = int(4 * uniform())
    first = 3 * u[0] * u[1] + 2 * u[2] - u[3] + 0.3 * noise()
    second = 40 + 10 * u[4] * u[4] - 5 * u[5] + kind + noise()
    score = 2 * u[0] + u[6] * u[7] + 0.5 * kind + 0.2 * noise()
    printf("%d,%.3f,%.3f,%.3f,%d,%s,%d,%d,%.2f\n", kind, first, second, u[8] - u[9] * u[10] + 0.2 * noise(),
           int((1 + u[0]) * (2 + u[1]) * (uniform() + uniform())),
           score < -1 ? "deep" : score < 0 ? "low" : score < 1.2 ? "mid" : score < 2 ? "high" : "top",
           first > 0.5, u[11] * u[10] > 0, 0.25 + int(8 * uniform()) / 4)
  }
}

function series(   t, i, wave, level, flow) {
  print "station,level,flow,state"
  for (t = 0; t < 700; t++)
    for (i = 0; i < 3; i++) {
      wave = (t + 4 * i) % 12 < 6 ? (t + 4 * i) % 6 - 3 : 3 - (t + 4 * i) % 6
      level[i] = 0.8 * level[i] + 0.4 * noise()
      flow[i] = 0.5 * flow[i] + uniform()
      if (t >= 17 * i)
        printf("s%d,%.3f,%.3f,%s\n", i, 5 + wave + level[i], flow[i] * (4 + wave),
               wave + level[i] < -1 ? "dry" : wave + level[i] < 2 ? "normal" : "flood")
    }
}

BEGIN {
  s = 1
  if (table == "rows") rows()
  else series()
}
