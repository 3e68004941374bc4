//! Surveillance: the built-in design, what a shift does, what is alarmed about once, and designs that
//! cannot be used.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use candour_validation::monitor::{
    BUILT_IN, Monitoring, Of, Reading, ReferencePeriod, Times, Watched, readings,
};
use proptest::prelude::*;

fn built_in() -> Monitoring {
    Monitoring::read("built-in design", BUILT_IN).unwrap_or_else(|e| panic!("{e}"))
}

fn design(watch: &str) -> Monitoring {
    Monitoring::read(
        "m.toml",
        &format!("cases_per_year = 1000\nreference = \"validation\"\n{watch}"),
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

fn refused(text: &str) -> String {
    match Monitoring::read("m.toml", text) {
        Ok(d) => panic!("read as {d:?}"),
        Err(e) => e.to_string(),
    }
}

/// Decisions one after another, 50 a month from January 2026; `make` says what the n-th was.
fn decisions(from: u64, n: u64, make: impl Fn(u64, &mut Watched)) -> Vec<Watched> {
    (0..n)
        .map(|i| {
            let month = i / 50;
            let mut w = Watched {
                index: from + i,
                month: format!("{}-{:02}", 2026 + month / 12, month % 12 + 1),
                refused: false,
                call: Some(i % 4 == 0),
                // 0.01 to 0.97, evenly: 37 has no factor in common with 97.
                probability: Some(((i * 37) % 97 + 1) as f64 / 100.0),
                truth: None,
                overruled: None,
                known_at: from + i,
            };
            make(i, &mut w);
            w
        })
        .collect()
}

fn read(design: &Monitoring, used: &[Watched], validated: &[Watched], since: u64) -> Vec<Reading> {
    readings(design, "m.toml", used, validated, &long_after(since))
        .unwrap_or_else(|e| panic!("{e}"))
}

/// A reading when every month is over.
fn long_after(since: u64) -> Times {
    Times {
        since,
        last: None,
        now: "2999-01".into(),
    }
}

fn find<'a>(list: &'a [Reading], id: &str) -> &'a Reading {
    list.iter()
        .find(|r| r.id == id)
        .unwrap_or_else(|| panic!("{id}: {list:?}"))
}

#[test]
fn the_built_in_design_reads_and_watches_six_things() {
    let d = built_in();
    assert_eq!(d.reference, ReferencePeriod::Validation);
    let of: Vec<Of> = d.watch.iter().map(|w| w.of).collect();
    assert_eq!(
        of,
        [
            Of::Refused,
            Of::Abstained,
            Of::Probability,
            Of::Probability,
            Of::Overruled,
            Of::Error
        ]
    );
    // Every watch can be read, of no decision and of many.
    assert_eq!(read(&d, &[], &[], 0).len(), 6);
    let make = |i: u64, w: &mut Watched| {
        w.truth = w.call;
        w.overruled = Some(false);
        w.refused = i % 40 == 3;
        if i % 25 == 7 {
            w.call = None;
        }
    };
    let used = decisions(0, 400, make);
    for reading in read(&d, &used, &decisions(0, 200, make), 0) {
        assert!(reading.answer.is_some(), "{reading:?}");
        assert!(!reading.alarm, "{reading:?}");
    }
}

#[test]
fn fewer_decisions_than_the_minimum_are_counted_and_not_judged() {
    let d = built_in();
    let all_wrong = decisions(0, 29, |_, w| w.truth = w.call.map(|c| !c));
    let list = read(&d, &all_wrong, &[], 0);
    let wrong = find(&list, "wrong");
    assert_eq!((wrong.n, wrong.value, wrong.alarm), (29, None, false));
    assert!(
        wrong
            .not_estimable
            .as_deref()
            .unwrap()
            .contains("29 decisions; judged from 30 on")
    );
    let all_wrong = decisions(0, 30, |_, w| w.truth = w.call.map(|c| !c));
    assert!(find(&read(&d, &all_wrong, &[], 0), "wrong").alarm);
}

/// The Bernoulli CUSUM by its recursion (Reynolds and Stoumbos 1999): where S reaches h.
fn cusum(outcomes: &[bool], p0: f64, p1: f64, h: f64) -> Vec<usize> {
    let (hit, miss) = ((p1 / p0).ln(), ((1.0 - p1) / (1.0 - p0)).ln());
    let mut s = 0.0_f64;
    let mut out = Vec::new();
    for (i, o) in outcomes.iter().enumerate() {
        s = (s + if *o { hit } else { miss }).max(0.0);
        if s >= h {
            out.push(i);
        }
    }
    out
}

