# Writes cases-r.json: expected values by R and its packages, or by the formulas of the paper where none has them.
# Command: Rscript cases.R
suppressMessages({library(jsonlite); library(epiR); library(survey); library(geepack); library(mitools)})
set.seed(20261125)
cases <- list()
add <- function(entry, columns, settings, expect, tool, tol = 1e-9)
  cases[[length(cases) + 1]] <<- list(entry = entry, columns = columns, settings = lapply(settings, as.character),
    expect = as.list(expect), tool = tool, tol = tol)
column <- function(role, kind, values, name = role) list(role = role, kind = kind, name = name,
  values = switch(kind, binary = paste(values, collapse = ""), label = paste(values, collapse = ","), I(values)))

# One proportion: R's continuity correction and tests.
for (v in list(c(81, 263), c(0, 20), c(1, 29), c(29, 29), c(7, 10))) {
  x <- v[1]; n <- v[2]
  t <- suppressWarnings(prop.test(x, n, p = x / n + ifelse(x < n / 2, .3, -.3), correct = TRUE))
  add("proportion", list(), list(successes = x, trials = n, method = "wilson-continuity"),
    list(`proportion.lower` = t$conf.int[1], `proportion.upper` = t$conf.int[2]), "prop.test")
  for (goal in c(.2, .5)) for (alt in c("greater", "less", "two.sided")) {
    b <- binom.test(x, n, goal, alternative = alt)
    s <- suppressWarnings(prop.test(x, n, goal, alternative = alt, correct = FALSE))
    add("proportion", list(), list(successes = x, trials = n, goal = goal, alternative = sub(".", "-", alt, fixed = TRUE)),
      list(p_value_exact = b$p.value, p_value_score = s$p.value), "binom.test, prop.test")
  }
}

# Accuracy.
for (t in list(c(67, 20, 7, 64), c(8, 2, 3, 9), c(44, 23, 6, 75))) {
  truth <- rep(c(1, 0, 1, 0), t); call <- rep(c(1, 1, 0, 0), t)
  for (m in c("wilson", "exact", "jeffreys")) {
    e <- epi.tests(t, method = m, digits = 4, conf.level = .95)$detail
    at <- function(s) e[e$statistic == s, ]
    ex <- list()
    for (p in list(c("sensitivity", "se"), c("specificity", "sp"), c("ppv", "pv.pos"), c("npv", "pv.neg"), c("accuracy", "diag.ac"),
                   c("prevalence", "tp"), c("lr_positive", "lr.pos"), c("lr_negative", "lr.neg"), c("diagnostic_odds_ratio", "diag.or"), c("youden", "youden"))) {
      r <- at(p[2]); if (nrow(r) == 0) next
      ex[[p[1]]] <- r$est; ex[[paste0(p[1], ".lower")]] <- r$lower; ex[[paste0(p[1], ".upper")]] <- r$upper
    }
    add("accuracy", list(column("truth", "binary", truth), column("call", "binary", call)),
      list(youden_interval = "sum-of-limits", method = c(wilson = "wilson", exact = "clopper-pearson", jeffreys = "jeffreys")[[m]]), ex, "epiR epi.tests")
  }
  # Predictive values: Mercaldo 2007.
  TP <- t[1]; FP <- t[2]; FN <- t[3]; TN <- t[4]; z <- qnorm(.975)
  for (adj in c(FALSE, TRUE)) for (pr in list(list(p = .03), list(x = 12, n = 400))) {
    a <- if (adj) z^2 / 2 else 0
    se <- (TP + a) / (TP + FN + 2 * a); sp <- (TN + a) / (TN + FP + 2 * a); n1 <- TP + FN + 2 * a; n0 <- TN + FP + 2 * a
    p <- if (is.null(pr$p)) pr$x / pr$n else pr$p; ev <- if (is.null(pr$p)) 1 / (pr$n * p * (1 - p)) else 0
    ppv <- se * p / (se * p + (1 - sp) * (1 - p)); npv <- sp * (1 - p) / (sp * (1 - p) + (1 - se) * p)
    vp <- (1 - se) / se / n1 + sp / (1 - sp) / n0 + ev; vn <- se / (1 - se) / n1 + (1 - sp) / sp / n0 + ev
    s <- if (is.null(pr$p)) list(prevalence_cases = pr$x, prevalence_trials = pr$n) else list(prevalence = pr$p)
    add("predictive-values", list(column("truth", "binary", truth), column("call", "binary", call)),
      c(s, list(adjusted = tolower(adj))),
      list(ppv = ppv, npv = npv, ppv.lower = plogis(qlogis(ppv) - z * sqrt(vp)), ppv.upper = plogis(qlogis(ppv) + z * sqrt(vp)),
        npv.lower = plogis(qlogis(npv) - z * sqrt(vn)), npv.upper = plogis(qlogis(npv) + z * sqrt(vn))), "Mercaldo 2007 in R")
  }
}

