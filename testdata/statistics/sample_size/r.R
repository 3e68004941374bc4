# Writes r.json: sample sizes by pROC, pwr, epiR, base R, and by enumeration over every n.
# Rscript r.R
suppressMessages({library(jsonlite); library(pROC); library(pwr); library(epiR)})
out <- list(tool = R.version.string, packages = list(pROC = as.character(packageVersion("pROC")), pwr = as.character(packageVersion("pwr")), epiR = as.character(packageVersion("epiR"))), command = "Rscript r.R", rows = list())
add <- function(id, settings, values) out$rows[[length(out$rows) + 1]] <<- list(id = id, settings = lapply(settings, as.character), values = values)
# Exact binomial test against a goal, every n up to 3 times the first: the last n without the power.
power <- function(n, p0, p1, a) { r <- qbinom(a, n, p0, lower.tail = FALSE) + 1; c(pbinom(r - 1, n, p1, lower.tail = FALSE), r) }
for (s in list(c(.8, .9, .025, .8), c(.5, .65, .025, .9), c(.9, .95, .05, .8), c(.1, .3, .025, .8), c(.3, .1, .025, .85), c(.95, .99, .025, .8), c(.7, .73, .025, .8))) {
  q <- if (s[2] < s[1]) 1 - s[1:2] else s[1:2]
  n <- 1:6000; p <- sapply(n, function(i) power(i, q[1], q[2], s[3])[1])
  safe <- max(n[p < s[4]]) + 1; first <- min(n[p >= s[4]]); w <- power(safe, q[1], q[2], s[3])
  add("size-proportion-goal", list(goal = s[1], expected = s[2], alpha = s[3], power = s[4]), list(n = safe, n_first = first, power = w[1], critical_count = if (s[2] < s[1]) safe - w[2] else w[2]))
}
for (s in list(c(.9, .8, .85, .75, .2, .8), c(.95, .9, .9, .85, .05, .9), c(.8, .6, .9, .7, .5, .8))) {
  n <- 1:40000; if (s[5] > .1) n <- 1:5000
  m <- floor(n * s[5] * (1 + 1e-12)); k <- n - m
  f <- function(x, p0, p1) { t <- table(x); u <- unique(x); v <- sapply(u, function(i) if (i == 0) 0 else power(i, p0, p1, .025)[1]); v[match(x, u)] }
  p <- f(m, s[2], s[1]) * f(k, s[4], s[3])
  safe <- max(n[p < s[6]]) + 1
  as <- n[n >= safe & pbinom(m[safe] - 1, n, s[5], lower.tail = FALSE) >= .9 & pbinom(k[safe] - 1, n, 1 - s[5], lower.tail = FALSE) >= .9][1]
  add("size-se-sp-goals", list(sensitivity = s[1], sensitivity_goal = s[2], specificity = s[3], specificity_goal = s[4], prevalence = s[5], power = s[6]),
      list(n = safe, n_first = min(n[p >= s[6]]), n_positive = m[safe], power = p[safe], n_assured = as))
}
wil <- function(p, n, z) 2 * z / (1 + z^2 / n) * sqrt(p * (1 - p) / n + z^2 / (4 * n^2)); cp <- function(x, n, a) qbeta(1 - a / 2, x + 1, n - x) - ifelse(x == 0, 0, qbeta(a / 2, x, n - x + 1))
for (s in list(c(.9, .1, .95), c(.5, .05, .95), c(.02, .03, .99), c(.97, .2, .9))) {
  z <- qnorm((1 + s[3]) / 2); n <- 1:20000
  add("size-proportion-precision", list(expected = s[1], width = s[2], level = s[3]), list(n = min(n[wil(s[1], n, z) <= s[2]])))
  add("size-proportion-precision", list(expected = s[1], width = s[2], level = s[3], method = "clopper-pearson"), list(n = min(n[cp(n * s[1], n, 1 - s[3]) <= s[2]])))
  add("size-proportion-precision", list(expected = s[1], width = s[2], level = s[3], method = "wald"), list(n = as.numeric(epi.sssimpleestb(Py = s[1], epsilon = s[2] / 2, error = "absolute", se = 1, sp = 1, conf.level = s[3]))))
}
cpx <- function(x, n) { hi <- ifelse(x == n, 1, qbeta(.975, x + 1, n - x)); lo <- ifelse(x == 0, 0, qbeta(.025, x, n - x + 1)); hi - lo }
av <- sapply(1:400, function(n) sum(dbinom(0:n, n, .9) * cpx(0:n, n)))
add("size-proportion-precision", list(expected = .9, width = .15, method = "clopper-pearson", criterion = "average"), list(n = min(which(av <= .15)), width = av[min(which(av <= .15))]))
for (s in list(c(.85, .75, .8), c(.1, .2, .9), c(.5, .52, .8))) {
  add("size-two-proportions", list(first = s[1], second = s[2], power = s[3]), list(n_first_unrounded = power.prop.test(p1 = s[1], p2 = s[2], power = s[3], tol = 1e-13)$n))
  add("size-two-proportions", list(first = max(s[1:2]), second = min(s[1:2]), power = s[3], method = "arcsine", sides = "one"), list(n_first_unrounded = pwr.2p.test(h = abs(ES.h(s[1], s[2])), power = s[3], alternative = "greater", sig.level = .05)$n))
}
rest <- function(p1, p2, d, k) { f <- function(q) p1 * log(q) + (1 - p1) * log(1 - q) + k * (p2 * log(q + d) + (1 - p2) * log(1 - q - d)); optimize(f, c(max(0, -d) + 1e-9, min(1, 1 - d) - 1e-9), maximum = TRUE, tol = 1e-12)$maximum }
for (s in list(c(.9, .9, .1, 1, .8), c(.85, .87, .08, 2, .9), c(.6, .55, .1, .5, .8), c(.95, .95, .05, 1, .8))) {
  q <- rest(s[1], s[2], s[3], s[4]); v0 <- q * (1 - q) + (q + s[3]) * (1 - q - s[3]) / s[4]; v1 <- s[1] * (1 - s[1]) + s[2] * (1 - s[2]) / s[4]
  n <- ((qnorm(.975) * sqrt(v0) + qnorm(s[5]) * sqrt(v1)) / (s[1] - s[2] + s[3]))^2
  add("size-two-proportions", list(first = s[1], second = s[2], margin = s[3], ratio = s[4], power = s[5], method = "farrington-manning", sides = "one", alpha = .025), list(n_first_unrounded = n))
}
e <- epi.ssninfb(treat = .85, control = .65, delta = .1, n = NA, r = 1, power = .8, nfractional = TRUE, alpha = .05)
add("size-two-proportions", list(first = .85, second = .65, margin = .1, method = "unpooled", sides = "one", alpha = .05, power = .8), list(n_first_unrounded = as.numeric(e$n.treat)))
mc <- function(n, g, l, a) sum(sapply(0:n, function(m) { w <- dbinom(m, n, g + l); if (w < 1e-16) return(0); b <- 0:m; p <- pmin(1, 2 * pmin(pbinom(b, m, .5), pbinom(b - 1, m, .5, lower.tail = FALSE))); w * sum(dbinom(b, m, g / (g + l))[p <= a]) }))
for (s in list(c(.15, .05, .8), c(.08, .02, .9), c(.05, .15, .8))) {
  d <- s[1] - s[2]; pd <- s[1] + s[2]; n <- ((qnorm(.975) * sqrt(pd) + qnorm(s[3]) * sqrt(pd - d^2)) / d)^2
  add("size-paired-proportions", list(gain = s[1], loss = s[2], power = s[3]), list(n_unrounded = n, n = ceiling(n), power_exact = mc(ceiling(n), s[1], s[2], .05)))
}
for (s in list(c(.7, .8, 1), c(.6, .9, 2), c(.9, .95, .5), c(.75, .8, 10))) for (side in c("two", "one"))
  add("size-auc", list(auc = s[1], power = s[2], ratio = s[3], sides = side), list(n_positive_unrounded = power.roc.test(auc = s[1], power = s[2], kappa = s[3], alternative = paste0(side, ".sided"))$ncases))
