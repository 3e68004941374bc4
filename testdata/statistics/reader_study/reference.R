# Rscript reference.R > reference.json
# Definitions in loops and outer products; mean squares by aov. Needs jsonlite and lme4.
suppressMessages({library(jsonlite); library(lme4)})
auc <- function(x, y) { s <- 0; for (b in y) s <- s + sum((b > x) + 0.5 * (b == x)); s / (length(x) * length(y)) }
fom <- function(d, kind, thr) {
  p <- d$rating[d$truth == 1]; n <- d$rating[d$truth == 0]
  switch(kind, auc = auc(n, p), sensitivity = mean(p >= thr), specificity = mean(n < thr),
    `partial-auc-specificity` = partial(n, p, 0.7, 1), `partial-auc-sensitivity` = partial_s(n, p, 0.7, 1))
}
curve <- function(n, p) { t <- sort(unique(c(n, p)), decreasing = TRUE)
  list(f = c(0, sapply(t, function(a) mean(n >= a))), s = c(0, sapply(t, function(a) mean(p >= a)))) }
# Area under (or right of) the polygon within a range, by exact integration of each segment.
segment <- function(x, y, lo, hi) { total <- 0
  for (k in seq_len(length(x) - 1)) { a <- max(x[k], lo); b <- min(x[k + 1], hi)
    if (b > a) { g <- function(v) y[k] + (v - x[k]) / (x[k + 1] - x[k]) * (y[k + 1] - y[k]); total <- total + (b - a) * (g(a) + g(b)) / 2 } }
  total }
partial <- function(n, p, lo, hi) { c <- curve(n, p); segment(c$f, c$s, 1 - hi, 1 - lo) }
partial_s <- function(n, p, lo, hi) { c <- curve(n, p); segment(c$s, 1 - c$f, lo, hi) }
relevant <- function(d, kind) switch(kind, sensitivity = d[d$truth == 1, ], specificity = d[d$truth == 0, ], d)
cells <- function(d) { g <- expand.grid(test = sort(unique(d$test)), reader = sort(unique(d$reader)))
  g$n <- mapply(function(t, r) sum(d$test == t & d$reader == r), g$test, g$reader); g[g$n > 0, ] }
thetas <- function(d, g, kind, thr) mapply(function(t, r) fom(d[d$test == t & d$reader == r, ], kind, thr), g$test, g$reader)
jack <- function(d, g, kind, thr) { k <- sort(unique(d$case))
  m <- t(sapply(k, function(i) thetas(d[d$case != i, ], g, kind, thr)))
  m <- sweep(m, 2, colMeans(m)); (length(k) - 1) / length(k) * t(m) %*% m }
psi <- function(d, t, r) { e <- d[d$test == t & d$reader == r, ]; p <- e[e$truth == 1, ]; n <- e[e$truth == 0, ]
  s <- outer(p$rating, n$rating, function(a, b) (a > b) + 0.5 * (a == b))
  list(s = s, p = p$case, n = n$case) }
delong <- function(d, g) { q <- Map(function(t, r) psi(d, t, r), g$test, g$reader); L <- length(q); v <- matrix(0, L, L)
  for (a in 1:L) for (b in 1:L) { x <- q[[a]]; y <- q[[b]]; ip <- intersect(x$p, y$p); jn <- intersect(x$n, y$n)
    vx <- rowMeans(x$s) - mean(x$s); vy <- rowMeans(y$s) - mean(y$s); wx <- colMeans(x$s) - mean(x$s); wy <- colMeans(y$s) - mean(y$s)
    if (length(ip)) v[a, b] <- v[a, b] + sum(vx[match(ip, x$p)] * vy[match(ip, y$p)]) / (length(ip) - 1) / length(ip)
    if (length(jn)) v[a, b] <- v[a, b] + sum(wx[match(jn, x$n)] * wy[match(jn, y$n)]) / (length(jn) - 1) / length(jn) }
  v }
