# Profile-likelihood intervals of the calibration slope near separation, in base R: glm for the slope, uniroot over the
# deviance, the intercept at each slope by optimize on the best cell of a grid. The numbers stand in
# crates/candour-statistics/tests/calibration.rs (profile_intervals_end_near_separation). Rscript profile.R
profile <- function(y, p) {
  x <- qlogis(p)
  fit <- glm(y ~ x, binomial, control = list(epsilon = 1e-14, maxit = 200))
  b <- unname(coef(fit)[2])
  loss <- function(a, b) { e <- a + b * x; -2 * sum(ifelse(y == 1, plogis(e, log.p = TRUE), plogis(-e, log.p = TRUE))) }
  best <- function(b) {
    g <- seq(min(-b * x) - 40, max(-b * x) + 40, length.out = 4001)
    k <- which.min(sapply(g, loss, b = b))
    optimize(loss, c(g[max(1, k - 1)], g[min(4001, k + 1)]), b = b, tol = 1e-12)$objective
  }
  over <- function(b) best(b) - deviance(fit) - qchisq(.95, 1)
  cat(sprintf("%.10f %.10f %.10f\n", b, uniroot(over, c(-5, b), tol = 1e-12)$root, uniroot(over, c(b, 2000), tol = 1e-10)$root))
}
profile(c(0, 0, 0, 1, 0, 1, 1, 1), c(.084, .251, .281, .287, .291, .395, .759, .775))
profile(c(0, 0, 0, 1, 1, 1, 1, 1), c(.2730339505, .3868219224, .3587276942, .9509326622, .9458742199, .7464894949, .9963283283, .3742206484))