#[test]
fn a_planted_shift_of_errors_alarms_where_the_recursion_says() {
    let d = built_in();
    // One in ten wrong, then, from decision 300 on, one in two.
    let wrong = |i: u64| i.is_multiple_of(if i < 300 { 10 } else { 2 });
    let used = decisions(1000, 400, |i, w| w.truth = w.call.map(|c| c != wrong(i)));
    let outcomes: Vec<bool> = (0..400).map(wrong).collect();
    let expected = cusum(&outcomes, 0.10, 0.20, 4.5);
    assert!(expected[0] > 300, "{expected:?}");
    let last = *expected.last().unwrap() as u64;
    let list = read(&d, &used, &[], 0);
    let reading = find(&list, "wrong");
    assert!(reading.alarm);
    assert_eq!(reading.n, 400);
    assert_eq!(reading.value, Some(expected.len() as f64));
    assert_eq!(reading.alarmed_at, Some(1000 + last));
    // Before the shift nothing alarms.
    assert!(!find(&read(&d, &used[..300], &[], 0), "wrong").alarm);
}

#[test]
fn what_was_alarmed_about_is_not_alarmed_about_again() {
    let d = built_in();
    // Wrong again and again around decision 200, right ever after.
    let wrong = |i: u64| (200..220).contains(&i);
    let used = decisions(0, 400, |i, w| w.truth = w.call.map(|c| c != wrong(i)));
    let outcomes: Vec<bool> = (0..400).map(wrong).collect();
    let last = *cusum(&outcomes, 0.10, 0.20, 4.5).last().unwrap() as u64;
    assert!((200..300).contains(&last));
    let alarm = |since: u64| {
        let list = read(&d, &used, &[], since);
        let reading = find(&list, "wrong").clone();
        assert_eq!(reading.alarmed_at, Some(last));
        reading.alarm
    };
    assert!(alarm(0));
    assert!(alarm(last));
    assert!(!alarm(last + 1));
    assert!(!alarm(400));
}

#[test]
fn a_month_with_many_refusals_alarms_on_the_p_chart() {
    let d = built_in();
    // 2 of 50 refused in each month, 20 of 50 in the sixth.
    let refused = |i: u64| if i / 50 == 5 { i % 50 < 20 } else { i % 50 < 2 };
    let used = decisions(0, 500, |i, w| w.refused = refused(i));
    let list = read(&d, &used, &[], 0);
    let reading = find(&list, "refused");
    // Pooled share 38 / 500 = 0.076; the upper limit of 50 is 0.076 + 3 sqrt(0.076 0.924 / 50) = 0.188.
    assert!(reading.alarm);
    assert_eq!(reading.value, Some(1.0));
    // The last decision of the sixth month.
    assert_eq!(reading.alarmed_at, Some(299));
    assert!(!find(&read(&d, &used, &[], 300), "refused").alarm);
    // A refusal is no abstention, and no probability counts of it.
    assert_eq!(find(&list, "abstained").n, 462);
}

#[test]
fn a_shift_of_the_probability_alarms_by_stability_index_and_by_distribution() {
    let d = built_in();
    let validated = decisions(0, 300, |_, _| ());
    let same = decisions(300, 300, |_, _| ());
    let list = read(&d, &same, &validated, 0);
    assert!(list.iter().all(|r| !r.alarm), "{list:?}");
    let higher = decisions(300, 300, |_, w| {
        w.probability = w.probability.map(|p| p.sqrt())
    });
    let list = read(&d, &higher, &validated, 0);
    let psi = find(&list, "probability, stability index");
    assert!(psi.alarm && psi.value.unwrap() >= 0.25, "{psi:?}");
    assert_eq!((psi.limit, psi.n), (Some(0.25), 300));
    let ks = find(&list, "probability, distribution");
    assert!(ks.alarm && ks.value.unwrap() <= 0.001, "{ks:?}");
    assert_eq!(ks.limit, Some(0.001));
}