# Sums over quadruples (i, j), (k, l) by pattern: same positive, same negative.
quad <- function(x, y) {
  ex <- expand.grid(i = x$p, j = x$n); ey <- expand.grid(i = y$p, j = y$n); vx <- c(x$s); vy <- c(y$s)
  num <- den <- c(0, 0, 0, 0)
  for (at in seq_along(vx)) { si <- ey$i == ex$i[at]; sj <- ey$j == ex$j[at]; w <- vx[at] * vy
    num <- num + c(sum(w[si & sj]), sum(w[si & !sj]), sum(w[!si & sj]), sum(w[!si & !sj]))
    den <- den + c(sum(si & sj), sum(si & !sj), sum(!si & sj), sum(!si & !sj)) }
  list(num = num, den = den) }
unbiased <- function(d, g) { q <- Map(function(t, r) psi(d, t, r), g$test, g$reader); L <- length(q); v <- matrix(0, L, L)
  for (a in 1:L) for (b in 1:a) { z <- quad(q[[a]], q[[b]])
    v[a, b] <- v[b, a] <- mean(q[[a]]$s) * mean(q[[b]]$s) - z$num[4] / z$den[4] }
  v }
or <- function(d, kind = "auc", thr = NA, cov = "jackknife", design = 1, level = 0.95) {
  d <- relevant(d, kind); g <- cells(d); th <- thetas(d, g, kind, thr)
  v <- switch(cov, jackknife = jack(d, g, kind, thr), delong = delong(d, g), unbiased = unbiased(d, g))
  ft <- factor(g$test); fr <- factor(g$reader); nt <- nlevels(ft); nr <- nlevels(fr)
  ms <- summary(aov(th ~ ft * fr))[[1]][["Mean Sq"]]
  st <- outer(g$test, g$test, "=="); sr <- outer(g$reader, g$reader, "==")
  c1 <- mean(v[!st & sr]); c2 <- mean(v[st & !sr]); c3 <- mean(v[!st & !sr]); if (design == 2) c2 <- c3 <- 0; if (design == 3) c1 <- c3 <- 0
  ve <- mean(diag(v)); means <- tapply(th, ft, mean); q <- qt((1 + level) / 2, 1e9)
  den <- ms[3] + nr * max(c2 - c3, 0); df2 <- den^2 / (ms[3]^2 / ((nt - 1) * (nr - 1)))
  pairs <- t(combn(nt, 2)); diff <- as.numeric(means[pairs[, 1]] - means[pairs[, 2]])
  one <- function(se, df) { z <- if (is.null(df)) qnorm((1 + level) / 2) else qt((1 + level) / 2, df)
    pv <- if (is.null(df)) 2 * pnorm(-abs(diff / se)) else 2 * pt(-abs(diff / se), df)
    list(se = se, lower = diff - z * se, upper = diff + z * se, p = pv) }
  dfr <- ve - c1 + (nr - 1) * max(c2 - c3, 0); dfru <- ve - c1 + (nr - 1) * (c2 - c3)
  single <- lapply(levels(ft), function(l) { w <- v[ft == l, ft == l]; mr <- var(th[ft == l]); k2 <- if (design == 2) 0 else mean(w[row(w) != col(w)]); e <- mean(diag(w))
    s1 <- sqrt(mr / nr + max(k2, 0)); d1 <- (mr + nr * max(k2, 0))^2 / (mr^2 / (nr - 1)); m <- mean(th[ft == l])
    clip <- function(h) pmin(pmax(c(m - h, m + h), 0), 1)
    s2 <- sqrt((e + (nr - 1) * max(k2, 0)) / nr); s3 <- sqrt(mr / nr)
    list(estimate = m, ms_r = mr, cov2 = k2, var_error = e, rrrc_se = s1, rrrc_df = d1, rrrc = clip(qt((1 + level) / 2, d1) * s1), frrc_se = s2, frrc = clip(qnorm((1 + level) / 2) * s2), rrfc_se = s3, rrfc = clip(qt((1 + level) / 2, nr - 1) * s3)) })
  list(kind = kind, threshold = thr, covariance = cov, theta = th, cells = paste(g$test, g$reader), matrix = v, ms_t = ms[1], ms_r = ms[2], ms_tr = ms[3],
    var_error = ve, cov1 = c1, cov2 = c2, cov3 = c3, var_r = (ms[2] - ms[3]) / nt - c1 + c3, var_tr = ms[3] - ve + c1 + c2 - c3,
    means = as.numeric(means), difference = diff,
    rrrc = c(list(f = ms[1] / den, df2 = df2, p = pf(ms[1] / den, nt - 1, df2, lower.tail = FALSE)), diff = one(sqrt(2 / nr * den), df2)),
    frrc = c(list(f = (nt - 1) * ms[1] / dfr, p = pchisq((nt - 1) * ms[1] / dfr, nt - 1, lower.tail = FALSE)), diff = one(sqrt(2 / nr * dfr), NULL)),
    frrc_unclamped = if (dfru > 0) (nt - 1) * ms[1] / dfru else NA,
    rrfc = c(list(f = ms[1] / ms[3], df2 = (nt - 1) * (nr - 1), p = pf(ms[1] / ms[3], nt - 1, (nt - 1) * (nr - 1), lower.tail = FALSE)), diff = one(sqrt(2 / nr * ms[3]), (nt - 1) * (nr - 1))),
    single = single)
}
dbm <- function(d, kind = "auc", thr = NA) {
  d <- relevant(d, kind); k <- sort(unique(d$case)); g <- cells(d); th <- thetas(d, g, kind, thr); K <- length(k)
  y <- NULL; for (i in k) { l <- thetas(d[d$case != i, ], g, kind, thr); y <- rbind(y, data.frame(g, case = i, y = K * th - (K - 1) * l)) }
  # Centred: the mean pseudovalue of each cell is its figure of merit.
  y$cell <- paste(y$test, y$reader); m <- tapply(y$y, y$cell, mean); y$y <- y$y + th[match(y$cell, paste(g$test, g$reader))] - m[y$cell]
  s <- summary(aov(y ~ factor(test) * factor(reader) * factor(case), data = y))[[1]]
  ms <- setNames(s[["Mean Sq"]], c("t", "r", "c", "tr", "tc", "rc", "trc")); nt <- length(unique(g$test)); nr <- length(unique(g$reader))
  den <- ms[["tr"]] + max(ms[["tc"]] - ms[["trc"]], 0); df2 <- den^2 / (ms[["tr"]]^2 / ((nt - 1) * (nr - 1)))
  single <- lapply(sort(unique(g$test)), function(l) { a <- summary(aov(y ~ factor(reader) * factor(case), data = y[y$test == l, ]))[[1]][["Mean Sq"]]
    e <- a[1] + max(a[2] - a[3], 0); f <- e^2 / (a[1]^2 / (nr - 1)); m <- mean(y$y[y$test == l]); h <- qt(.975, f) * sqrt(e / nr / K); h2 <- qt(.975, K - 1) * sqrt(a[2] / nr / K)
    list(estimate = m, rrrc = pmin(pmax(c(m - h, m + h), 0), 1), frrc = pmin(pmax(c(m - h2, m + h2), 0), 1), df = f) })
  list(kind = kind, threshold = thr, ms = as.list(ms), rrrc = list(f = ms[["t"]] / den, df2 = df2, p = pf(ms[["t"]] / den, nt - 1, df2, lower.tail = FALSE)),
    frrc = list(f = ms[["t"]] / ms[["tc"]], df2 = (nt - 1) * (K - 1), p = pf(ms[["t"]] / ms[["tc"]], nt - 1, (nt - 1) * (K - 1), lower.tail = FALSE)),
    rrfc = list(f = ms[["t"]] / ms[["tr"]], df2 = (nt - 1) * (nr - 1), p = pf(ms[["t"]] / ms[["tr"]], nt - 1, (nt - 1) * (nr - 1), lower.tail = FALSE)), single = single)
}
# Gallas 2006, Gallas and others 2009: moments over pairs of readings by pattern.
bdg <- function(d, A, B) {
  num <- den <- rep(0, 8)
  for (r in sort(unique(d$reader[d$test == A]))) for (s in sort(unique(d$reader[d$test == B]))) {
    z <- quad(psi(d, A, r), psi(d, B, s)); at <- if (r == s) 1:4 else 5:8
    num[at] <- num[at] + z$num; den[at] <- den[at] + z$den }
  # Unbiased moments, and the V-statistic moments, which also count coinciding readers and cases.
  add <- function(v) c(v[1], v[1] + v[2], v[1] + v[3], sum(v[1:4])); same <- function(v) c(add(v[1:4]), add(v[1:4] + v[5:8]))
  m <- ifelse(den > 0, num / den, 0); b <- same(num) / same(den); w <- den / sum(den); w[8] <- w[8] - 1
  b[!is.finite(b)] <- 0
  bck <- function(q) c(n = q[7] - q[8], d = q[6] - q[8], r = q[4] - q[8])
  co <- c(n = w[1] + w[3] + w[5] + w[7], d = w[1] + w[2] + w[5] + w[6], r = sum(w[1:4]))
  e <- function(t) { v <- 0; k <- 0; for (r in sort(unique(d$reader[d$test == t]))) { x <- psi(d, t, r)$s; v <- v + sum(x); k <- k + length(x) }; v / k }
  list(auc_a = e(A), auc_b = e(B), moments = m, biased = b, coefficients = w, covariance = sum(w * m), covariance_biased = sum(w * b), bck = bck(b), df = round(1 / co - 1))
}
ustat <- function(d) { ts <- sort(unique(d$test)); one <- lapply(ts, function(t) bdg(d, t, t))
  df1 <- function(v, z, n) if (v < 0) NA else max(v^2 / sum(z^2 / n^3), min(n))
  pt2 <- function(e, v, f) if (is.na(f)) c(NA, NA, NA) else if (f > 50) c(2 * pnorm(-abs(e) / sqrt(v)), e + c(-1, 1) * qnorm(.975) * sqrt(v)) else c(2 * pt(-abs(e) / sqrt(v), floor(f)), e + c(-1, 1) * qt(.975, floor(f)) * sqrt(v))
  single <- lapply(one, function(o) { f <- df1(o$covariance, o$bck, o$df); fb <- df1(o$covariance_biased, o$bck, o$df)
    list(auc = o$auc_a, variance = o$covariance, variance_biased = o$covariance_biased, df = f, df_biased = fb, moments = o$moments, coefficients = o$coefficients, ci = pt2(o$auc_a, o$covariance, f)[2:3]) })
  res <- list(single = single)
  if (length(ts) > 1) res$pairs <- apply(combn(length(ts), 2), 2, function(p) { a <- one[[p[1]]]; b <- one[[p[2]]]; x <- bdg(d, ts[p[1]], ts[p[2]])
    v <- a$covariance + b$covariance - 2 * x$covariance; vb <- a$covariance_biased + b$covariance_biased - 2 * x$covariance_biased
    n <- pmin(a$df, b$df); z <- a$bck + b$bck - 2 * x$bck; f <- df1(v, z, n); fb <- df1(vb, z, n); e <- a$auc_a - b$auc_a
    list(difference = e, covariance = x$covariance, variance = v, variance_biased = vb, df = f, df_biased = fb, test = pt2(e, v, f), test_biased = pt2(e, vb, fb)) }, simplify = FALSE)
  res }
