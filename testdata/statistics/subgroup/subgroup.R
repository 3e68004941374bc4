# Writes subgroup.json: R 4.2.2 (chisq.test, glm, oneway.test), pROC 1.18.0, metafor 3.8-1, geepack.  Rscript subgroup.R
suppressMessages({library(pROC); library(metafor); library(geepack); library(jsonlite)})
tool <- paste0("R ", getRversion(), ", pROC ", packageVersion("pROC"), ", metafor ", packageVersion("metafor"), ", geepack ", packageVersion("geepack"), "; Rscript subgroup.R")
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))); if (length(here) == 0 || here == "") here <- "."
set.seed(4711)
n <- 420
patient <- sort(sample(1:190, n, replace = TRUE)); u <- rnorm(190)[patient]
site <- c("A", "B", "C", "D")[sample(1:4, 190, TRUE, c(4, 3, 2, 1))[patient]]; sex <- c("f", "m")[sample(1:2, n, TRUE)]
truth <- rbinom(n, 1, plogis(u * .5 - .2)); score <- round(truth * 1.1 + u * .6 + rnorm(n) + .3 * (site == "C"), 1)
call <- as.integer(score >= .7); value <- round(5 + u + rnorm(n) * (1 + (site == "B")) + .4 * (site == "D"), 2)
d <- data.frame(patient, site, sex, truth, score, call, value)
out <- list()
for (f in c("site", "sex")) {
  e <- d[d$truth == 1, ]; g <- e[[f]]; t <- table(g, e$call)
  m <- glm(call ~ factor(g), binomial, e, control = list(epsilon = 1e-14)); b <- coef(m)[-1]; V <- vcov(m)[-1, -1, drop = FALSE]
  gee <- geeglm(call ~ factor(g), id = patient, family = binomial, data = e, corstr = "independence", control = geese.control(epsilon = 1e-12, maxit = 200)); gb <- coef(gee)[-1]; gV <- vcov(gee)[-1, -1, drop = FALSE]
  ow <- oneway.test(d$value ~ factor(d[[f]])); gm <- geeglm(value ~ factor(d[[f]]), id = patient, data = d, corstr = "independence"); mb <- coef(gm)[-1]; mV <- vcov(gm)[-1, -1, drop = FALSE]
  rocs <- lapply(split(d, d[[f]]), function(s) roc(s$truth, s$score, direction = "<", quiet = TRUE)); a <- sapply(rocs, function(r) as.numeric(auc(r))); v <- sapply(rocs, var)
  ci <- sapply(rocs, function(r) as.numeric(ci.auc(r)))
  q <- rma(a, v, method = "FE"); ql <- rma(log(a / (1 - a)), v / (a * (1 - a))^2, method = "FE")
  # Obuchowski 1997 from its definition.
  obu <- function(s) { x <- s$score[s$truth == 1]; y <- s$score[s$truth == 0]; psi <- outer(x, y, function(p, q) (p > q) + .5 * (p == q)); A <- mean(psi)
    ids <- sort(unique(s$patient)); px <- s$patient[s$truth == 1]; py <- s$patient[s$truth == 0]; M <- length(x); N <- length(y)
    dx <- sapply(ids, function(i) sum(rowMeans(psi)[px == i]) - sum(px == i) * A); dy <- sapply(ids, function(i) sum(colMeans(psi)[py == i]) - sum(py == i) * A)
    I <- length(ids); I10 <- length(unique(px)); I01 <- length(unique(py))
    I10 / ((I10 - 1) * M) * sum(dx^2) / M + I01 / ((I01 - 1) * N) * sum(dy^2) / N + 2 * I / (I - 1) * sum(dx * dy) / (M * N) }
  out[[f]] <- list(levels = names(a), n = as.vector(rowSums(t)), events = as.vector(t[, "1"]), pearson = unname(chisq.test(t, correct = FALSE)$statistic), pearson_p = chisq.test(t, correct = FALSE)$p.value,
    perm_p = chisq.test(t, simulate.p.value = TRUE, B = 200000)$p.value,
    lr = anova(m, test = "Chisq")$Deviance[2], lr_p = anova(m, test = "Chisq")$`Pr(>Chi)`[2], wald = as.numeric(b %*% solve(V) %*% b), gee = as.numeric(gb %*% solve(gV) %*% gb),
    welch = unname(ow$statistic), welch_df = unname(ow$parameter[2]), welch_p = ow$p.value, gee_mean = as.numeric(mb %*% solve(mV) %*% mb),
    auc = unname(a), auc_var = unname(v), auc_lower = unname(ci[1, ]), auc_upper = unname(ci[3, ]), q = q$QE, q_logit = ql$QE, q_logit_p = ql$QEp,
    obuchowski = unname(sapply(split(d, d[[f]]), obu)),
    t_lower = unname(sapply(split(d$value, d[[f]]), function(v) t.test(v)$conf.int[1])))
}
write_json(list(tool = tool, data = d, factors = out), file.path(here, "subgroup.json"), dataframe = "columns", auto_unbox = TRUE, digits = NA)
