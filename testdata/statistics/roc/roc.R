# Writes roc.json: reference values for the ROC group. R 4.2, pROC 1.18.0, jsonlite.
# Rscript roc.R
# aSAH: Turck et al. 2010, part of pROC (GPL-3); only the columns needed are kept. Other data: by seed.
suppressMessages(library(pROC)); library(jsonlite)
set.seed(20261125)
data(aSAH)
full <- function(truth, score) roc(truth, score, levels = c(FALSE, TRUE), direction = "<", quiet = TRUE)
newcombe5 <- function(a, m, n, level) {  # Newcombe 2006, method 5, by uniroot
  z <- qnorm(1 - (1 - level)/2); s <- (m + n)/2 - 1
  f <- function(t) (a - t)^2 - z^2 * t*(1-t)*(1 + s*(1-t)/(2-t) + s*t/(1+t))/(m*n)
  lo <- if (a == 0) 0 else uniroot(f, c(1e-12, a - 1e-9*a), tol = 1e-15, maxiter = 10000)$root
  hi <- if (a == 1) 1 else uniroot(f, c(a + 1e-9*(1-a), 1 - 1e-12), tol = 1e-15, maxiter = 10000)$root
  c(lo, hi)
}
hm <- function(a, m, n) { q1 <- a/(2-a); q2 <- 2*a^2/(1+a); (a*(1-a)+(m-1)*(q1-a^2)+(n-1)*(q2-a^2))/(m*n) }
psi <- function(x, y) (outer(x, y, ">") + 0.5*outer(x, y, "=="))
# Obuchowski 1997, from the definition, for a list of scores: covariance matrix of the areas.
obuchowski <- function(truth, scores, cluster) {
  M <- sum(truth); N <- sum(!truth); cl <- unique(cluster)
  comp <- lapply(scores, function(s) { p <- psi(s[truth], s[!truth]); a <- mean(p)
    v10 <- rowMeans(p); v01 <- colMeans(p)
    list(a = a, A = sapply(cl, function(k) sum(v10[cluster[truth] == k] - a)),
         B = sapply(cl, function(k) sum(v01[cluster[!truth] == k] - a))) })
  I10 <- length(unique(cluster[truth])); I01 <- length(unique(cluster[!truth])); I <- length(cl)
  cv <- function(r, s) {
    S10 <- I10/((I10-1)*M)*sum(r$A*s$A); S01 <- I01/((I01-1)*N)*sum(r$B*s$B)
    S11 <- I/(I-1)*sum(r$A*s$B); S11b <- I/(I-1)*sum(s$A*r$B)
    S10/M + S01/N + (S11 + S11b)/(M*N) }
  list(area = sapply(comp, `[[`, "a"), cov = unname(t(sapply(comp, function(r) sapply(comp, function(s) cv(r, s))))))
}
ca <- function(r, x, input) { co <- coords(r, x, input = input, ret = c("sensitivity", "specificity"), transpose = FALSE); co }
single <- function(name, truth, score) {
  r <- full(truth, score); ci <- ci.auc(r, method = "delong"); m <- sum(truth); n <- sum(!truth)
  a <- as.numeric(r$auc); v <- var(r); z <- qnorm(.975)
  lg <- plogis(qlogis(a) + c(-1,1)*z*sqrt(v)/(a*(1-a)))
  ranges <- list(c(.9, 1), c(.8, 1), c(.3, .55), c(0, .2), c(.901, .913), c(0, 1))
  pa <- do.call(rbind, lapply(ranges, function(g) do.call(rbind, lapply(c("specificity", "sensitivity"), function(f) {
    one <- function(cor) suppressWarnings(as.numeric(auc(r, partial.auc = g, partial.auc.focus = f, partial.auc.correct = cor)))
    data.frame(from = g[1], to = g[2], focus = f, area = one(FALSE), corrected = one(TRUE)) }))))
  best <- function(m, w) { b <- coords(r, "best", best.method = m, best.weights = w, ret = c("threshold", "specificity", "sensitivity"), transpose = FALSE); b }
  at <- c(0, .05, .1, .25, .5, .6, .75, .8, .9, .95, .99, 1)
  all <- coords(r, "all", ret = c("threshold", "specificity", "sensitivity"), transpose = FALSE)
  thr <- as.numeric(quantile(score, c(.1, .35, .5, .8, .99), type = 1))
  tc <- coords(r, thr, input = "threshold", ret = c("threshold", "specificity", "sensitivity"), transpose = FALSE)
  list(name = name, truth = truth, score = score, auc = a, variance = v, delong = ci[c(1, 3)], logit = lg,
       newcombe = newcombe5(a, m, n, .95), hanley_mcneil = hm(a, m, n), partial = pa,
       youden = best("youden", c(1, .5)), topleft = best("closest.topleft", c(1, .5)),
       youden_weighted = best("youden", c(2, .2)), at = at,
       se_at_sp = ca(r, at, "specificity")$sensitivity, sp_at_se = ca(r, at, "sensitivity")$specificity,
       curve = if (nrow(all) <= 80) all else NULL, thresholds = tc)
}
gen <- function(m, n, shift, round = NA) { t <- sample(rep(c(TRUE, FALSE), c(m, n))); s <- rnorm(m + n, ifelse(t, shift, 0)); if (!is.na(round)) s <- round(s, round); list(t, s) }
poor <- aSAH$outcome == "Poor"
g1 <- gen(40, 60, 1); g2 <- gen(7, 90, 1.5, 1); g3 <- gen(25, 25, .3, 0); g4 <- gen(3, 4, .8); g5 <- gen(30, 35, -0.6, 1); g6 <- gen(2, 50, 2, 1)
g7 <- list(c(TRUE, TRUE, TRUE, FALSE, FALSE, FALSE, TRUE, FALSE), c(1e300, 0, 1e-301, -0.0, 1e-302, -1e300, 5, 1e-301))
singles <- list(single("aSAH s100b", poor, aSAH$s100b), single("aSAH ndka", poor, aSAH$ndka),
  single("aSAH wfns", poor, as.numeric(aSAH$wfns)), single("untied", g1[[1]], g1[[2]]), single("few positives", g2[[1]], g2[[2]]),
  single("coarse", g3[[1]], g3[[2]]), single("tiny", g4[[1]], g4[[2]]), single("below the diagonal", g5[[1]], g5[[2]]),
  single("two positives", g6[[1]], g6[[2]]), single("extreme numbers", g7[[1]], g7[[2]]))