standalone <- function(d, who) { g <- data.frame(test = 1, reader = sort(unique(d$reader))); d$test <- 1; th <- thetas(d, g, "auc", NA); v <- jack(d, g, "auc", NA); o <- which(g$reader == who)
  h <- setdiff(seq_along(th), o); x <- th[h] - th[o]; C <- v[h, h] - outer(v[h, o], rep(1, length(h))) - outer(rep(1, length(h)), v[o, h]) + v[o, o]; J <- length(h)
  c2 <- mean(C[row(C) != col(C)]); ve <- mean(diag(C)); mr <- var(x); e <- mr + max(J * c2, 0); df <- e^2 / (mr^2 / (J - 1)); t <- mean(x) / sqrt(e / J)
  tt <- t.test(x); se2 <- sqrt((ve + (J - 1) * max(c2, 0)) / J)
  list(standalone = th[o], readers = mean(th[h]), difference = mean(x), var_error = ve, cov2 = c2, t = t, df = df, p = 2 * pt(-abs(t), df), ci = mean(x) + c(-1, 1) * qt(.975, df) * sqrt(e / J),
    rrfc_p = tt$p.value, rrfc_ci = as.numeric(tt$conf.int), frrc_p = 2 * pnorm(-abs(mean(x) / se2)), frrc_se = se2) }
