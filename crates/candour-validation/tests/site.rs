//! What a site tells and what sites show together: pooled counts and histograms against all rows in one
//! place, the bound of wide bins, and that no small cell leaves a site.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use candour_validation::analysis::{Analysis, AnalysisError, DataFile, analyse, assemble};
use candour_validation::plan::Plan;
use candour_validation::site::{
    Bin, EndpointSummary, Estimate, FourCounts, Pooled, PooledEndpoint, Summary, Sums,
    one_key_each, pool, summarise,
};
use candour_validation::table::Table;
use proptest::prelude::*;

fn plan(text: &str) -> Plan {
    let head = "title = \"t\"\nversion = \"1\"\n[report]\ntarget_population = \"p\"\nreference_standard = \"r\"\n[data]\nindependent = \"x\"\n";
    Plan::read("plan.toml", format!("{head}{text}").as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

const ENDPOINTS: &str = r#"
[statistics]
replicates = 100
[[endpoint]]
id = "sensitivity"
statistic = "accuracy"
number = "sensitivity"
truth = "truth"
call = "call"
[[endpoint]]
id = "specificity"
statistic = "accuracy"
number = "specificity"
truth = "truth"
call = "call"
[[endpoint]]
id = "auc"
statistic = "roc-auc"
truth = "truth"
score = "score"
[[endpoint]]
id = "mean"
statistic = "segmentation-summary"
value = "value"
[[endpoint]]
id = "brier"
statistic = "brier"
truth = "truth"
probability = "p"
"#;

#[derive(Clone, Debug)]
struct Row {
    truth: bool,
    call: bool,
    score: f64,
    value: Option<f64>,
    p: f64,
}

fn table(rows: &[Row]) -> Table {
    let mut text = String::from("truth,call,score,value,p\n");
    for r in rows {
        text.push_str(&format!(
            "{},{},{},{},{}\n",
            u8::from(r.truth),
            u8::from(r.call),
            r.score,
            r.value.map_or_else(String::new, |v| v.to_string()),
            r.p
        ));
    }
    Table::read("rows.csv", text.into_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn analysed(plan: &Plan, table: &Table) -> Analysis {
    let (joined, flow) = assemble(plan, std::slice::from_ref(table)).unwrap();
    analyse(
        plan,
        vec![DataFile::of(table)],
        &joined,
        flow,
        &mut |_, _| {},
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

fn told(plan: &Plan, rows: &[Row], site: &str) -> Summary {
    let table = table(rows);
    summarise(plan, &table, &analysed(plan, &table), site, "candour 0").unwrap()
}

/// As it goes over the wire.
fn sent(summary: &Summary) -> Summary {
    let text = summary.text().unwrap();
    let back = Summary::read(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert!(alike(&json(&back), &json(summary)), "{back:?}\n{summary:?}");
    back
}

fn json(summary: &Summary) -> serde_json::Value {
    serde_json::to_value(summary).unwrap()
}

/// The same, but for the last binary digit of a number with a fraction.
fn alike(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(x), Number(y)) if x.is_f64() => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            (x - y).abs() <= 2.3e-16 * x.abs().max(y.abs())
        }
        (Array(x), Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| alike(x, y)),
        (Object(x), Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| alike(v, w)))
        }
        _ => a == b,
    }
}

fn find<'a>(pooled: &'a Pooled, id: &str) -> &'a PooledEndpoint {
    pooled.endpoints.iter().find(|e| e.id == id).unwrap()
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12, "{a} is not {b}");
}

/// Scores on 0, 0.02, ... 0.98; positives lie higher. The draws are those of SplitMix64.
fn cases(n: u64) -> Vec<Row> {
    (0..n)
        .map(|i| {
            let mut z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let draw = z ^ (z >> 31);
            let truth = i % 3 == 0;
            let score = ((draw % 37) + if truth { 13 } else { 0 }) as f64 / 50.0;
            Row {
                truth,
                call: score >= 0.5,
                score,
                value: (i % 11 != 0).then(|| (draw % 101) as f64 / 7.0),
                p: score,
            }
        })
        .collect()
}

fn in_three(plan: &Plan, rows: &[Row]) -> (Pooled, Analysis) {
    let n = rows.len();
    let sites: Vec<Summary> = [(0, n / 4), (n / 4, n / 2), (n / 2, n)]
        .iter()
        .zip(["Aachen", "Bergen", "Cádiz"])
        .map(|((a, b), name)| sent(&told(plan, &rows[*a..*b], name)))
        .collect();
    (pool(plan, &sites).unwrap(), analysed(plan, &table(rows)))
}

