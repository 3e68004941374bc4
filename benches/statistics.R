# The R side of benches/run_statistics.py: reads "job data-prefix" from standard input, answers
# "seconds value value ...", or "missing why". The definitions by loops are those of
# testdata/statistics/reader_study/reference.R, of which only the functions are taken.
root <- commandArgs(TRUE)[1]
have <- suppressWarnings(suppressMessages(requireNamespace("pROC", quietly = TRUE)))
loops <- new.env()
for (e in parse(file.path(root, "testdata/statistics/reader_study/reference.R")))
  if (is.call(e) && identical(e[[1]], as.name("<-")) && is.call(e[[3]]) && identical(e[[3]][[1]], as.name("function"))) eval(e, loops)
vd <- read.csv(file.path(root, "testdata/statistics/reader_study/van_dyke.csv"))

timed <- function(f, least = 0.05) { calls <- 0; began <- Sys.time()
  repeat { v <- f(); calls <- calls + 1; s <- as.numeric(Sys.time() - began, units = "secs"); if (s > least) return(c(s / calls, v)) } }
columns <- function(prefix) { n <- file.size(paste0(prefix, ".truth"))
  col <- function(x) readBin(paste0(prefix, ".", x), "double", n, endian = "little")
  list(truth = as.integer(readBin(paste0(prefix, ".truth"), "raw", n)), a = col("a"), b = col("b")) }
curve <- function(d, s) pROC::roc(d$truth, s, levels = c(0, 1), direction = "<", quiet = TRUE)

# Obuchowski and Rockette in closed form, factorial: placements once, leave-one-out areas from them,
# mean squares from the table of areas.
closed <- function(d, cov) {
  d <- d[order(d$treatment, d$reader, d$case), ]; K <- length(unique(d$case)); nr <- length(unique(d$reader)); nt <- length(unique(d$treatment))
  x <- matrix(d$rating, K); y <- d$truth[1:K] == 1; m <- sum(y); n <- K - m; L <- nr * nt
  v10 <- matrix(0, m, L); v01 <- matrix(0, n, L)
  for (l in 1:L) { s <- outer(x[y, l], x[!y, l], ">") + 0.5 * outer(x[y, l], x[!y, l], "=="); v10[, l] <- rowMeans(s); v01[, l] <- colMeans(s) }
  th <- colMeans(v10)
  if (cov == "delong") v <- stats::cov(v10) / m + stats::cov(v01) / n
  else { left <- rbind((rep(m * th, each = m) - v10) / (m - 1), (rep(n * th, each = n) - v01) / (n - 1))
    left <- left - rep(colMeans(left), each = K); v <- (K - 1) / K * crossprod(left) }
  g <- rep(1:nt, each = nr); h <- rep(1:nr, nt); a <- matrix(th, nr); mt <- colMeans(a); mr <- rowMeans(a)
  mst <- nr * sum((mt - mean(th))^2) / (nt - 1); mstr <- sum((a - outer(mr, mt, "+") + mean(th))^2) / ((nt - 1) * (nr - 1))
  st <- outer(g, g, "=="); sr <- outer(h, h, "=="); c2 <- mean(v[st & !sr]); c3 <- mean(v[!st & !sr])
  den <- mstr + nr * max(c2 - c3, 0); df <- den^2 / (mstr^2 / ((nt - 1) * (nr - 1))); e <- mt[1] - mt[2]; w <- qt(.975, df) * sqrt(2 / nr * den)
  c(mst / den, df, pf(mst / den, nt - 1, df, lower.tail = FALSE), e, e - w, e + w) }

jobs <- list(
  versions = function(d) list(paste0(R.version$major, ".", R.version$minor, " ", if (have) packageVersion("pROC") else "none", " ", if (requireNamespace("MRMCaov", quietly = TRUE)) packageVersion("MRMCaov") else "none")),
  ci = function(d) { r <- curve(d, d$a); timed(function() as.numeric(pROC::ci.auc(r))) },
  roc_ci = function(d) timed(function() as.numeric(pROC::ci.auc(curve(d, d$a)))),
  test = function(d) { r <- curve(d, d$a); s <- curve(d, d$b); timed(function() { t <- pROC::roc.test(r, s, method = "delong", paired = TRUE); c(as.numeric(t$estimate), t$statistic, t$p.value) }) },
  roc_test = function(d) timed(function() { t <- pROC::roc.test(curve(d, d$a), curve(d, d$b), method = "delong", paired = TRUE); c(as.numeric(t$estimate), t$statistic, t$p.value) }),
  bootstrap = function(d) { r <- curve(d, d$a); set.seed(7); timed(function() as.numeric(pROC::ci.auc(r, method = "bootstrap", boot.n = 200, boot.stratified = TRUE, progress = "none"))[c(1, 3)]) },
  loops_jackknife = function(d) timed(function() take(loops$or(vdl, cov = "jackknife"))),
  loops_delong = function(d) timed(function() take(loops$or(vdl, cov = "delong"))),
  closed_jackknife = function(d) timed(function() closed(vd, "jackknife")),
  closed_delong = function(d) timed(function() closed(vd, "delong")))
vdl <- vd; names(vdl)[2] <- "test"
take <- function(o) c(o$rrrc$f, o$rrrc$df2, o$rrrc$p, o$difference, o$rrrc$diff.lower, o$rrrc$diff.upper)
needs <- c("ci", "roc_ci", "test", "roc_test", "bootstrap")
input <- file("stdin"); open(input)
while (length(line <- readLines(input, 1))) { w <- strsplit(line, " ", fixed = TRUE)[[1]]
  out <- if (w[1] %in% needs && !have) "missing pROC is not installed" else tryCatch({
    v <- jobs[[w[1]]](if (length(w) > 1) columns(w[2])); if (is.list(v)) v[[1]] else paste(sprintf("%.17g", v), collapse = " ") }, error = function(e) paste("missing", conditionMessage(e)))
  cat(gsub("\n", " ", out), "\n", sep = ""); flush(stdout()) }