make <- function(seed, nt, nr, n0, n1, digits, sep = 1.2) { set.seed(seed); truth <- c(rep(0, n0), rep(1, n1)); K <- n0 + n1
  d <- expand.grid(case = 1:K, reader = 1:nr, test = 1:nt); d$truth <- truth[d$case]
  c0 <- rnorm(K, 0, .6); tc <- matrix(rnorm(K * nt, 0, .4), K); rc <- matrix(rnorm(K * nr, 0, .4), K); r0 <- rnorm(nr, 0, .2); tr <- matrix(rnorm(nt * nr, 0, .15), nt)
  d$rating <- round(sep * d$truth * (1 + .1 * d$test) + c0[d$case] + tc[cbind(d$case, d$test)] + rc[cbind(d$case, d$reader)] + d$truth * (r0[d$reader] + tr[cbind(d$test, d$reader)]) + rnorm(nrow(d), 0, .5), digits)
  d[, c("reader", "test", "case", "truth", "rating")] }
vd <- read.csv("van_dyke.csv"); names(vd)[2] <- "test"
tri <- make(11, 3, 4, 15, 12, 1)
small <- make(5, 2, 3, 5, 4, 0)
nr_ <- make(21, 2, 3, 12, 10, 1); nr_$case <- nr_$case + 100 * nr_$reader; nr_ <- nr_[!(nr_$reader == 2 & nr_$case %% 100 %in% c(3, 20)), ]
nt_ <- make(31, 2, 4, 12, 10, 1); nt_$case <- nt_$case + 100 * nt_$test
set.seed(41); miss <- make(41, 2, 4, 12, 10, 1); miss <- miss[sort(sample(nrow(miss), 140)), ]
rt <- make(51, 2, 4, 9, 8, 2); rt$test <- ifelse(rt$reader > 2, 2, 1); rt <- rt[rt$case %% 5 != rt$reader, ]
rt <- rt[!duplicated(rt[, c("reader", "test", "case")]), ]
sets <- list(van_dyke = vd, tri = tri, small = small, nested_readers = nr_, nested_tests = nt_, missing = miss)
ors <- list(); add <- function(set, ...) ors[[length(ors) + 1]] <<- c(list(set = set), or(sets[[set]], ...))
for (k in c("jackknife", "delong", "unbiased")) { add("van_dyke", cov = k); add("tri", cov = k); add("small", cov = k); add("nested_readers", cov = k, design = 2); add("nested_tests", cov = k, design = 3); if (k != "delong") add("missing", cov = k) }
add("van_dyke", "sensitivity", 4); add("van_dyke", "specificity", 4); add("tri", "sensitivity", 0.6); add("tri", "specificity", 0.6); add("van_dyke", "partial-auc-specificity"); add("van_dyke", "partial-auc-sensitivity"); add("tri", "partial-auc-specificity"); add("missing", "sensitivity", 0.6); add("nested_readers", "specificity", 0.4, design = 2)
dbms <- list(c(list(set = "van_dyke"), dbm(vd)), c(list(set = "tri"), dbm(tri)), c(list(set = "tri"), dbm(tri, "specificity", 0.6)))
us <- lapply(c("van_dyke", "tri", "small", "nested_readers", "nested_tests", "missing"), function(n) c(list(set = n), ustat(sets[[n]])))
us[[length(us) + 1]] <- c(list(set = "readers_in_tests"), ustat(rt))
sas <- list(c(list(set = "van_dyke", test = 1, who = 4), standalone(vd[vd$test == 1, ], 4)), c(list(set = "tri", test = 2, who = 1), standalone(tri[tri$test == 2, ], 1)))
power <- function(J, K, pilot, e, tr, ve, c1, c2, c3, a) { d <- max(c2 - c3, 0); tr <- max(tr, 0); q <- pilot / K
  den <- tr + q * (ve - c1 + (J - 1) * d); df <- den^2 / ((tr + q * (ve - c1 - d))^2 / (J - 1)); n <- e^2 * J / 2 / den
  den2 <- q * (ve - c1 + (J - 1) * d); den3 <- tr + q * (ve - c1 - d)
  list(readers = J, cases = K, pilot = pilot, effect = e, var_tr = tr, var_error = ve, cov1 = c1, cov2 = c2, cov3 = c3, alpha = a, df = df, ncp = n,
    rrrc = pf(qf(1 - a, 1, df), 1, df, ncp = n, lower.tail = FALSE), frrc = pchisq(qchisq(1 - a, 1), 1, ncp = e^2 * J / 2 / den2, lower.tail = FALSE), rrfc = pf(qf(1 - a, 1, J - 1), 1, J - 1, ncp = e^2 * J / 2 / den3, lower.tail = FALSE)) }
