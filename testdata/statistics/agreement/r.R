# Writes r.json from data.json: psych, epiR, lm, lme4, and closed forms written from the papers.
# Rscript r.R
suppressMessages({library(jsonlite); library(psych); library(epiR); library(lme4)})
d <- fromJSON("data.json", simplifyVector = FALSE)
v <- function(x) unlist(x)
out <- list(tool = R.version.string, packages = list(psych = as.character(packageVersion("psych")), epiR = as.character(packageVersion("epiR")), lme4 = as.character(packageVersion("lme4"))), command = "Rscript r.R")
out$kappa <- Filter(Negate(is.null), lapply(d$kappa, function(c) {
  if (c$name == "one-sided") return(NULL)
  t <- table(factor(v(c$a), 0:(c$k - 1)), factor(v(c$b), 0:(c$k - 1)))
  lin <- 1 - abs(outer(1:c$k, 1:c$k, "-")) / (c$k - 1)
  k <- cohen.kappa(as.matrix(unclass(t)), w = NULL)
  l <- cohen.kappa(as.matrix(unclass(t)), w = lin)
  list(name = c$name, kappa = k$kappa, se = sqrt(k$var.kappa), quadratic = k$weighted.kappa, quadratic_se = sqrt(k$var.weighted), linear = l$weighted.kappa, linear_se = sqrt(l$var.weighted))
}))
# Shrout and Fleiss 1979 from mean squares of aov, and psych.
out$icc <- lapply(d$icc, function(c) {
  x <- do.call(rbind, lapply(c$rows, v)); i <- suppressWarnings(ICC(x, lmer = FALSE))$results
  list(name = c$name, icc = i$ICC, f = i$F, df1 = i$df1, df2 = i$df2, p = i$p, lower = i$`lower bound`, upper = i$`upper bound`)
})
out$ccc <- lapply(d$pairs, function(c) {
  z <- epi.ccc(v(c$first), v(c$second)); a <- epi.ccc(v(c$first), v(c$second), ci = "asymptotic")
  list(name = c$name, ccc = z$rho.c$est, zl = z$rho.c$lower, zu = z$rho.c$upper, al = a$rho.c$lower, au = a$rho.c$upper, scale = z$s.shift, location = z$l.shift, accuracy = z$C.b)
})
nct.q <- function(p, df, ncp) uniroot(function(t) suppressWarnings(pt(t, df, ncp)) - p, c(-50, 50 + 4 * ncp), tol = 1e-13)$root
out$bland_altman <- lapply(d$pairs, function(c) {
  e <- v(c$first) - v(c$second); n <- length(e); s <- sd(e); t <- qt(.975, n - 1); z <- qnorm(.975)
  m <- (v(c$first) + v(c$second)) / 2
  f <- lm(e ~ m); g <- lm(abs(resid(f)) ~ m)
  q <- c(nct.q(.025, n - 1, z * sqrt(n)), nct.q(.975, n - 1, z * sqrt(n))) / sqrt(n)
  list(name = c$name, bias = mean(e), sd = s, bias_ci = mean(e) + c(-1, 1) * t * s / sqrt(n), lower = mean(e) - z * s, upper = mean(e) + z * s,
       upper_1986 = mean(e) + z * s + c(-1, 1) * t * s * sqrt(3 / n), upper_1999 = mean(e) + z * s + c(-1, 1) * t * s * sqrt(1 / n + z^2 / (2 * (n - 1))),
       upper_exact = mean(e) + q * s, t_upper = mean(e) + t * s * sqrt(1 + 1 / n),
       slope = unname(coef(f)[2]), slope_p = summary(f)$coefficients[2, 4], spread = unname(coef(g)[2]), spread_p = summary(g)$coefficients[2, 4],
       ratio = exp(mean(log(v(c$first) / v(c$second)))), ratio_upper = exp(mean(log(v(c$first) / v(c$second))) + z * sd(log(v(c$first) / v(c$second)))), percent = mean(100 * e / m))
})
out$repeated <- lapply(d$repeated, function(c) {
  s <- factor(v(c$subject)); x <- v(c$first); y <- v(c$second); e <- x - y; z <- qnorm(.975)
  w <- epi.ccc(x, y, rep.measure = TRUE, subjectid = s)$sblalt
  a <- anova(aov(e ~ s))[[3]]; mi <- as.numeric(table(s)); g <- length(mi); n <- sum(mi)
  wx <- anova(aov(x ~ s))[[3]][2]; wy <- anova(aov(y ~ s))[[3]][2]; b <- var(tapply(x, s, mean) - tapply(y, s, mean)); h <- mean(1 / mi)
  vc <- b + (1 - h) * wx + (1 - h) * wy
  # Zou 2013: MOVER over the parts of the variance, each part with its degrees of freedom.
  mover <- function(m, vm, parts, df) { S <- sum(parts); lo <- S - sqrt(sum((parts * (1 - df / qchisq(.975, df)))^2)); up <- S + sqrt(sum((parts * (df / qchisq(.025, df) - 1))^2))
    U <- m + z * sqrt(S); c(U - sqrt(z^2 * vm + z^2 * (sqrt(S) - sqrt(max(lo, 0)))^2), U + sqrt(z^2 * vm + z^2 * (sqrt(up) - sqrt(S))^2)) }
  m0 <- (n^2 - sum(mi^2)) / ((g - 1) * n)
  list(name = c$name, varying = list(bias = w$est, sd = w$delta.sd, lower = w$lower, upper = w$upper, between = (a[1] - a[2]) / m0, within = a[2],
         upper_ci = mover(mean(e), sum(mi^2) / n^2 * (a[1] - a[2]) / m0 + a[2] / n, c(a[1] / m0, (1 - 1 / m0) * a[2]), c(g - 1, n - g))),
       constant = list(bias = mean(tapply(x, s, mean) - tapply(y, s, mean)), sd = sqrt(vc), upper_ci = mover(mean(tapply(x, s, mean) - tapply(y, s, mean)), b / g, c(b, (1 - h) * wx, (1 - h) * wy), c(g - 1, n - g, n - g))))
})
k <- d$cross; f <- data.frame(y = v(k$measurement), s = factor(v(k$subject)), c = factor(v(k$condition)))
vc <- as.data.frame(VarCorr(lmer(y ~ (1 | s) + (1 | c) + (1 | s:c), f, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14)))))
out$cross_lme4 <- setNames(as.list(vc$vcov), vc$grp)
a <- anova(aov(y ~ s * c, f)); ms <- a[[3]]; na <- 15; nb <- 4; r <- 2
comp <- c((ms[2] - ms[3]) / (na * r), (ms[3] - ms[4]) / r, ms[4])
sat <- sum(comp)^2 / ((ms[2] / (na * r))^2 / 3 + (ms[3] * (1 / r - 1 / (na * r)))^2 / a[[1]][3] + (ms[4] * (1 - 1 / r))^2 / a[[1]][4])
out$cross <- list(condition = comp[1], interaction = comp[2], residual = comp[3], rdc = qnorm(.975) * sqrt(2 * sum(comp)), ci = qnorm(.975) * sqrt(2 * sum(comp)) * sqrt(sat / qchisq(c(.975, .025), sat)))
out$linear <- lapply(d$pairs, function(c) {
  x <- v(c$first); y <- v(c$second); f <- lm(y ~ x); i <- confint(f); q <- lm(y ~ x + I(x^2))
  list(name = c$name, slope = unname(coef(f)[2]), slope_ci = unname(i[2, ]), intercept = unname(coef(f)[1]), intercept_ci = unname(i[1, ]), r2 = summary(f)$r.squared,
       quadratic = unname(coef(q)[3]), quadratic_p = summary(q)$coefficients[3, 4], bias = mean(y - x), bias_ci = as.numeric(t.test(y - x)$conf.int), percent = mean(100 * (y - x) / x))
})
# Deming: the structural maximum likelihood by optimisation confirms the closed form; weights as in Linnet 1993.
dem <- function(x, y, L, w = rep(1, length(x))) { mx <- weighted.mean(x, w); my <- weighted.mean(y, w); u <- sum(w * (x - mx)^2); q <- sum(w * (y - my)^2); p <- sum(w * (x - mx) * (y - my))
  b <- (L * q - u + sqrt((u - L * q)^2 + 4 * L * p^2)) / (2 * L * p); c(b, my - b * mx) }