# Partial verification: Begg and Greenes' hepatic scintigraph, and a generated table. The variance by a numerical delta method over
# the six multinomial cells, independent of the closed form.
for (t in list(c(231, 32, 166, 27, 54, 140), c(20, 5, 3, 4, 30, 60))) {
  f <- function(v, sens) { v <- v / sum(v); n1 <- sum(v[1:3]); n0 <- sum(v[4:6]); p1 <- v[1] / sum(v[1:2]); p0 <- v[4] / sum(v[4:5])
    if (sens) qlogis(n1 * p1 / (n1 * p1 + n0 * p0)) else qlogis(n0 * (1 - p0) / (n0 * (1 - p0) + n1 * (1 - p1))) }
  v <- function(sens) { g <- sapply(1:6, function(i) { h <- 1e-4 * t[i]; e <- replace(numeric(6), i, h)
      (8 * (f(t + e, sens) - f(t - e, sens)) - (f(t + 2 * e, sens) - f(t - 2 * e, sens))) / (12 * h) }); sum(g^2 * t) - sum(g * t)^2 / sum(t) }
  z <- qnorm(.975); se <- f(t, TRUE); sp <- f(t, FALSE)
  add("partial-verification", list(column("truth", "label", rep(c("1", "0", "", "1", "0", ""), t)), column("call", "binary", rep(c(1, 1, 1, 0, 0, 0), t))),
    list(), list(sensitivity = plogis(se), specificity = plogis(sp), sensitivity.lower = plogis(se - z * sqrt(v(TRUE))),
      sensitivity.upper = plogis(se + z * sqrt(v(TRUE))), specificity.lower = plogis(sp - z * sqrt(v(FALSE))),
      specificity.upper = plogis(sp + z * sqrt(v(FALSE))),
      p_value_verification = suppressWarnings(chisq.test(matrix(c(t[1] + t[2], t[3], t[4] + t[5], t[6]), 2), correct = FALSE)$p.value)),
    "Begg and Greenes 1983, numerical delta method", 1e-7)
}