fn central<'a>(analysis: &'a Analysis, id: &str) -> &'a candour_statistics::Number {
    &analysis
        .endpoints
        .iter()
        .find(|e| e.id == id)
        .unwrap()
        .number
}

/// Verifies SRS-045.
#[test]
fn pooled_counts_are_those_of_all_rows_together() {
    let plan = plan(ENDPOINTS);
    let (pooled, analysis) = in_three(&plan, &cases(480));
    assert_eq!(pooled.sites, ["Aachen", "Bergen", "Cádiz"]);
    assert_eq!(pooled.plan, plan.digest);
    for id in ["sensitivity", "specificity"] {
        let endpoint = find(&pooled, id);
        let (joint, all) = (endpoint.joint.as_ref().unwrap(), central(&analysis, id));
        assert_eq!(endpoint.joint_is, Some("exact"));
        assert_eq!((endpoint.sites, endpoint.withheld), (3, 0));
        close(joint.value.unwrap(), all.value.unwrap());
        let (a, b) = (joint.interval.unwrap(), all.interval.unwrap());
        close(a.lower, b.lower);
        close(a.upper, b.upper);
        assert_eq!(joint.n, all.n);
    }
}

#[test]
fn histograms_of_distinct_scores_give_the_area_of_all_rows_together() {
    let plan = plan(&format!("{ENDPOINTS}[site]\nminimum_cell = 1\n"));
    let rows = cases(480);
    let (pooled, analysis) = in_three(&plan, &rows);
    let endpoint = find(&pooled, "auc");
    let (joint, all) = (endpoint.joint.as_ref().unwrap(), central(&analysis, "auc"));
    assert_eq!((endpoint.joint_is, endpoint.bound), (Some("exact"), None));
    close(joint.value.unwrap(), all.value.unwrap());
    close(joint.value.unwrap(), area(&rows));
    close(joint.standard_error.unwrap(), all.standard_error.unwrap());
    close(joint.interval.unwrap().lower, all.interval.unwrap().lower);
}

#[test]
fn pooled_sums_give_the_mean_of_all_rows_together() {
    let plan = plan(ENDPOINTS);
    let rows = cases(480);
    let (pooled, _) = in_three(&plan, &rows);
    let values: Vec<f64> = rows.iter().filter_map(|r| r.value).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let joint = find(&pooled, "mean").joint.clone().unwrap();
    close(joint.value.unwrap(), mean);
    close(joint.standard_error.unwrap(), (variance / n).sqrt());
    let brier = rows
        .iter()
        .map(|r| (r.p - f64::from(u8::from(r.truth))).powi(2))
        .sum::<f64>()
        / rows.len() as f64;
    let endpoint = find(&pooled, "brier");
    close(endpoint.joint.as_ref().unwrap().value.unwrap(), brier);
    let expected: f64 = rows.iter().map(|r| r.p).sum();
    let observed = rows.iter().filter(|r| r.truth).count();
    assert!(
        endpoint
            .notes
            .iter()
            .any(|n| n.contains(&format!("{observed} of {expected:.3} expected"))),
        "{:?}",
        endpoint.notes
    );
}