boundary <- lapply(list(c(1, 5, 7), c(1, 30, 200), c(0, 12, 4), c(1, 1, 1), c(.5, 8, 9), c(.97, 3, 60)), function(b)
  list(auc = b[1], m = b[2], n = b[3], interval = newcombe5(b[1], b[2], b[3], .95)))
pairtest <- function(name, truth, a, b) {
  ra <- full(truth, a); rb <- full(truth, b); t <- roc.test(ra, rb, method = "delong", paired = TRUE)
  list(name = name, truth = truth, first = a, second = b, z = as.numeric(t$statistic), p = t$p.value, ci = as.numeric(t$conf.int), cov = cov(ra, rb),
       venkatraman = as.numeric(roc.test(ra, rb, method = "venkatraman", paired = TRUE, boot.n = 2, progress = "none")$statistic))
}
h <- gen(35, 55, 1.2); h2 <- round(h[[2]] + rnorm(90), 1); h3 <- rnorm(90, ifelse(h[[1]], .6, 0))
pv <- function(truth, a, b, n) roc.test(full(truth, a), full(truth, b), method = "venkatraman", paired = TRUE, boot.n = n, progress = "none")$p.value
paired <- list(pairtest("aSAH", poor, aSAH$s100b, aSAH$ndka), pairtest("aSAH wfns", poor, as.numeric(aSAH$wfns), aSAH$ndka),
  pairtest("generated", h[[1]], h[[2]], h2), pairtest("generated 2", h[[1]], h2, h3))