# Clusters: survey, geepack, ANOVA ICC.
options(survey.lonely.psu = "fail")
for (k in 1:4) {
  m <- c(12, 30, 40, 8)[k]; size <- sample(1:c(3, 8, 5, 12)[k], m, TRUE); id <- rep(seq_len(m), size)
  p <- plogis(rnorm(m, c(.5, 2, -1, 0)[k], c(1, 1.5, .3, 2)[k])); y <- rbinom(length(id), 1, p[id])
  y2 <- ifelse(runif(length(id)) < .7, y, rbinom(length(id), 1, .5)); truth <- rbinom(length(id), 1, .5)
  d <- data.frame(id, y, y2, diff = y - y2, truth)
  des <- svydesign(ids = ~id, weights = ~1, data = d)
  s <- svymean(~y, des); ci <- confint(s)
  lg <- svyciprop(~y, des, method = "logit"); mn <- svyciprop(~y, des, method = "mean"); bt <- svyciprop(~y, des, method = "beta")
  g <- summary(geeglm(y ~ 1, id = id, data = d, family = binomial, corstr = "independence",
    control = geese.control(epsilon = 1e-14, maxit = 100)))$coefficients
  a <- anova(lm(y ~ factor(id), d)); ms <- a$`Mean Sq`; n0 <- (nrow(d) - sum(size^2) / nrow(d)) / (m - 1)
  n <- nrow(d); pv <- coef(s)[[1]]; v <- vcov(s)[1]; z <- qnorm(.975); ne <- pv * (1 - pv) / v
  w <- function(p, n) (p + z^2 / (2 * n) + c(-1, 1) * z * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))) / (1 + z^2 / n)
  cols <- list(column("outcome", "binary", y), column("cluster", "label", as.character(id)))
  base <- list(proportion = pv, proportion.se = sqrt(v), design_effect = v / (pv * (1 - pv) / n), effective_trials = ne,
    intraclass_correlation = (ms[1] - ms[2]) / (ms[1] + (n0 - 1) * ms[2]), clusters = m)
  iv <- function(method, l, u, tool, tol = 1e-9) add("proportion-clustered", cols, list(method = method),
    c(base, list(proportion.lower = l, proportion.upper = u)), tool, tol)
  iv("wald", ci[1], ci[2], "survey svymean")
  iv("wald-t", attr(mn, "ci")[[1]], attr(mn, "ci")[[2]], "survey svyciprop mean")
  # svyglm stops at 1e-8, so the limits carry that error.
  iv("logit-t", attr(lg, "ci")[[1]], attr(lg, "ci")[[2]], "survey svyciprop logit", 1e-7)
  iv("beta", attr(bt, "ci")[[1]], attr(bt, "ci")[[2]], "survey svyciprop beta")
  iv("wilson-effective", w(pv, ne)[1], w(pv, ne)[2], "survey svymean and Rao-Scott effective size")
  add("proportion-clustered", cols, list(method = "gee"), list(logit = g[1, 1], logit.se = g[1, 2],
    proportion.lower = plogis(g[1, 1] - z * g[1, 2]), proportion.upper = plogis(g[1, 1] + z * g[1, 2])), "geepack geeglm", 1e-7)
  add("proportion", cols, list(), list(proportion = pv, proportion.lower = w(pv, ne)[1], proportion.upper = w(pv, ne)[2]), "survey svymean")
  # Accuracy in clusters: a domain of the survey, clusters with cases of the domain.
  for (dom in 1:0) {
    dd <- subset(d, truth == dom); dd$ok <- as.numeric(dd$y == dom)
    q <- svymean(~ok, svydesign(ids = ~id, weights = ~1, data = dd)); nm <- if (dom) "sensitivity" else "specificity"
    e <- list(); e[[nm]] <- coef(q)[[1]]; e[[paste0(nm, ".se")]] <- sqrt(vcov(q)[1])
    add("accuracy", list(column("truth", "binary", truth), column("call", "binary", y), column("cluster", "label", as.character(id))), list(), e,
      "survey svymean")
  }
  # Paired proportions in clusters.
  sd <- svymean(~diff, des); dk <- tapply(d$diff, d$id, sum); nk <- tapply(d$diff, d$id, length)
  ob <- sum(dk)^2 / (m / (m - 1) * sum(dk^2)); du <- sum(dk / nk)^2 / sum((dk / nk)^2)
  add("paired-clustered", list(column("outcome", "binary", y, "one"), column("outcome", "binary", y2, "two"), column("cluster", "label", as.character(id))),
    list(), list(difference = coef(sd)[[1]], difference.se = sqrt(vcov(sd)[1]), difference.lower = confint(sd)[1], difference.upper = confint(sd)[2],
      chi_squared_obuchowski = ob, p_value_obuchowski = pchisq(ob, 1, lower.tail = FALSE), chi_squared_durkalski = du,
      p_value_durkalski = pchisq(du, 1, lower.tail = FALSE)), "survey svymean; Obuchowski 1998 and Durkalski 2003 in R", 1e-8)
  t <- mcnemar.test(factor(y, 0:1), factor(y2, 0:1))
  add("paired-difference", list(column("outcome", "binary", y, "one"), column("outcome", "binary", y2, "two")), list(),
    list(p_value_corrected = t$p.value), "mcnemar.test")
}