/// The area under the ROC curve by its definition: the share of pairs in the right order, ties half.
/// Not a number where a class is empty.
fn area(rows: &[Row]) -> f64 {
    let (mut right, mut pairs) = (0.0, 0.0);
    for a in rows.iter().filter(|r| r.truth) {
        for b in rows.iter().filter(|r| !r.truth) {
            pairs += 1.0;
            right += match a.score.partial_cmp(&b.score).unwrap() {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    right / pairs
}

#[test]
fn wide_bins_carry_a_bound_that_holds() {
    for bins in ["0", "4", "13", "100"] {
        let plan = plan(&format!("{ENDPOINTS}[site]\nbins = {bins}\n"));
        let rows = cases(480);
        let (pooled, _) = in_three(&plan, &rows);
        let endpoint = find(&pooled, "auc");
        assert_eq!(endpoint.joint_is, Some("bounded"), "{bins}");
        let joint = endpoint.joint.as_ref().unwrap();
        let (bound, off) = (
            endpoint.bound.unwrap(),
            (joint.value.unwrap() - area(&rows)).abs(),
        );
        assert!(off <= bound + 1e-12, "{bins}: off by {off}, bound {bound}");
        // The interval is the wider by the bound.
        let interval = joint.interval.unwrap();
        assert!(
            interval.lower <= joint.value.unwrap() - bound
                && interval.upper >= (joint.value.unwrap() + bound).min(1.0)
        );
    }
}

#[test]
fn three_sites_alike_have_no_heterogeneity() {
    let plan = plan(ENDPOINTS);
    let rows = cases(240);
    let sites: Vec<Summary> = ["a", "b", "c"]
        .iter()
        .map(|s| told(&plan, &rows, s))
        .collect();
    let pooled = pool(&plan, &sites).unwrap();
    let endpoint = find(&pooled, "auc");
    let random = endpoint
        .random_effects
        .as_ref()
        .unwrap_or_else(|| panic!("{:?}", endpoint.notes));
    close(random.value.unwrap(), area(&rows));
    assert_eq!(endpoint.by_site.len(), 3);
    assert!(random.definition.ends_with(".logit"));
    // Where nothing differs there is nothing to make an interval of, and it says so.
    assert!(
        random.interval.is_some() || random.not_estimable.is_some(),
        "{random:?}"
    );
    let sites = [
        told(&plan, &rows, "a"),
        told(&plan, &rows[..160], "b"),
        told(&plan, &rows[100..], "c"),
    ];
    let pooled = pool(&plan, &sites).unwrap();
    let random = find(&pooled, "auc").random_effects.as_ref().unwrap();
    let interval = random.interval.unwrap();
    let value = random.value.unwrap();
    assert!(
        0.0 < interval.lower
            && interval.lower < value
            && value < interval.upper
            && interval.upper < 1.0
    );
}

#[test]
fn a_site_with_a_small_cell_keeps_its_counts_and_estimate() {
    let plan = plan(ENDPOINTS);
    // 20 positive rows of which 3 are missed, 20 negative ones, all right: 3 is a small cell, 0 is none.
    let rows: Vec<Row> = (0..40)
        .map(|i| Row {
            truth: i < 20,
            call: i < 17,
            score: f64::from(i),
            value: None,
            p: 0.5,
        })
        .collect();
    let small = told(&plan, &rows, "small");
    let endpoint = &small.endpoints[0];
    assert_eq!(
        (endpoint.n, endpoint.counts, endpoint.estimate),
        (Some(40), None, None)
    );
    assert!(
        endpoint.withheld[0].contains("counts and estimate"),
        "{:?}",
        endpoint.withheld
    );
    assert!(
        small.told()[0].contains("withheld: counts and estimate"),
        "{:?}",
        small.told()
    );
    let whole = told(&plan, &cases(240), "whole");
    let pooled = pool(&plan, &[small, whole]).unwrap();
    let endpoint = find(&pooled, "sensitivity");
    assert_eq!(endpoint.withheld, 1);
    assert!(
        endpoint
            .notes
            .iter()
            .any(|n| n.contains("1 of 2 sites held something back")),
        "{:?}",
        endpoint.notes
    );
    assert!(
        endpoint
            .notes
            .iter()
            .any(|n| n.contains("covers only the sites that gave their counts"))
    );
    let alone = analysed(&plan, &table(&cases(240)));
    close(
        endpoint.joint.as_ref().unwrap().value.unwrap(),
        central(&alone, "sensitivity").value.unwrap(),
    );
}

/// Two endpoints on nearly the same rows: the difference of their numbers would be a small cell.
#[test]
fn what_a_difference_would_tell_is_withheld() {
    let plan = plan(ENDPOINTS);
    let with_gaps = |gaps: usize| {
        let mut rows = cases(200);
        rows.iter_mut()
            .enumerate()
            .for_each(|(i, r)| r.value = (i >= gaps).then_some(1.0 + i as f64));
        told(&plan, &rows, "a")
    };
    let of = |s: &Summary, id: &str| s.endpoints.iter().find(|e| e.id == id).unwrap().clone();
    // Nobody lacks a value, or 5: both may be told. From 1 to 4 the smaller endpoint tells nothing.
    for gaps in [0, 5, 9] {
        assert_eq!(
            of(&with_gaps(gaps), "mean").n,
            Some(200 - gaps as u64),
            "{gaps}"
        );
    }
    for gaps in 1..5 {
        let summary = sent(&with_gaps(gaps));
        let mean = of(&summary, "mean");
        assert_eq!(
            (mean.n, mean.sums, mean.estimate),
            (None, None, None),
            "{gaps}"
        );
        assert!(mean.withheld[0].contains("differ from those of another endpoint by 1 to 4"));
        assert_eq!(of(&summary, "auc").n, Some(200));
        assert!(pool(&plan, &[summary]).is_ok());
    }
}

/// Six rows lack a probability, but only two of them are positive: the classes would tell.
#[test]
fn a_difference_within_a_class_is_withheld() {
    let text = ENDPOINTS.replace(
        "[[endpoint]]\nid = \"brier\"",
        "[[endpoint]]\nid = \"brier\"\nmissing = \"complete-case\"",
    );
    let plan = plan(&text);
    for (positive, negative, tells) in [(2, 4, false), (0, 6, true), (5, 5, true), (6, 1, false)] {
        let rows = cases(300);
        let mut csv = String::from("truth,call,score,value,p\n");
        let mut left: [u32; 2] = [negative, positive];
        for r in &rows {
            let slot = &mut left[usize::from(r.truth)];
            let p = if *slot > 0 {
                String::new()
            } else {
                r.p.to_string()
            };
            *slot = slot.saturating_sub(1);
            csv.push_str(&format!(
                "{},{},{},1,{p}\n",
                u8::from(r.truth),
                u8::from(r.call),
                r.score
            ));
        }
        let table = Table::read("rows.csv", csv.into_bytes()).unwrap();
        let summary = summarise(&plan, &table, &analysed(&plan, &table), "a", "c").unwrap();
        let brier = summary.endpoints.iter().find(|e| e.id == "brier").unwrap();
        assert_eq!(brier.n.is_some(), tells, "{positive} {negative}: {brier:?}");
    }
}

#[test]
fn a_site_with_few_rows_tells_nothing() {
    let plan = plan(ENDPOINTS);
    let summary = told(&plan, &cases(4), "four");
    for endpoint in &summary.endpoints {
        assert_eq!(
            (
                endpoint.n,
                endpoint.estimate,
                endpoint.counts,
                endpoint.sums
            ),
            (None, None, None, None)
        );
        assert_eq!(endpoint.histogram, None);
        assert!(endpoint.withheld[0].contains("everything: fewer than 5 rows"));
    }
}

#[test]
fn a_summary_of_another_plan_or_a_site_given_twice_is_refused() {
    let ours = plan(ENDPOINTS);
    let theirs = plan(&format!("{ENDPOINTS}# changed\n"));
    let (a, b) = (told(&ours, &cases(60), "a"), told(&theirs, &cases(60), "b"));
    let said = pool(&ours, &[a.clone(), b]).unwrap_err().to_string();
    assert!(
        said.contains("site `b` followed the plan sha256:") && said.contains("plan.toml"),
        "{said}"
    );
    let said = pool(&ours, &[a.clone(), a]).unwrap_err().to_string();
    assert!(said.contains("two summaries are of the site `a`"), "{said}");
}

#[test]
fn one_key_signs_for_one_site() {
    let (one, two) = ("A+01020304+AQ+b/c=", "B+05060708+AQ+d/c=");
    one_key_each([("a", one), ("b", two)]).unwrap();
    // The key's name, and the hash that covers it, are the signer's choice; the key is what follows.
    for again in [one, "other-name+0a0b0c0d+AQ+b/c="] {
        let said = one_key_each([("a", one), ("b", two), ("c", again)])
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("one key signed for the site `a` and for the site `c`"),
            "{said}"
        );
    }
    let said = one_key_each([("a", one), ("a", one)])
        .unwrap_err()
        .to_string();
    assert!(said.contains("two summaries are of the site `a`"), "{said}");
}

/// A second key hides nothing: numbers that agree to the last digit are noted.
#[test]
fn sites_that_tell_exactly_the_same_are_noted() {
    let plan = plan(ENDPOINTS);
    let noted = |sites: &[Summary]| -> Vec<String> {
        let pooled = pool(&plan, sites).unwrap();
        let notes = pooled.endpoints.into_iter().flat_map(|e| e.notes);
        notes.filter(|n| n.contains("exactly the same")).collect()
    };
    let (a, b) = (told(&plan, &cases(240), "a"), told(&plan, &cases(200), "b"));
    assert!(noted(&[a.clone(), b.clone()]).is_empty());
    let again = told(&plan, &cases(240), "c");
    let said = noted(&[a, b, again]);
    assert!(
        said.first()
            .is_some_and(|n| n.contains("The sites a and c tell")),
        "{said:?}"
    );
    // Nothing told is nothing alike.
    let (few, fewer) = (told(&plan, &cases(4), "d"), told(&plan, &cases(4), "e"));
    assert!(noted(&[few, fewer]).is_empty());
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let plan = plan(ENDPOINTS);
    let table = table(&cases(30));
    let analysis = analysed(&plan, &table);
    let long = "x".repeat(81);
    for name in ["", "  ", "a\nb", long.as_str()] {
        let e = summarise(&plan, &table, &analysis, name, "candour 0").unwrap_err();
        assert!(matches!(e, AnalysisError::Data(_)), "{e}");
    }
    assert_eq!(
        summarise(&plan, &table, &analysis, "  Köln ", "c")
            .unwrap()
            .site,
        "Köln"
    );
}

#[test]
fn a_text_that_was_changed_is_refused() {
    let plan = plan(&format!("{ENDPOINTS}[site]\nbins = 10\n"));
    let text = told(&plan, &cases(240), "a").text().unwrap();
    Summary::read(&text).unwrap();
    let digest = plan.digest.to_string();
    for (from, to) in [
        ("candour-site-summary@v1", "candour-site-summary@v2"),
        ("\n{", "{"),
        ("\"site\"", "\"sites\""),
        ("\"minimum_cell\":5", "\"minimum_cell\":-5"),
        ("\"minimum_cell\":5", "\"minimum_cell\":5,\"patients\":[1]"),
        ("\"true_positive\":", "\"true_positive\":-"),
        ("\"true_positive\":", "\"true_positive\":0.5,\"x\":"),
        ("\"standard_error\":", "\"standard_error\":-"),
        ("\"low\":\"", "\"low\":\"x"),
        ("\"low\":\"", "\"low\":\"9"),
        (digest.as_str(), "sha256:00"),
        ("}\n", "} {}\n"),
        ("}\n", "\n"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        assert!(Summary::read(&changed).is_err(), "{from} -> {to}");
    }
    for text in [
        "",
        "{}",
        "candour-site-summary@v1",
        "candour-site-summary@v1\n",
        "candour-site-summary@v1\nnull\n",
    ] {
        let said = Summary::read(text).unwrap_err().to_string();
        assert!(said.contains("not a site summary"), "{said}");
    }
}

#[test]
fn the_counts_of_a_site_say_what_they_count() {
    let counts = FourCounts {
        true_positive: 1,
        false_positive: 2,
        false_negative: 3,
        true_negative: 4,
    };
    assert_eq!(
        counts.to_string(),
        "1 true positive, 2 false positive, 3 false negative, 4 true negative"
    );
}

/// Every whole number of a summary but its settings.
fn counts_in(summary: &Summary) -> Vec<u64> {
    let text = summary.text().unwrap();
    let json: serde_json::Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    let mut out = Vec::new();
    fn walk(v: &serde_json::Value, out: &mut Vec<u64>) {
        match v {
            serde_json::Value::Number(n) => out.extend(n.as_u64()),
            serde_json::Value::Array(a) => a.iter().for_each(|v| walk(v, out)),
            serde_json::Value::Object(o) => o.values().for_each(|v| walk(v, out)),
            _ => {}
        }
    }
    walk(&json["endpoints"], &mut out);
    out
}

fn any_rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(
        (
            any::<bool>(),
            any::<bool>(),
            0u8..30,
            prop::option::of(0u8..9),
        )
            .prop_map(|(truth, call, score, value)| Row {
                truth,
                call,
                // Some lie beyond the range of the bins.
                score: f64::from(score) / 20.0 - 0.2,
                value: value.map(f64::from),
                p: f64::from(score) / 30.0,
            }),
        2..most,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_small_cell_leaves_a_site(rows in any_rows(60), least in 1u64..12, bins in prop::sample::select(vec![0u64, 1, 5, 40])) {
        let plan = plan(&format!("{ENDPOINTS}[site]\nminimum_cell = {least}\nbins = {bins}\n"));
        let summary = told(&plan, &rows, "site");
        for n in counts_in(&summary) {
            prop_assert!(n == 0 || n >= least, "{n} in {}", summary.text().unwrap());
        }
        for bin in summary.endpoints.iter().filter_map(|e| e.histogram.as_ref()).flatten() {
            for n in [bin.positive, bin.negative] {
                prop_assert!(n == 0 || n >= least, "{bin:?}");
            }
        }
        for e in summary.endpoints.iter().filter(|e| e.id == "sensitivity" && e.counts.is_none()) {
            prop_assert_eq!(e.estimate, None);
        }
        sent(&summary);
    }

    #[test]
    fn a_histogram_counts_every_row_once(rows in any_rows(80), least in 1u64..6, bins in prop::sample::select(vec![0u64, 3, 20])) {
        let plan = plan(&format!("{ENDPOINTS}[site]\nminimum_cell = {least}\nbins = {bins}\n"));
        let summary = told(&plan, &rows, "site");
        if let Some(histogram) = &summary.endpoints[2].histogram {
            let positive: u64 = histogram.iter().map(|b| b.positive).sum();
            let negative: u64 = histogram.iter().map(|b| b.negative).sum();
            prop_assert_eq!(positive, rows.iter().filter(|r| r.truth).count() as u64);
            prop_assert_eq!(positive + negative, rows.len() as u64);
            // Bins do not overlap, and each row lies in one.
            for (b, truth) in histogram.iter().flat_map(|b| [(b, true), (b, false)]) {
                let (low, high): (f64, f64) = (b.low.parse().unwrap(), b.high.parse().unwrap());
                let inside = rows.iter().filter(|r| r.truth == truth && (r.score == low || low < r.score && r.score < high)).count() as u64;
                prop_assert_eq!(inside, if truth { b.positive } else { b.negative });
            }
        }
    }

    #[test]
    fn the_area_of_all_rows_lies_within_the_bound(a in any_rows(50), b in any_rows(50), least in 1u64..6, bins in prop::sample::select(vec![0u64, 1, 7, 50])) {
        let plan = plan(&format!("{ENDPOINTS}[site]\nminimum_cell = {least}\nbins = {bins}\n"));
        let sites = [sent(&told(&plan, &a, "a")), sent(&told(&plan, &b, "b"))];
        prop_assume!(sites.iter().all(|s| s.endpoints[2].histogram.is_some()));
        let pooled = pool(&plan, &sites).unwrap();
        let endpoint = find(&pooled, "auc");
        let all: Vec<Row> = a.iter().chain(&b).cloned().collect();
        if let Some(value) = endpoint.joint.as_ref().and_then(|j| j.value) {
            let off = (value - area(&all)).abs();
            match endpoint.joint_is {
                Some("exact") => prop_assert!(off <= 1e-12, "{off}"),
                Some("bounded") => prop_assert!(off <= endpoint.bound.unwrap() + 1e-12, "{off} {:?}", endpoint.bound),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn any_summary_reads_as_it_was_written(
        n in prop::option::of(any::<u64>()),
        value in -1e6f64..1e6,
        error in 1e-9f64..1e3,
        cells in prop::array::uniform4(0u64..=100_000_000),
        edges in (-1e3f64..1e3, 0.0f64..1e3),
        name in "[^\\p{C}]{1,20}",
    ) {
        let summary = Summary {
            plan: candour_record::Digest::of(name.as_bytes()),
            site: name.clone(),
            software: "s".into(),
            minimum_cell: 3,
            endpoints: vec![EndpointSummary {
                id: name,
                n,
                estimate: Some(Estimate { value, standard_error: error }),
                counts: Some(FourCounts { true_positive: cells[0], false_positive: cells[1], false_negative: cells[2], true_negative: cells[3] }),
                histogram: Some(vec![
                    Bin { low: "-inf".into(), high: edges.0.to_string(), positive: cells[0], negative: 0 },
                    Bin { low: edges.0.to_string(), high: (edges.0 + edges.1).to_string(), positive: 0, negative: cells[1] },
                ]),
                sums: Some(Sums { n: cells[2], sum: value, squares: error, positive: None }),
                withheld: vec!["why".into()],
            }],
        };
        sent(&summary);
    }

    #[test]
    fn damaged_texts_never_panic(at in any::<prop::sample::Index>(), byte in 32u8..127) {
        let plan = plan(&format!("{ENDPOINTS}[site]\nbins = 5\n"));
        let mut text = told(&plan, &cases(60), "a").text().unwrap().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Summary::read(&String::from_utf8(text).unwrap());
    }
}