#[test]
fn the_first_half_of_use_may_be_the_reference() {
    let text = BUILT_IN.replace("reference = \"validation\"", "reference = \"first-half\"");
    let d = Monitoring::read("m.toml", &text).unwrap();
    let used = decisions(0, 600, |i, w| {
        if i >= 300 {
            w.probability = w.probability.map(|p| p.sqrt());
        }
    });
    let list = read(&d, &used, &[], 0);
    let psi = find(&list, "probability, stability index");
    assert_eq!(psi.n, 300);
    assert!(psi.alarm);
}

#[test]
fn only_what_is_known_is_watched() {
    let watch: String = ["refused", "abstained", "finding", "error", "overruled"]
        .iter()
        .map(|of| format!("[[watch]]\nid = \"{of}\"\nof = \"{of}\"\nstatistic = \"monitor-p-chart\"\nminimum = 1\n"))
        .collect();
    let used = decisions(0, 100, |i, w| {
        w.refused = i < 10;
        if i < 30 {
            w.call = None;
        }
        w.truth = (i % 2 == 0).then_some(true);
        w.overruled = (i >= 95).then_some(false);
    });
    let list = read(&design(&watch), &used, &[], 0);
    let n: Vec<usize> = list.iter().map(|r| r.n).collect();
    // All; not refused; decided; decided and of even number; read by someone.
    assert_eq!(n, [100, 90, 70, 35, 5]);
}

#[test]
fn expected_false_alarms_follow_from_the_design() {
    let list = read(&built_in(), &[], &[], 0);
    // A p-chart has no designed run length; the two CUSUM charts have one.
    assert_eq!(find(&list, "refused").false_alarms_per_year, None);
    for id in ["overruled", "wrong"] {
        let f = find(&list, id).false_alarms_per_year.unwrap();
        assert!(f > 0.0 && f < 10_000.0, "{id}: {f}");
    }
    // Twice as many decisions, twice as many false alarms; a higher limit, fewer.
    let at = |cases: &str, h: &str| {
        let text = BUILT_IN
            .replace(
                "cases_per_year = 10000",
                &format!("cases_per_year = {cases}"),
            )
            .replace("h = 4.5", &format!("h = {h}"));
        let d = Monitoring::read("m.toml", &text).unwrap();
        find(&read(&d, &[], &[], 0), "wrong")
            .false_alarms_per_year
            .unwrap()
    };
    assert!((at("20000", "4.5") / at("10000", "4.5") - 2.0).abs() < 1e-9);
    assert!(at("10000", "6") < at("10000", "4.5"));
}

#[test]
fn designs_that_cannot_be_used_are_refused_with_their_place() {
    let head = "cases_per_year = 1000\nreference = \"validation\"\n";
    let watch = "[[watch]]\nid = \"w\"\nof = \"error\"\nstatistic = \"monitor-cusum\"\n";
    for (text, says) in [
        (
            format!("{head}{watch}").replace("cases_per_year = 1000", "cases_per_year = 0"),
            "cases_per_year is not above 0",
        ),
        (
            format!("{head}{watch}").replace("cases_per_year = 1000", "cases_per_year = -5"),
            "cases_per_year is not above 0",
        ),
        (
            format!("{head}{watch}").replace("cases_per_year = 1000", "cases_per_year = inf"),
            "cases_per_year is not above 0",
        ),
        (
            format!("{head}{watch}").replace("cases_per_year = 1000", "cases_per_year = nan"),
            "cases_per_year is not above 0",
        ),
        (
            format!("{head}{watch}").replace("monitor-cusum", "monitor-cusums"),
            "`monitor-cusums` is no statistic of surveillance; nearest: monitor-cusum",
        ),
        (
            format!("{head}{watch}").replace("monitor-cusum", "roc-auc"),
            "watch `w`: `roc-auc` is no statistic of surveillance",
        ),
        // A run length is no monitor: it reads no decision.
        (
            format!("{head}{watch}").replace("monitor-cusum", "arl-cusum"),
            "`arl-cusum` is no statistic of surveillance",
        ),
        (
            format!("{head}{watch}").replace("reference = \"validation\"\n", ""),
            "reference",
        ),
    ] {
        let said = refused(&text);
        assert!(said.starts_with("m.toml:") && said.contains(says), "{said}");
    }
    for (from, to, line) in [
        ("reference = \"validation\"", "reference = \"last-half\"", 2),
        ("of = \"error\"", "of = \"errors\"", 5),
        ("id = \"w\"", "id = \"w\"\nminimun = 3", 5),
        ("of = \"error\"", "of = \"error\"\nminimum = -1", 6),
        (
            "of = \"error\"",
            "of = \"error\"\nalarm_at_least = \"x\"",
            6,
        ),
        ("cases_per_year = 1000", "cases_per_year = 1000 1", 1),
    ] {
        let said = refused(&format!("{head}{watch}").replace(from, to));
        assert!(
            said.starts_with(&format!("m.toml:{line}: ")),
            "{to}: {said}"
        );
    }
}

