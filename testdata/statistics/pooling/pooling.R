# Writes univariate.json and bivariate.json.  Rscript pooling.R   (R 4.2.2, metafor 3.8-1, jsonlite)
# metafor's stopping rules are tightened so that its numbers carry 10 digits: threshold, tol, maxiter.
suppressMessages({library(metafor); library(jsonlite)})
tool <- paste0("R ", getRversion(), ", metafor ", packageVersion("metafor"), "; Rscript pooling.R")
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
if (length(here) == 0 || here == "") here <- "."
set.seed(20261125)
# Where Fisher scoring cannot hold so small a step for rounding, the next looser one.
fit <- function(...) { for (th in c(1e-15, 1e-14, 1e-13, 1e-12)) { f <- try(suppressWarnings(rma(..., control = list(threshold = th, tol = 1e-14, maxiter = 2000))), silent = TRUE)
  if (!inherits(f, "try-error")) return(f) }; stop("no convergence") }
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(
  bcg = list(y = as.numeric(bcg$yi), v = as.numeric(bcg$vi)),
  two = list(y = c(0.2, 0.9), v = c(0.03, 0.08)),
  three = list(y = c(-0.5, 0.1, 1.4), v = c(0.02, 0.30, 0.05)),
  homogeneous = list(y = rnorm(8, 1, 0.05), v = runif(8, 0.02, 0.3)),
  small_scale = list(y = rnorm(12, 0.85, 0.02), v = runif(12, 1e-4, 9e-4)),
  large = list(y = rnorm(40, 0, 1.5), v = rchisq(40, 3) / 4),
  uneven = list(y = c(2, 2.1, 1.9, 2.05, 3), v = c(1e-3, 2e-3, 1e-3, 5e-4, 1)))
num <- function(x) if (is.null(x) || length(x) == 0 || is.na(x)) NULL else as.numeric(x)
out <- list()
for (name in names(sets)) { s <- sets[[name]]
  for (m in c("REML", "DL", "PM", "ML", "SJ", "HS", "HE", "FE")) for (t in c("knha", "adhoc", "t", "z")) {
    f <- fit(yi = s$y, vi = s$v, method = m, test = t)
    o <- list(set = name, method = m, test = t, estimate = num(f$beta), se = num(f$se), p = num(f$pval), lower = num(f$ci.lb),
      upper = num(f$ci.ub), tau2 = num(f$tau2), i2 = num(f$I2), h2 = num(f$H2), q = num(f$QE), qp = num(f$QEp))
    if (m %in% c("ML", "REML")) o$tau2_se <- num(f$se.tau2)
    if (m != "FE") { pr <- predict(f); o$pi_lower <- num(pr$pi.lb); o$pi_upper <- num(pr$pi.ub)
      pr <- predict(f, pi.type = "riley"); o$riley_lower <- num(pr$pi.lb); o$riley_upper <- num(pr$pi.ub)
      cf <- try(confint(f, control = list(tol = 1e-13, maxiter = 100000, tau2.max = 1e6)), silent = TRUE)
      if (!inherits(cf, "try-error") && !isTRUE(cf$ci.null)) { r <- cf$random
        o$tau2_lower <- num(r[1, 2]); o$tau2_upper <- num(r[1, 3]); o$i2_lower <- num(r[3, 2]); o$i2_upper <- num(r[3, 3])
        o$h2_lower <- num(r[4, 2]); o$h2_upper <- num(r[4, 3]) } }
    if (t == "z" && length(s$y) > 2 && m %in% c("REML", "DL", "FE")) {
      rs <- rstudent(f); l <- leave1out(f); o$rstudent <- rs$z; o$loo <- l$estimate; o$loo_se <- l$se }
    out[[length(out) + 1]] <- o } }
# Proportions.
x <- c(0, 3, 12, 40, 25, 9); n <- c(14, 20, 60, 47, 25, 31); props <- list()
for (ms in c("PLO", "PFT", "PAS", "PR")) for (m in c("REML", "DL", "FE")) {
  e <- escalc(measure = ms, xi = x, ni = n); f <- fit(yi = e$yi, vi = e$vi, method = m, test = "knha")
  back <- switch(ms, PLO = transf.ilogit, PFT = function(z) transf.ipft.hm(z, targs = list(ni = n)), PAS = transf.iarcsin, PR = function(z) z)
  props[[length(props) + 1]] <- list(measure = ms, method = m, yi = as.numeric(e$yi), vi = as.numeric(e$vi), estimate = num(f$beta),
    tau2 = num(f$tau2), back = num(back(f$beta)), back_lower = num(back(f$ci.lb)), back_upper = num(back(f$ci.ub))) }