for (s in list(c(.85, .8, 1, 1, .6, .6, 1, .8), c(.9, .85, .8, 1.2, .5, .3, 2, .9), c(.75, .8, 1, 1.5, 0, 0, 1, .8))) {
  a <- qnorm(s[1:2]) * sqrt(1 + s[3:4]^2)
  l <- list(A1 = a[1], B1 = s[3], A2 = a[2], B2 = s[4], rn = s[6], ra = s[5], delta = s[1] - s[2])
  k <- list(first_auc = s[1], second_auc = s[2], first_sd_ratio = s[3], second_sd_ratio = s[4], correlation_positive = s[5], correlation_negative = s[6], ratio = s[7], power = s[8])
  add("size-two-aucs", k, list(n_positive_unrounded = power.roc.test(l, power = s[8], kappa = s[7])$ncases))
  v <- pROC:::var.params.obuchowski(a[1], s[3], s[7]) + pROC:::var.params.obuchowski(a[2], s[4], s[7]) - 2 * pROC:::cov.params.obuchowski(a[1], s[3], a[2], s[4], s[6], s[5], s[7])
  add("size-auc-non-inferiority", c(k, list(margin = .07)), list(n_positive_unrounded = (qnorm(.975) + qnorm(s[8]))^2 * v / (s[1] - s[2] + .07)^2))
}
Q <- function(p1, p2, k) { pe <- p1 * p2 + (1 - p1) * (1 - p2); po <- k * (1 - pe) + pe; a <- (po + p1 + p2 - 1) / 2; t <- matrix(c(a, p2 - a, p1 - a, po - a), 2); r <- rowSums(t); cc <- colSums(t)
  (sum(diag(t) * ((1 - pe) - (cc + r) * (1 - po))^2) + (1 - po)^2 * (t[1, 2] * (cc[1] + r[2])^2 + t[2, 1] * (cc[2] + r[1])^2) - (po * pe - 2 * pe + po)^2) / (1 - pe)^4 }
