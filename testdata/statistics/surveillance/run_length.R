# Writes run_length.json: average run lengths and limits by spc, and the asymptotic KS test of R.
# Rscript run_length.R
library(spc)
library(jsonlite)
cusum <- list()
for (k in c(0.25, 0.5, 1)) for (h in c(2, 4, 5, 8)) for (mu in c(0, 0.5, 1, 2)) for (side in c("one", "two")) {
  a <- xcusum.arl(k, h, mu, sided = side, r = 120)
  b <- if (h > 2) xcusum.arl(k, h, mu, hs = h / 4, sided = side, r = 120) else NA
  if (is.finite(a) && a < 1e9) cusum[[length(cusum) + 1]] <- list(k = k, h = h, shift = mu, sides = side, arl = a, arl_headstart = b)
}
ewma <- list()
for (l in c(0.03, 0.05, 0.1, 0.25, 0.5, 1)) for (c in c(2.5, 2.814, 3.2)) for (mu in c(0, 0.5, 1, 2)) {
  ewma[[length(ewma) + 1]] <- list(lambda = l, limit = c, shift = mu, arl = xewma.arl(l, c, mu, sided = "two", r = 200))
}
crit <- list(
  cusum = lapply(c(100, 370, 500, 5000), function(L) list(wanted = L, one = xcusum.crit(0.5, L, sided = "one", r = 100), two = xcusum.crit(0.5, L, sided = "two", r = 100))),
  ewma = lapply(c(100, 370, 500, 5000), function(L) list(wanted = L, limit = xewma.crit(0.1, L, sided = "two", r = 100)))
)
set.seed(5)
ks <- lapply(list(c(80, 70, 0.3), c(300, 200, 0.1), c(50, 50, 1.5)), function(v) {
  a <- rnorm(v[1]); b <- rnorm(v[2], v[3])
  list(reference = a, current = b, p = ks.test(a, b, exact = FALSE)$p.value)
})
writeLines(toJSON(list(tool = paste("R", getRversion(), "spc", packageVersion("spc")), command = "Rscript run_length.R",
  cusum = cusum, ewma = ewma, crit = crit, ks = ks), digits = NA, auto_unbox = TRUE), "run_length.json")