# AUC on the logit scale.
auc <- c(.81, .93, .77, .88, .90); se <- c(.03, .02, .05, .025, .04)
f <- fit(yi = log(auc / (1 - auc)), vi = se^2 / (auc * (1 - auc))^2, method = "REML", test = "knha")
pooled_auc <- list(auc = auc, se = se, estimate = transf.ilogit(num(f$beta)), lower = transf.ilogit(f$ci.lb), upper = transf.ilogit(f$ci.ub), tau2 = f$tau2)
# Two maxima of the restricted likelihood: Fisher scoring stops at the lower one.
y <- c(2, 2.1, 1.9, 2.05, 6); v <- c(1e-3, 2e-3, 1e-3, 5e-4, 1)
ll <- function(t) as.numeric(logLik(rma(y, v, tau2 = t)))
other <- optimize(ll, c(0, .1), maximum = TRUE, tol = 1e-12)
bimodal <- list(y = y, v = v, metafor_tau2 = rma(y, v)$tau2, metafor_loglik = ll(rma(y, v)$tau2), higher_tau2 = other$maximum, higher_loglik = other$objective)
write_json(list(tool = tool, bimodal = bimodal, sets = sets, rma = out, x = x, n = n, proportions = props, auc = pooled_auc),
  file.path(here, "univariate.json"), auto_unbox = TRUE, digits = NA)

# Bivariate model (Reitsma 2005): rma.mv on both logits, random effects unstructured, known diagonal within-site covariance.
make <- function(k, mu, sd, rho, n1 = 60, n0 = 90) { L <- chol(matrix(c(sd[1]^2, rho * prod(sd), rho * prod(sd), sd[2]^2), 2))
  z <- matrix(rnorm(2 * k), k) %*% L; a <- rpois(k, n1) + 5; b <- rpois(k, n0) + 5
  tp <- rbinom(k, a, plogis(mu[1] + z[, 1])); tn <- rbinom(k, b, plogis(mu[2] + z[, 2])); list(tp = tp, fn = a - tp, fp = b - tn, tn = tn) }
tables <- list(regular = make(20, c(1.5, 2), c(.6, .7), -.5), positive = make(14, c(1, 1.2), c(.8, .5), .4), zeros = make(12, c(3, 3.5), c(.7, .7), -.4, 25, 30),
  many = make(60, c(1.2, 1.8), c(.5, .9), -.3), homogeneous = make(8, c(1.5, 2), c(.001, .001), 0), few = make(5, c(1.5, 2), c(.7, .9), -.6))
dense <- function(y, v, reml) { k <- length(y) / 2; X <- matrix(rep(diag(2), k), ncol = 2, byrow = TRUE)
  nll <- function(p) { L <- matrix(c(p[1], p[2], 0, p[3]), 2); S <- L %*% t(L); V <- diag(v) + kronecker(diag(k), S); W <- solve(V)
    A <- t(X) %*% W %*% X; b <- solve(A, t(X) %*% W %*% y); r <- y - X %*% b
    as.numeric(determinant(V)$modulus + t(r) %*% W %*% r + if (reml) determinant(A)$modulus else 0) / 2 }
  best <- NULL; for (st in list(c(.5, -.3, .5), c(.5, .3, .5), c(.2, 0, .2))) { o <- optim(st, nll, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000))
    for (i in 1:3) o <- nlm(nll, o$par %||% o$estimate, gradtol = 1e-12, steptol = 1e-14, iterlim = 500)
    if (is.null(best) || o$minimum < best$minimum) best <- o }
  p <- best$estimate; L <- matrix(c(p[1], p[2], 0, p[3]), 2); list(S = L %*% t(L), nll = best$minimum) }
`%||%` <- function(a, b) if (is.null(a)) b else a
biv <- list()
for (name in names(tables)) { d <- tables[[name]]; zero <- any(unlist(d) == 0); add <- if (zero) .5 else 0   # mada: all sites when any cell is 0
  tp <- d$tp + add; fn <- d$fn + add; fp <- d$fp + add; tn <- d$tn + add; k <- length(tp)
  y <- as.vector(rbind(log(tp / fn), log(tn / fp))); v <- as.vector(rbind(1 / tp + 1 / fn, 1 / tn + 1 / fp))
  dat <- data.frame(y, v, site = rep(seq_len(k), each = 2), what = factor(rep(c("se", "sp"), k)))
  for (m in c("REML", "ML")) {
    f <- try(suppressWarnings(rma.mv(y, v, mods = ~ 0 + what, random = ~ what | site, struct = "UN", data = dat, method = m,
      control = list(optimizer = "BFGS", reltol = 1e-16, maxit = 5000))), silent = TRUE)
    w <- dense(y, v, m == "REML")
    if (inherits(f, "try-error")) { message(name, " ", m, ": ", f); next }
    biv[[length(biv) + 1]] <- list(set = name, method = m, mean = as.numeric(f$beta), vcov = as.vector(vcov(f)), tau2 = f$tau2, rho = f$rho,
      loglik = as.numeric(logLik(f)), dense = as.vector(w$S), dense_nll = w$nll) } }
write_json(list(tool = tool, tables = tables, fits = biv), file.path(here, "bivariate.json"), auto_unbox = TRUE, digits = NA)
