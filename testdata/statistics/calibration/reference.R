# Writes r.json: calibration statistics of data.json by R.
# Rscript reference.R   (R 4.2.2, rms 6.5-0, sandwich 3.0-2; versions are written into the file)
suppressMessages({library(jsonlite); library(rms); library(sandwich)})
data <- fromJSON("data.json", simplifyDataFrame = FALSE)$sets
tight <- glm.control(epsilon = 1e-15, maxit = 200)
# glm keeps the weights of its last but one step; a second fit from the first one's coefficients has them settled.
glm <- function(formula, ...) { environment(formula) <- parent.frame(); f <- stats::glm(formula, ...); stats::glm(formula, ..., start = coef(f)) }
profile_ends <- function(dev, est, se, level = 0.95) {
  q <- qchisq(level, 1); best <- dev(est); f <- function(v) dev(v) - best - q
  root <- function(dir) { far <- est + dir * 2 * se; while (f(far) < 0) far <- far + dir * se
    uniroot(f, sort(c(est, far)), tol = 1e-13, maxiter = 1000)$root }
  c(root(-1), root(1))
}
hoslem <- function(y, yhat, g) {  # the definition of ResourceSelection::hoslem.test 0.3-6
  qq <- unique(quantile(yhat, probs = seq(0, 1, 1 / g)))
  cutyhat <- cut(yhat, breaks = qq, include.lowest = TRUE)
  observed <- xtabs(cbind(y0 = 1 - y, y1 = y) ~ cutyhat)
  expected <- xtabs(cbind(e0 = 1 - yhat, e1 = yhat) ~ cutyhat)
  # An empty group (quantiles that differ in the last digit) makes hoslem.test return NaN; it is left out here.
  keep <- rowSums(observed) > 0
  chisq <- sum(((observed - expected)^2 / expected)[keep, ]); G <- length(unique(cutyhat))
  c(chisq = chisq, groups = G, development = pchisq(chisq, G - 2, lower.tail = FALSE),
    external = pchisq(chisq, G, lower.tail = FALSE))
}
ici <- function(p, fit) { e <- abs(p - fit); c(mean(e), quantile(e, .5), quantile(e, .9), max(e)) }
out <- lapply(data, function(d) {
  y <- d$truth; p <- d$probability; cl <- d$cluster; lp <- qlogis(p); n <- length(y)
  citl <- glm(y ~ offset(lp), family = binomial, control = tight)
  joint <- glm(y ~ lp, family = binomial, control = tight)
  null <- -2 * sum(dbinom(y, 1, p, log = TRUE))
  temp <- glm(y ~ 0 + lp, family = binomial, control = tight)
  # betacal: a negative slope is set to 0, first that of ln p.
  x1 <- log(p); x2 <- -log(1 - p)
  beta <- glm(y ~ x1 + x2, family = binomial, control = tight)
  se <- function(f) unname(sqrt(diag(vcov(f))))
  b <- unname(coef(beta)); bs <- se(beta)
  abc <- c(b[2], b[3], b[1]); abc_se <- c(bs[2], bs[3], bs[1])
  if (b[2] < 0) { f <- glm(y ~ x2, family = binomial, control = tight); k <- unname(coef(f)); abc <- c(0, k[2], k[1]); abc_se <- c(NA, se(f)[2], se(f)[1]) }
  else if (b[3] < 0) { f <- glm(y ~ x1, family = binomial, control = tight); k <- unname(coef(f)); abc <- c(k[2], 0, k[1]); abc_se <- c(se(f)[2], NA, se(f)[1]) }
  lo <- function(span, degree) fitted(loess(y ~ p, span = span, degree = degree, control = loess.control(surface = "direct")))
  low <- function(delta) { s <- lowess(p, y, f = 2/3, iter = 0, delta = delta * diff(range(p))); approx(s, xout = p, ties = mean)$y }
  fits <- list(loess_75_2 = lo(.75, 2), loess_50_1 = lo(.5, 1), loess_90_0 = lo(.9, 0), lowess_0 = low(0), lowess_01 = low(.01), lowess_05 = low(.05))
  interpolated <- fitted(loess(y ~ p, span = .75, degree = 2))
  vp <- val.prob(p, y, pl = FALSE)
  O <- sum(y); E <- sum(p); z <- qnorm(.975)
  list(
    citl = unname(coef(citl)), citl_se = se(citl),
    citl_cr1 = sqrt(vcovCL(citl, cluster = cl, type = "HC0", cadjust = TRUE)[1]),
    citl_cr0 = sqrt(vcovCL(citl, cluster = cl, type = "HC0", cadjust = FALSE)[1]),
    citl_wald_p = 2 * pnorm(-abs(coef(citl) / se(citl)))[[1]],
    citl_lr = null - deviance(citl), citl_lr_p = pchisq(null - deviance(citl), 1, lower.tail = FALSE),
    citl_profile = profile_ends(function(a) -2 * sum(dbinom(y, 1, plogis(a + lp), log = TRUE)), coef(citl)[[1]], se(citl)),
    intercept = unname(coef(joint)[1]), slope = unname(coef(joint)[2]), joint_se = se(joint),
    joint_cr1 = unname(sqrt(diag(vcovCL(joint, cluster = cl, type = "HC0", cadjust = TRUE)))),
    slope_wald_p = 2 * pnorm(-abs((coef(joint)[2] - 1) / se(joint)[2]))[[1]],
    slope_lr = deviance(citl) - deviance(joint), slope_lr_p = pchisq(deviance(citl) - deviance(joint), 1, lower.tail = FALSE),
    joint_lr = null - deviance(joint), joint_lr_p = pchisq(null - deviance(joint), 2, lower.tail = FALSE),
    joint_wald = { v <- coef(joint) - c(0, 1); drop(t(v) %*% solve(vcov(joint), v)) },
    slope_profile = profile_ends(function(b) { o <- b * lp; deviance(glm(y ~ offset(o), family = binomial, control = tight)) }, coef(joint)[[2]], se(joint)[2]),
    oe = O / E, oe_log = O / E * exp(c(-1, 1) * z * sqrt(1 / O - 1 / n)), oe_poisson = as.numeric(poisson.test(O)$conf.int) / E,
    fits = lapply(fits[c("loess_75_2", "loess_50_1", "lowess_0", "lowess_01")], unname), indices = lapply(fits, function(f) unname(ici(p, f))),
    interpolate_distance = max(abs(interpolated - fits$loess_75_2)), interpolated_75_2 = unname(interpolated), interpolated_50_1 = unname(fitted(loess(y ~ p, span = .5, degree = 1))),
    isoreg = { o <- order(p); g <- tapply(y[o], p[o], mean); w <- tapply(y[o], p[o], length)
      i <- isoreg(seq_along(rep(1, n)), rep(as.numeric(g), w)); k <- cumsum(w); unname(i$yf[k]) },
    val_prob = as.list(vp[c("Brier", "Intercept", "Slope", "Emax", "E90", "Eavg", "S:z", "S:p", "U:Chi-sq", "U:p")]),
    hoslem_10 = as.list(hoslem(y, p, 10)), hoslem_5 = as.list(hoslem(y, p, 5)),
    temperature = 1 / coef(temp)[[1]], temperature_se = se(temp) / coef(temp)[[1]]^2,
    beta = abc, beta_se = abc_se)
})
writeLines(toJSON(list(made_by = "Rscript reference.R", versions = list(R = R.version.string, rms = as.character(packageVersion("rms")),
  sandwich = as.character(packageVersion("sandwich"))), sets = out), digits = NA, auto_unbox = TRUE, na = "null"), "r.json")