/// The reference standard of a hundred decisions becomes known after the last reading.
#[test]
fn truth_that_comes_late_alarms_when_it_is_known() {
    let early = decisions(0, 100, |_, _| {});
    let late = decisions(0, 100, |i, w| {
        w.truth = w.call.map(|c| !c);
        w.known_at = 101 + i;
    });
    let d = design(
        "[[watch]]\nid = \"w\"\nof = \"error\"\nstatistic = \"monitor-cusum\"\n[watch.settings]\nkind = \"bernoulli\"\np0 = 0.1\np1 = 0.2\nh = 4.5\n",
    );
    let before = readings(&d, "m.toml", &early, &[], &long_after(0)).unwrap();
    assert!(!before[0].alarm);
    let after = readings(&d, "m.toml", &late, &[], &long_after(101)).unwrap();
    assert!(after[0].alarm, "{:?}", after[0].alarmed_at);
}

/// A month is judged once, when it is over: not while its counts grow, not again after.
#[test]
fn an_open_month_is_provisional_and_alarms_once_when_it_is_over() {
    let d = design(
        "[[watch]]\nid = \"w\"\nof = \"refused\"\nstatistic = \"monitor-p-chart\"\n[watch.settings]\ntarget = 0.1\n",
    );
    // January, 50 decisions: 5 refused, as the target says. Then February: all 20 refused, far beyond three times
    // the standard deviation of sqrt(0.1 * 0.9 / 20).
    let make = |n: u64| decisions(0, n, |i, w| w.refused = !(5..50).contains(&i));
    let at = |used: &[Watched], since: u64, last: Option<&str>, now: &str| {
        let times = Times {
            since,
            last: last.map(str::to_owned),
            now: now.into(),
        };
        readings(&d, "m.toml", used, &[], &times).unwrap().remove(0)
    };
    let february = make(70);
    let first = at(&february, 0, None, "2026-02");
    assert!(!first.alarm);
    assert_eq!((first.value, first.alarmed_at), (Some(0.0), None));
    let open = first.open.unwrap();
    assert_eq!((open.month.as_str(), open.beyond), ("2026-02", true));
    let notes = first.answer.unwrap().notes;
    assert!(
        notes.iter().any(|n| n.contains("2026-02 is not over")),
        "{notes:?}"
    );
    // Again within the month, and then after it, without a further decision: it alarms, once.
    assert!(!at(&february, 71, Some("2026-02"), "2026-02").alarm);
    let over = at(&february, 71, Some("2026-02"), "2026-03");
    assert!(over.alarm && over.open.is_none());
    assert_eq!(over.alarmed_at, Some(69));
    let after = at(&february, 71, Some("2026-03"), "2026-03");
    assert_eq!((after.alarm, after.alarmed_at), (false, Some(69)));
    // A month within its limits so far is open and no more.
    let quiet = at(&make(50), 0, None, "2026-01");
    assert_eq!(quiet.open.map(|o| o.beyond), Some(false));
}

/// Faults that need no decisions are found when the design is read.
#[test]
fn a_number_that_a_statistic_never_gives_is_found_before_any_decision() {
    let e = Monitoring::read(
        "m.toml",
        "cases_per_year = 1000\nreference = \"validation\"\n[[watch]]\nid = \"w\"\nof = \"probability\"\nstatistic = \"drift-psi\"\nnumber = \"pis\"\nalarm_at_least = 0.2\n",
    )
    .unwrap_err()
    .to_string();
    assert!(
        e.starts_with("m.toml: watch `w`: `drift-psi` gives no number `pis`; nearest: psi"),
        "{e}"
    );
}

