# Writes central.json: R's own distribution functions at ordinary and extreme arguments.
# Rscript central.R
rows <- list()
# R's quantiles stop early in places; only those that its own distribution function confirms are kept.
confirmed <- function(p, q, f, ...) is.finite(q) && abs(f(q, ..., lower.tail = p <= 0.5) / min(p, 1 - p) - 1) < 1e-12
add <- function(f, args, value) rows[[length(rows) + 1]] <<- list(f = f, args = args, value = value)
for (x in c(-37.5, -37, -20, -8.5, -5, -3, -1.96, -1, -0.3, -1e-8, 0, 1e-12, 0.5, 1.5, 2.7, 6, 9, 20, 37)) {
  add("normal_cdf", x, pnorm(x)); add("normal_tail", x, pnorm(x, lower.tail = FALSE))
  add("normal_two_sided", x, 2 * pnorm(-abs(x))); add("normal_density", x, dnorm(x))
}
for (p in c(1e-300, 1e-100, 1e-20, 1e-10, 1e-5, 0.001, 0.025, 0.1, 0.3, 0.49, 0.4999999, 0.5, 0.500001, 0.6, 0.9, 0.975, 0.999, 1 - 1e-10, 1 - 2^-53))
  add("normal_quantile", p, qnorm(p))
for (df in c(0.5, 1, 1.5, 2, 3, 7.3, 30, 250.5, 1e4, 1e7)) {
  for (t in c(-1e5, -60, -12, -4, -2, -0.7, -1e-6, 0, 1e-9, 0.1, 1, 2.5, 8, 40)) {
    add("t_cdf", c(t, df), pt(t, df)); add("t_two_sided", c(t, df), 2 * pt(-abs(t), df))
  }
  for (p in c(1e-30, 1e-12, 1e-6, 0.005, 0.025, 0.2, 0.45, 0.49, 0.51, 0.7, 0.95, 0.975, 0.9999, 1 - 1e-12))
    if (confirmed(p, qt(p, df), pt, df)) add("t_quantile", c(p, df), qt(p, df))
}
for (df in c(0.01, 0.5, 1, 2, 3.7, 10, 99, 1000, 1e5, 1e7)) {
  for (q in c(1e-3, 0.1, 0.5, 0.9, 0.99, 1, 1.01, 1.1, 1.5, 2, 4, 20)) {
    add("chi_squared_tail", c(q * df, df), pchisq(q * df, df, lower.tail = FALSE))
    add("chi_squared_cdf", c(q * df, df), pchisq(q * df, df))
  }
  for (p in c(1e-30, 1e-10, 1e-4, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9999, 1 - 1e-12))
    if (qchisq(p, df) > 1e-290 && confirmed(p, qchisq(p, df), pchisq, df)) add("chi_squared_quantile", c(p, df), qchisq(p, df))
}
for (d in list(c(1, 1), c(1, 5), c(2, 3), c(4, 11.6), c(0.5, 2), c(30, 2), c(100, 1e5), c(7, 1e7), c(2000, 3000), c(1, 1e9), c(60, 0.7))) {
  for (f in c(1e-8, 1e-3, 0.1, 0.8, 1, 1.05, 1.3, 2, 5, 30, 1e3)) {
    add("f_tail", c(f, d), pf(f, d[1], d[2], lower.tail = FALSE)); add("f_cdf", c(f, d), pf(f, d[1], d[2]))
  }
  for (p in c(1e-10, 1e-3, 0.025, 0.4, 0.5, 0.9, 0.975, 0.9999)) if (confirmed(p, qf(p, d[1], d[2]), pf, d[1], d[2])) add("f_quantile", c(p, d), qf(p, d[1], d[2]))
}
for (d in list(c(0.5, 0.5), c(1, 1), c(1, 30), c(30, 1), c(0.01, 3), c(5, 0.02), c(15, 134), c(2, 1e6), c(1e5, 1e5), c(3000, 7), c(1e4, 3e6))) {
  m <- d[1] / (d[1] + d[2])
  for (x in unique(c(1e-12, 1e-4, 0.1, 0.5, 0.9, 0.9999, m * 0.5, m * 0.9, m, m + (1 - m) * 0.1, m + (1 - m) * 0.01))) {
    add("beta_cdf", c(x, d), pbeta(x, d[1], d[2])); add("beta_tail", c(x, d), pbeta(x, d[1], d[2], lower.tail = FALSE))
  }
  for (p in c(1e-10, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 1 - 1e-9)) {
    q <- qbeta(p, d[1], d[2]); if (q > 1e-290 && q < 1 && confirmed(p, q, pbeta, d[1], d[2])) add("beta_quantile", c(p, d), q)
  }
}
for (d in list(c(5, 0.3), c(20, 0.95), c(100, 0.01), c(1000, 0.5), c(50000, 0.937), c(1e6, 1e-5), c(1e6, 0.7), c(1, 0.2), c(37, 1e-9))) {
  n <- d[1]; p <- d[2]
  for (k in unique(pmin(n, pmax(0, round(c(0, 1, n * p * 0.5, n * p * 0.9, n * p, n * p + 2, n * p * 1.03 + 5, n - 1, n)))))) {
    add("binomial_pmf", c(k, n, p), dbinom(k, n, p)); add("binomial_cdf", c(k, n, p), pbinom(k, n, p))
    add("binomial_tail", c(k, n, p), pbinom(k, n, p, lower.tail = FALSE))
  }
}
rows <- Filter(function(r) is.finite(r$value) && (r$value == 0 || abs(r$value) > 1e-290), rows)
digits <- function(v) paste(sprintf("%.17g", v), collapse = ",")
lines <- sapply(rows, function(r) sprintf('{"f":"%s","args":[%s],"value":%s}', r$f, digits(r$args), digits(r$value)))
writeLines(c(sprintf('{"tool":"%s","command":"Rscript central.R","rows":[', R.version.string), paste(lines, collapse = ",\n"), "]}"), "central.json")