# Multiplicity.
for (p in list(c(.01, .02, .03, .04, .05), runif(12)^3, c(.5, .001, .001, .2), c(0, 1, .3), .04, c(.03, .02), round(runif(9)^2, 2)))
  for (m in c("holm", "hochberg", "hommel", "bonferroni", "BH", "BY")) {
    a <- p.adjust(p, m)
    add("multiplicity", list(column("p_value", "real", p)), list(method = tolower(m)), setNames(as.list(a), paste0("adjusted_p.", seq_along(p))), "p.adjust")
  }
p <- c(.01, .004, .03, .02, .2); fam <- c(1, 1, 2, 2, 3)
h1 <- p.adjust(p[1:2], "holm"); h2 <- pmax(p.adjust(p[3:4], "holm"), max(h1)); h3 <- max(p[5], h2)
add("multiplicity-gatekeeping", list(column("p_value", "real", p), column("family", "label", as.character(fam))), list(),
  setNames(as.list(c(h1, h2, h3)), paste0("adjusted_p.", 1:5)), "p.adjust in each family")
add("multiplicity-fixed-sequence", list(column("p_value", "real", p), column("order", "real", c(3, 1, 2, 5, 4))), list(),
  setNames(as.list(cummax(p[c(2, 3, 1, 5, 4)])), paste0("adjusted_p.", c(2, 3, 1, 5, 4))), "cummax")

# Rubin's rules.
for (k in 1:6) {
  m <- c(5, 20, 2, 5, 5, 5)[k]; est <- rnorm(m, .8, c(.05, .2, .01, .002, .012, .03)[k]); va <- runif(m, .01, .02)
  for (dfc in c(Inf, 25)) {
    r <- MIcombine(as.list(est), as.list(va), df.complete = dfc)
    cols <- list(column("estimate", "real", est), column("variance", "real", va))
    s <- if (is.finite(dfc)) list(complete_df = dfc) else list()
    se <- sqrt(r$variance[1]); q <- qt(.975, r$df[1])
    add("missing-rubin-pooling", cols, c(s, df = "mitools"), list(estimate = r$coefficients[[1]], estimate.se = se, df = r$df[1],
      missing_information = r$missinfo[1], estimate.lower = r$coefficients[[1]] - q * se, estimate.upper = r$coefficients[[1]] + q * se),
      "mitools MIcombine", 1e-8)
    # Barnard and Rubin 1999, equations 3 and 5.
    B <- var(est); W <- mean(va); T <- W + (1 + 1 / m) * B; lam <- (1 + 1 / m) * B / T; old <- (m - 1) / lam^2
    df <- if (is.finite(dfc)) { ob <- (dfc + 1) / (dfc + 3) * dfc * (1 - lam); old * ob / (old + ob) } else old
    add("missing-rubin-pooling", cols, s, list(df = df, estimate.lower = mean(est) - qt(.975, df) * sqrt(T), total_variance = T, lambda = lam,
      p_value = 2 * pt(-abs(mean(est)) / sqrt(T), df)), "Barnard and Rubin 1999 in R", 1e-8)
  }
}

# Columns and tools are shared between cases, by their place (from 0) in a list.
keys <- character(); shared <- list(); tools <- character()
for (i in seq_along(cases)) {
  cases[[i]]$columns <- I(as.integer(vapply(cases[[i]]$columns, function(c) {
    k <- toJSON(c, digits = NA)
    if (!(k %in% keys)) { keys <<- c(keys, k); shared <<- c(shared, list(c)) }
    match(k, keys) - 1
  }, 0)))
  tools <- union(tools, cases[[i]]$tool)
  cases[[i]]$tool <- match(cases[[i]]$tool, tools) - 1
}
v <- function(p) paste(p, packageVersion(p))
writeLines(toJSON(list(tool = paste(R.version.string, v("epiR"), v("survey"), v("geepack"), v("mitools"), sep = ", "), command = "Rscript cases.R",
  tools = tools, columns = shared, cases = cases), auto_unbox = TRUE, digits = NA, null = "null"), "cases-r.json")
cat(length(cases), "\n")