# Three scores: the quadratic form from pROC's variances and covariances.
three <- list(h[[2]], h2, h3); rr <- lapply(three, function(s) full(h[[1]], s))
S <- outer(1:3, 1:3, Vectorize(function(i, j) if (i == j) var(rr[[i]]) else cov(rr[[i]], rr[[j]])))
A <- sapply(rr, function(r) as.numeric(r$auc)); L <- rbind(c(1, -1, 0), c(0, 1, -1)); d <- L %*% A
chi <- as.numeric(t(d) %*% solve(L %*% S %*% t(L)) %*% d)
overall <- list(truth = h[[1]], scores = three, chi_squared = chi, p = pchisq(chi, 2, lower.tail = FALSE))
unpairtest <- function(name, t1, s1, t2, s2) { r1 <- full(t1, s1); r2 <- full(t2, s2); t <- roc.test(r1, r2, method = "delong", paired = FALSE)
  list(name = name, truth1 = t1, score1 = s1, truth2 = t2, score2 = s2, d = as.numeric(t$statistic), df = as.numeric(t$parameter), p = t$p.value,
       venkatraman = suppressWarnings(as.numeric(roc.test(r1, r2, method = "venkatraman", paired = FALSE, boot.n = 2, progress = "none")$statistic))) }
u1 <- gen(20, 40, 1); u2 <- gen(30, 30, .5, 1); u3 <- gen(12, 80, 1.4)
w <- aSAH$gender == "Female"
unpaired <- list(unpairtest("equal sizes", u1[[1]], u1[[2]], u2[[1]], u2[[2]]), unpairtest("unequal", u1[[1]], u1[[2]], u3[[1]], u3[[2]]),
  unpairtest("aSAH by sex", poor[w], aSAH$ndka[w], poor[!w], aSAH$ndka[!w]))
permutation <- list(paired = pv(poor, aSAH$s100b, aSAH$ndka, 4000),
  unpaired = roc.test(full(u1[[1]], u1[[2]]), full(u2[[1]], u2[[2]]), method = "venkatraman", paired = FALSE, boot.n = 4000, progress = "none")$p.value)
clustered <- lapply(1:3, function(k) {
  size <- if (k == 1) rep(2, 30) else if (k == 2) sample(1:6, 25, TRUE) else c(1, 1, 1, 20, 3, 9, 2)
  id <- rep(seq_along(size), size); n <- length(id); e <- rnorm(length(size))[id]
  t <- plogis(rnorm(n) + e) > .5; s <- e/2 + rnorm(n, ifelse(t, 1, 0)); s2 <- round(e/3 + rnorm(n, ifelse(t, .7, 0)), 1)
  o <- obuchowski(t, list(s, s2), id); list(cluster = id, truth = t, first = s, second = s2, area = o$area, cov = o$cov) })
# Bootstrap, to be met within Monte-Carlo error.
r <- full(poor, aSAH$s100b)
boot <- list(auc = as.numeric(ci.auc(r, method = "bootstrap", boot.n = 10000, progress = "none")),
  se = unclass(ci.se(r, specificities = seq(0, 1, .1), boot.n = 5000, progress = "none"))[, c(1, 3)],
  partial = as.numeric(ci.auc(full(poor, aSAH$s100b), partial.auc = c(1, .9), partial.auc.correct = TRUE, reuse.auc = FALSE, method = "bootstrap", boot.n = 5000, progress = "none")))
# Multi-class, many and one score.
k <- 3; cl <- sample(c("a", "b", "c"), 90, TRUE, c(.5, .3, .2)); P <- matrix(rgamma(270, 1), 90); P[cbind(1:90, match(cl, letters))] <- P[cbind(1:90, match(cl, letters))] + .7
P <- round(P/rowSums(P), 2); P[, 3] <- round(1 - P[, 1] - P[, 2], 2); colnames(P) <- letters[1:3]
one <- round(rnorm(90, c(a = 0, b = -.5, c = 1.2)[cl]), 1)
multi <- list(class = cl, a = P[, 1], b = P[, 2], c = P[, 3], hand_till = as.numeric(multiclass.roc(cl, P)$auc),
  one = one, univariate = suppressMessages(as.numeric(multiclass.roc(cl, one)$auc)),
  ascending = suppressMessages(as.numeric(multiclass.roc(cl, one, direction = "<")$auc)))
out <- list(tool = paste(R.version.string, "pROC", packageVersion("pROC")), command = "Rscript roc.R", singles = singles, boundary = boundary,
  paired = paired, overall = overall, unpaired = unpaired, permutation = permutation, clustered = clustered, bootstrap = boot, multiclass = multi)
js <- toJSON(out, digits = NA, auto_unbox = TRUE, dataframe = "columns", na = "string", matrix = "rowmajor")
writeLines(js, "roc.json")