/// A number that may come and did not is no sign that all is well.
#[test]
fn a_number_that_did_not_come_is_not_judged() {
    let design = Monitoring::read(
        "m.toml",
        "cases_per_year = 1000\nreference = \"validation\"\n[[watch]]\nid = \"w\"\nof = \"probability\"\nstatistic = \"drift-ks\"\nnumber = \"left_out\"\nalarm_at_least = 1\n",
    )
    .unwrap();
    let used = decisions(0, 100, |_, _| {});
    let list = readings(&design, "m.toml", &used, &used, &long_after(0)).unwrap();
    assert!(list[0].unjudged && !list[0].alarm);
    assert_eq!(list[0].value, None);
    assert_eq!(
        list[0].not_estimable.as_deref(),
        Some("`drift-ks` gives no `left_out` with these data and settings")
    );
}

/// A device that refuses everything is not in order because its chart has no centre.
#[test]
fn a_device_that_refuses_everything_does_not_pass() {
    let used = decisions(0, 100, |_, w| {
        w.refused = true;
        w.call = None;
        w.probability = None;
    });
    let list = readings(&built_in(), "b", &used, &[], &long_after(0)).unwrap();
    assert!(list[0].alarm || list[0].unjudged);
    let validated = decisions(0, 100, |_, _| {});
    let list = readings(&built_in(), "b", &used, &validated, &long_after(0)).unwrap();
    assert!(list[0].alarm);
}

#[test]
fn settings_and_numbers_that_do_not_fit_are_refused() {
    let used = decisions(0, 60, |i, w| w.truth = w.call.map(|c| c != (i % 3 == 0)));
    for (watch, says) in [
        (
            "id = \"w\"\nof = \"error\"\nstatistic = \"monitor-cusum\"\n[watch.settings]\nkin = \"bernoulli\"",
            "is no setting of",
        ),
        (
            "id = \"w\"\nof = \"error\"\nstatistic = \"monitor-cusum\"\n[watch.settings]\nkind = \"gauss\"",
            "one of: tabular",
        ),
        (
            "id = \"w\"\nof = \"error\"\nstatistic = \"monitor-p-chart\"\nnumber = \"rate\"",
            "`monitor-p-chart` gives no number `rate`; nearest: centre, alarms, first_alarm; it gives: first_alarm, alarms, centre",
        ),
        (
            "id = \"w\"\nof = \"probability\"\nstatistic = \"drift-psi\"\nnumber = \"PSI\"\nalarm_at_least = 0.2",
            "`drift-psi` gives no number `PSI`; nearest: psi",
        ),
        (
            "id = \"w\"\nof = \"error\"\nstatistic = \"monitor-p-chart\"\nnumber = \"centre\"",
            "never alarms",
        ),
        (
            "id = \"w\"\nof = \"error\"\nstatistic = \"monitor-sprt\"\n[watch.settings]\np0 = 0.1\np1 = 0.2",
            "never alarms",
        ),
        (
            "id = \"w\"\nof = \"error\"\nstatistic = \"monitor-page-hinkley\"",
            "cannot watch this",
        ),
        (
            "id = \"w\"\nof = \"probability\"\nstatistic = \"drift-psi\"",
            "never alarms",
        ),
    ] {
        let text =
            format!("cases_per_year = 1000\nreference = \"validation\"\n[[watch]]\n{watch}\n");
        let e = Monitoring::read("m.toml", &text)
            .and_then(|d| readings(&d, "m.toml", &used, &used, &long_after(0)))
            .unwrap_err()
            .to_string();
        assert!(
            e.starts_with("m.toml: watch `w`: ") && e.contains(says),
            "{e}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_chart_alarms_by_its_last_alarm_and_since(errors in prop::collection::vec(any::<bool>(), 30..120), since in 0u64..200) {
        let used = decisions(50, errors.len() as u64, |i, w| w.truth = w.call.map(|c| c != errors[i as usize]));
        let list = read(&built_in(), &used, &[], since);
        let reading = find(&list, "wrong");
        let expected = cusum(&errors, 0.10, 0.20, 4.5);
        prop_assert_eq!(reading.alarmed_at, expected.last().map(|i| *i as u64 + 50));
        prop_assert_eq!(reading.alarm, expected.iter().any(|i| *i as u64 + 50 >= since));
    }

    #[test]
    fn damaged_designs_never_panic(at in any::<prop::sample::Index>(), byte in 10u8..127) {
        let mut bytes = BUILT_IN.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(d) = Monitoring::read("m.toml", &String::from_utf8(bytes).unwrap()) {
            let used = decisions(0, 60, |_, w| w.truth = w.call);
            let _ = readings(&d, "m.toml", &used, &used, &long_after(0));
        }
    }
}
