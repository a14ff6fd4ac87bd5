# Makes the table of the guide: 900 throws of a ball with speed (m/s), angle (degrees) and height of the hand (m),
# and whether it flew short (below 15 m), good, or far (30 m and more).
#   awk -f docs/guide/throws.awk > throws.csv
# The numbers are the same with every awk: s <- 16807 s mod 2^31 - 1 (Park and Miller 1988), exact in a double.
function uniform() {
  s = s * 16807 % 2147483647
  return s / 2147483647
}

BEGIN {
  s = 1
  print "speed,angle,height,result"
  for (i = 0; i < 900; i++) {
    speed = 5 + 20 * uniform()
    angle = 10 + 70 * uniform()
    height = 2 * uniform()
    vx = speed * cos(angle * 3.14159265 / 180)
    vy = speed * sin(angle * 3.14159265 / 180)
    distance = vx * (vy + sqrt(vy * vy + 2 * 9.81 * height)) / 9.81
    result = distance < 15 ? "short" : distance < 30 ? "good" : "far"
    printf "%.2f,%.1f,%.2f,%s\n", speed, angle, height, result
  }
}