wdem <- function(x, y, L) { w <- 1 / ((x + L * y) / (1 + L))^2; for (i in 1:2000) { o <- dem(x, y, L, w); e <- y - o[2] - o[1] * x; xh <- x + L * o[1] * e / (1 + L * o[1]^2); yh <- y - e / (1 + L * o[1]^2); w <- 1 / ((xh + L * yh) / (1 + L))^2 }; o }
jack <- function(f, n) { t <- sapply(1:n, f); apply(t, 1, function(q) sqrt((n - 1) / n * sum((q - mean(q))^2))) }
out$deming <- unlist(lapply(d$pairs, function(c) lapply(c(1, .25, 4), function(L) {
  x <- v(c$first); y <- v(c$second); n <- length(x); o <- dem(x, y, L); se <- jack(function(i) dem(x[-i], y[-i], L), n)
  # Sum of squared distances along the direction that the error ratio sets, minimised over the line.
  q <- optimize(function(b) { a <- mean(y) - b * mean(x); sum((y - a - b * x)^2) / (1 + L * b^2) }, o[1] + c(-.5, .5) * (1 + abs(o[1])), tol = 1e-10)$minimum
  r <- list(name = c$name, ratio = L, slope = o[1], intercept = o[2], slope_se = se[1], intercept_se = se[2], optimised = q)
  if (c$name %in% c("close", "ties", "pefr-1986")) { w <- wdem(x, y, L); r$weighted_slope <- w[1]; r$weighted_intercept <- w[2] }
  r
})), recursive = FALSE)
writeLines(toJSON(out, auto_unbox = TRUE, digits = NA, na = "null"), "r.json")