for (s in list(c(.3, .3, .6, .4), c(.5, .4, .7, 0), c(.2, .25, .8, .6))) {
  n <- ((qnorm(.975) * sqrt(Q(s[1], s[2], s[4])) + qnorm(.8) * sqrt(Q(s[1], s[2], s[3]))) / (s[3] - s[4]))^2
  add("size-kappa", list(first_rate = s[1], second_rate = s[2], kappa = s[3], null = s[4]), list(n_unrounded = n))
  add("size-kappa", list(first_rate = s[1], second_rate = s[2], kappa = s[3], width = .2), list(n_unrounded = 4 * qnorm(.975)^2 * Q(s[1], s[2], s[3]) / .04))
}
for (s in list(c(.8, .6, 2), c(.9, .75, 3), c(.5, 0, 2), c(.7, .5, 5))) {
  o <- function(r) 1 + s[3] * r / (1 - r); C <- o(s[2]) / o(s[1]); w <- 1 + 2 * (qnorm(.95) + qnorm(.8))^2 * s[3] / (log(C)^2 * (s[3] - 1))
  p <- sapply(2:500, function(n) pf(C * qf(.95, n - 1, n * (s[3] - 1)), n - 1, n * (s[3] - 1), lower.tail = FALSE))
  add("size-icc", list(icc = s[1], null = s[2], raters = s[3]), list(n_walter_unrounded = w, n_exact = min((2:500)[p >= .8]), power = p[ceiling(w) - 1]))
  add("size-icc", list(icc = s[1], null = s[2], raters = s[3], method = "precision", width = .2), list(n_unrounded = 1 + 8 * qnorm(.975)^2 * (1 - s[1])^2 * (1 + (s[3] - 1) * s[1])^2 / (s[3] * (s[3] - 1) * .04)))
}
for (s in list(c(.001167, .001129, .004, .8), c(0, 1, 2.5, .9), c(-.5, 2, 6, .8), c(0, 3.3, 8, .8), c(0, 1, 4, .9))) {
  # Exact: over the mean, the chance that the standard deviation leaves room for both limits' intervals.
  e <- function(n) { z <- qnorm(.975); k <- z + qt(.975, n - 1) * sqrt(1 / n + z^2 / (2 * (n - 1))); w <- s[2] / sqrt(n)
    g <- function(x) dnorm((x - s[1]) / w) / w * pchisq((n - 1) * ((s[3] - abs(x)) / (k * s[2]))^2, n - 1)
    b <- sort(unique(c(0, pmax(-s[3], pmin(s[3], c(-s[3], s[3], s[1] + w * seq(-10, 10)))))))
    sum(sapply(seq_along(b)[-1], function(i) integrate(g, b[i - 1], b[i], rel.tol = 1e-12, stop.on.error = FALSE)$value)) }
  f <- function(n) { z <- qnorm(.975); se <- s[2] * sqrt(1 / n + z^2 / (2 * (n - 1))); t <- qt(.975, n - 1); suppressWarnings(1 - pt(t, n - 1, (s[3] - s[1] - z * s[2]) / se) - pt(t, n - 1, (s[3] + s[1] - z * s[2]) / se)) }
  p <- sapply(2:500, f); n <- min((2:500)[p >= s[4]]); q <- sapply(2:500, e); m <- min((2:500)[q >= s[4]])
  add("size-bland-altman", list(mean = s[1], sd = s[2], max_difference = s[3], power = s[4]), list(n = m, power = q[m - 1], n_lu_2016 = n, power_lu_2016 = p[n - 1]))
  h <- function(n) qt(.975, n - 1) * s[2] * sqrt(1 / n + qnorm(.975)^2 / (2 * (n - 1)))
  add("size-bland-altman", list(sd = s[2], half_width = s[2] / 3), list(n = min((2:2000)[h(2:2000) <= s[2] / 3])))
}
for (s in list(c(.018, .8, -5, 1.2), c(.3, .75, -1, 1), c(.1, .9, -3, 2.2))) {
  z <- qnorm(.975); se <- asinh(.5) / z
  g <- function(k) integrate(function(x) x^k * plogis(x) * plogis(-x) * dnorm(x, s[3], s[4]), s[3] - 12 * s[4], s[3] + 12 * s[4], rel.tol = 1e-12, subdivisions = 2000)$value
  cw <- function(n) 2 * z * sqrt(s[2] * (1 - s[2]) * (1 + (n / 2 - 1) * (1 - s[2]) / (2 - s[2]) + (n / 2 - 1) * s[2] / (1 + s[2])) / (n^2 * s[1] * (1 - s[1])))
  add("size-calibration", list(prevalence = s[1], c_statistic = s[2], predictor_mean = s[3], predictor_sd = s[4]),
      list(n_observed_expected_unrounded = (1 - s[1]) / (s[1] * se^2), n_slope_unrounded = g(0) / ((.1 / z)^2 * (g(0) * g(2) - g(1)^2)), n_c_statistic = min((2:50000)[cw(2:50000) <= .1])))
}
add("size-cluster", list(independent = 300, cluster_size = 2.5, icc = .3, size_cv = .4), list(n = ceiling(300 * (1 + ((1 + .16) * 2.5 - 1) * .3)), design_effect = 1 + ((1 + .16) * 2.5 - 1) * .3))
writeLines(toJSON(out, auto_unbox = TRUE, digits = NA), "r.json")
