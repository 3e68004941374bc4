# ROC numbers by pROC for `statistics.py`: for each file named on the command line one line per number,
# file, name and value. Files have the columns truth, score, other, group, and perhaps a, b, c (scores of
# the classes in `class`).
suppressMessages(library(pROC))
for (file in commandArgs(trailingOnly = TRUE)) {
  d <- read.csv(file)
  say <- function(name, value) cat(file, name, sprintf("%.17g", as.numeric(value)), "\n")
  curve <- function(rows, column) roc(d$truth[rows], d[[column]][rows], levels = c(0, 1), direction = "<", quiet = TRUE)
  all <- rep(TRUE, nrow(d))
  r <- curve(all, "score")
  other <- curve(all, "other")
  say("auc", auc(r))
  say("variance", var(r, method = "delong"))
  limits <- ci.auc(r, method = "delong")
  say("lower", limits[1])
  say("upper", limits[3])
  say("covariance", cov(r, other, method = "delong"))
  paired <- roc.test(r, other, method = "delong", paired = TRUE)
  say("paired_z", paired$statistic)
  say("paired_p", paired$p.value)
  unpaired <- roc.test(curve(d$group == "x", "score"), curve(d$group == "y", "score"), method = "delong", paired = FALSE)
  say("unpaired_d", unpaired$statistic)
  say("unpaired_df", unpaired$parameter)
  say("unpaired_p", unpaired$p.value)
  for (focus in c("specificity", "sensitivity")) {
    say(paste0("partial_", focus), auc(r, partial.auc = c(0.75, 1), partial.auc.focus = focus))
    say(paste0("corrected_", focus), suppressWarnings(auc(r, partial.auc = c(0.75, 1), partial.auc.focus = focus, partial.auc.correct = TRUE)))
    say(paste0("inner_", focus), auc(r, partial.auc = c(0.33, 0.61), partial.auc.focus = focus))
  }
  for (rule in c("youden", "closest.topleft")) {
    for (weights in list(c(1, 0.5), c(2.5, 0.2))) {
      best <- coords(r, "best", best.method = rule, best.weights = weights, ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
      # Of equally good thresholds the lowest of those that pROC finds.
      for (column in names(best)) say(paste(rule, weights[1], column, sep = "_"), best[[column]][1])
    }
  }
  if ("class" %in% names(d)) say("hand_till", suppressMessages(multiclass.roc(d$class, as.matrix(d[, c("a", "b", "c")])))$auc)
}