pw <- list(); for (J in c(3, 6, 15)) for (K in c(60, 251, 1000)) for (e in c(0.03, 0.08)) pw[[length(pw) + 1]] <- power(J, K, 114, e, 2e-4, 8e-4, 3.5e-4, 3.4e-4, 2.4e-4, 0.05)
pw[[length(pw) + 1]] <- power(5, 80, 50, 0.1, -1e-4, 1e-3, 3e-4, 2e-4, 3e-4, 0.01)
ncf <- list(); for (l in c(0, .3, 4.8, 40, 300)) for (f in c(.2, 1, 4.3, 30)) for (d in list(c(1, 3.7), c(1, 23.1), c(2, 60), c(4, 500))) ncf[[length(ncf) + 1]] <- list(x = f, d1 = d[1], d2 = d[2], ncp = l, cdf = pf(f, d[1], d[2], ncp = l))
set.seed(61); tm <- expand.grid(case = 1:14, reader = 1:4, test = 1:2); cc <- rnorm(14, 0, .3); rr <- rnorm(4, 0, .25); tc <- matrix(rnorm(28, 0, .12), 14); tr <- matrix(rnorm(8, 0, .1), 4)
tm$time <- round(exp(3.5 - .15 * (tm$test == 2) + cc[tm$case] + rr[tm$reader] + tc[cbind(tm$case, tm$test)] + tr[cbind(tm$reader, tm$test)] + rnorm(nrow(tm), 0, .2)), 1)
a <- summary(aov(log(time) ~ factor(test) * factor(reader) * factor(case), data = tm))[[1]][["Mean Sq"]]
l <- lmer(log(time) ~ factor(test) + (1 | reader) + (1 | case) + (1 | reader:test) + (1 | case:test) + (1 | reader:case), data = tm, control = lmerControl(optCtrl = list(ftol_abs = 1e-14, xtol_abs = 1e-14)))
den <- a[4] + a[5] - a[7]; df <- den^2 / (a[4]^2 / 3 + a[5]^2 / 13 + a[7]^2 / 39); d1 <- with(tm, mean(log(time[test == 1])) - mean(log(time[test == 2]))); se <- sqrt(2 * den / 4 / 14)
time <- list(data = as.list(tm), ms = a, difference = d1, se = se, df = df, p = 2 * pt(-abs(d1 / se), df), ratio = exp(d1 + c(0, -1, 1) * qt(.975, df) * se), lme4_se = sqrt(vcov(l)[2, 2]), lme4_difference = -as.numeric(fixef(l)[2]))
cat(toJSON(list(tool = paste0(R.version.string, "; lme4 ", packageVersion("lme4"), "; jsonlite ", packageVersion("jsonlite")), command = "Rscript reference.R > reference.json",
  sets = lapply(c(sets[-1], list(readers_in_tests = rt)), as.list), or = ors, dbm = dbms, u_statistics = us, standalone = sas, power = pw, noncentral_f = ncf, reading_time = time), digits = NA, auto_unbox = TRUE, na = "null"), "\n")
