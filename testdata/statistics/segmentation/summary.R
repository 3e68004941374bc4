# Writes summary.json: ratios of counts over clusters and their standard errors by R's survey, and the
# distribution of per-case values by base R.
# Rscript summary.R
suppressMessages({library(survey); library(jsonlite)})
set.seed(20261125)
counts <- function(n, patients, lambda) {
  patient <- sort(sample(seq_len(patients), n, replace = TRUE))
  effect <- rnorm(patients, 0, 1)[patient]
  lesions <- rpois(n, lambda)
  tp <- rbinom(n, lesions, plogis(0.8 + effect))
  data.frame(tp = tp, fp = rpois(n, 0.7 * exp(effect / 2)), fn = lesions - tp, cluster = patient)
}
ratio <- function(d, top, bottom, clustered) {
  d$top <- top; d$bottom <- bottom
  design <- if (clustered) svydesign(ids = ~cluster, weights = ~1, data = d) else svydesign(ids = ~1, weights = ~1, data = d)
  r <- svyratio(~top, ~bottom, design)
  list(estimate = as.numeric(coef(r)), se = as.numeric(SE(r)))
}
detection <- list()
for (spec in list(c(40, 25, 3), c(12, 5, 2), c(200, 80, 1), c(2, 2, 6))) {
  d <- counts(spec[1], spec[2], spec[3])
  for (clustered in c(FALSE, TRUE)) {
    if (clustered && length(unique(d$cluster)) < 2) next
    detection[[length(detection) + 1]] <- list(
      tp = d$tp, fp = d$fp, fn = d$fn, cluster = d$cluster, clustered = clustered,
      lesion_sensitivity = ratio(d, d$tp, d$tp + d$fn, clustered),
      lesion_positive_predictive_value = ratio(d, d$tp, d$tp + d$fp, clustered),
      lesion_f1 = ratio(d, 2 * d$tp, 2 * d$tp + d$fp + d$fn, clustered),
      false_positives_per_scan = ratio(d, d$fp, rep(1, nrow(d)), clustered))
  }
}
summaries <- list()
for (n in c(2, 3, 10, 101)) {
  v <- round(rbeta(n, 8, 2), if (n == 10) 1 else 6)
  cluster <- rep(seq_len(ceiling(n / 2)), each = 2)[seq_len(n)]
  d <- data.frame(cluster = cluster)
  row <- list(values = v, cluster = cluster, mean = mean(v), standard_deviation = sd(v), median = median(v),
    lower_quartile = as.numeric(quantile(v, 0.25)), upper_quartile = as.numeric(quantile(v, 0.75)), limit = 0.8)
  if (length(unique(cluster)) > 1) row$share_below <- ratio(d, as.numeric(v < 0.8), rep(1, n), TRUE)
  summaries[[length(summaries) + 1]] <- row
}
out <- list(made_by = "summary.R", command = "Rscript summary.R",
  tools = list(R = as.character(getRversion()), survey = as.character(packageVersion("survey"))),
  detection = detection, summaries = summaries)
write(toJSON(out, digits = NA, auto_unbox = TRUE), "summary.json")
