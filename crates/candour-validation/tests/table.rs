//! Tables as they arrive: what is read, what is refused with which line, and that no message
//! repeats a cell.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::path::PathBuf;

use candour_record::Digest;
use candour_validation::table::{Table, TableError, Unmatched, distance};
use proptest::prelude::*;

fn read(name: &str, text: impl AsRef<[u8]>) -> Result<Table, TableError> {
    Table::read(name, text.as_ref().to_vec())
}

fn good(name: &str, text: impl AsRef<[u8]>) -> Table {
    read(name, text).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(name: &str, text: impl AsRef<[u8]>) -> TableError {
    match read(name, text) {
        Ok(table) => panic!("read as {table:?}"),
        Err(e) => e,
    }
}

fn columns(table: &Table) -> Vec<(&str, Vec<&str>)> {
    table
        .columns()
        .iter()
        .map(|c| {
            let cells = table.column(c).unwrap();
            (c.as_str(), cells.iter().map(String::as_str).collect())
        })
        .collect()
}

fn places(table: &Table) -> Vec<u64> {
    (0..table.rows()).map(|r| table.place(r)).collect()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

// Text with separators.

#[test]
fn comma_semicolon_and_tab_say_the_same() {
    let want = vec![("id", vec!["a", "b"]), ("score", vec!["0.5", "1,5"])];
    for (name, text) in [
        ("t.csv", "id,score\na,0.5\nb,\"1,5\"\n"),
        ("t.csv", "id;score\na;0.5\nb;1,5\n"),
        ("t.tsv", "id\tscore\na\t0.5\nb\t1,5\n"),
        ("T.CSV", "id,score\na,0.5\nb,\"1,5\""),
        ("t.txt", "id;score\na;0.5\nb;1,5"),
    ] {
        let table = good(name, text);
        assert_eq!(columns(&table), want, "{text:?}");
        assert_eq!(places(&table), [2, 3], "{text:?}");
        assert_eq!(table.digest, Digest::of(text.as_bytes()));
        assert_eq!(table.bytes, text.len() as u64);
        assert_eq!(table.name, name);
    }
}

#[test]
fn quotes_hold_separators_quotes_and_newlines() {
    let table = good(
        "t.csv",
        "id,note\n1,\"a, \"\"b\"\"\"\n2,\"two\nlines\"\n3,last\n",
    );
    assert_eq!(
        columns(&table),
        [
            ("id", vec!["1", "2", "3"]),
            ("note", vec!["a, \"b\"", "two\nlines", "last"])
        ]
    );
    // The second row takes lines 3 and 4.
    assert_eq!(places(&table), [2, 3, 5]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let table = good("t.csv", "\u{feff}id,x\n1,2\n");
    assert_eq!(table.columns(), ["id", "x"]);
    let table = good("t.jsonl", "\u{feff}{\"id\":1}\n");
    assert_eq!(table.columns(), ["id"]);
}

#[test]
fn blanks_around_cells_and_names_are_dropped() {
    let table = good("t.csv", " id , x\n a ,\t1 \n");
    assert_eq!(columns(&table), [("id", vec!["a"]), ("x", vec!["1"])]);
}

#[test]
fn letters_of_any_script_are_kept() {
    let table = good("t.csv", "größe,名\nüber,値\n");
    assert_eq!(
        columns(&table),
        [("größe", vec!["über"]), ("名", vec!["値"])]
    );
}

#[test]
fn utf_16_is_refused_in_words() {
    for mark in [[0xff, 0xfe], [0xfe, 0xff]] {
        let mut bytes = mark.to_vec();
        bytes.extend("id,x\n1,2\n".bytes().flat_map(|b| [b, 0]));
        let e = refused("t.csv", &bytes);
        assert!(e.what.contains("UTF-16"), "{e}");
        assert!(e.what.contains("save it as UTF-8"), "{e}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused_with_their_line() {
    for name in ["t.csv", "t.jsonl"] {
        let e = refused(name, b"id,x\n1,2\n3,\xe4\n");
        assert_eq!(e.row, Some(3), "{e}");
        assert!(e.what.contains("UTF-8"), "{e}");
        assert!(e.to_string().starts_with(&format!("{name}:3: ")), "{e}");
    }
}

/// Verifies SRS-044.
#[test]
fn a_ragged_row_is_refused_with_its_line_and_both_widths() {
    for (text, line, fields) in [
        ("id,x\n1,2\n3\n", 3, 1),
        ("id,x\n1,2,3\n", 2, 3),
        ("id,x\n1,\"a\nb\"\n2,3,4\n", 4, 3),
    ] {
        let e = refused("t.csv", text);
        assert_eq!(e.row, Some(line), "{e}");
        assert!(
            e.what
                .contains(&format!("{fields} fields, the header has 2")),
            "{e}"
        );
        assert!(e.what.contains("quote"), "{e}");
    }
}

#[test]
fn lines_are_counted_alike_for_every_end_of_line_and_over_blank_lines() {
    for (text, line) in [
        ("id,x\r\n1,2\r\n3\r\n", 3),
        ("id,x\r\n1,2\r\n\r\n3\r\n", 4),
        ("id,x\n1,2\n\n\n3\n", 5),
        ("id,x\r\n\"a\r\nb\",1\r\n3\r\n", 4),
    ] {
        let e = refused("t.csv", text);
        assert_eq!(e.row, Some(line), "{text:?}: {e}");
    }
}

#[test]
fn a_blank_line_in_a_table_of_one_column_is_refused() {
    for end in ENDS {
        let e = refused("t.csv", "score\n0.1\n\n0.3\n".replace('\n', end));
        assert_eq!(e.row, Some(3), "{end:?}");
        assert!(e.what.contains("is blank"), "{e}");
        // The end of the last line opens no line.
        good("t.csv", "score\n0.1\n0.3\n".replace('\n', end));
    }
}

const ENDS: [&str; 3] = ["\n", "\r\n", "\r"];

#[test]
fn lines_that_end_by_cr_alone_are_counted_and_their_header_tells_the_separator() {
    let table = good("t.csv", "id;x\r1;a,b,c\r\r2;d,e,f\r");
    assert_eq!(table.columns(), ["id", "x"]);
    assert_eq!(places(&table), [2, 4]);
    let e = refused("t.csv", b"id,x\r1,2\r3,\xe4\r");
    assert_eq!(e.row, Some(3), "{e}");
}

/// A table of 40 rows under a header, for every end of line and separator, with one line exchanged.
fn with_line(at: usize, line: &str) -> Vec<(&'static str, String)> {
    let mut lines = vec!["id,truth,score,note".to_owned()];
    lines.extend((2..=41).map(|i| format!("c{i},1,0.5,n{i}")));
    lines[at - 1] = line.to_owned();
    let mut out = Vec::new();
    for end in ENDS {
        let text = lines.join(end);
        out.push(("t.tsv", text.replace(',', "\t")));
        out.push(("t.csv", text.replace(',', ";")));
        out.push(("t.csv", format!("{text}{end}")));
        out.push(("t.csv", text));
    }
    out
}

#[test]
fn a_quote_that_is_never_closed_is_refused_with_the_line_where_it_opens() {
    for (at, line) in [
        (10, "c10,1,0.5,\"SECRET"),
        (10, "\"c10,1,0.5,SECRET"),
        (10, "c10,\"a\"\"\",0.5,\"\"\"SECRET\"\""),
        (41, "c41,1,0.5,\"SECRET"),
        (41, "\"c41,1,0.5,SECRET"),
        (41, "c41,1,0.5,\""),
        (1, "id,truth,score,\"note"),
    ] {
        for (name, text) in with_line(at, line) {
            let e = refused(name, &text);
            assert_eq!(e.row, Some(at as u64), "{text:?}: {e}");
            assert!(
                e.what.starts_with("a quote is opened and never closed; "),
                "{e}"
            );
            assert!(!e.to_string().contains("SECRET"), "{e}");
        }
    }
}

/// The quote of line 10 is closed by the one that should open the cell of line 12.
#[test]
fn text_behind_a_closed_quote_is_refused_with_both_lines() {
    for (name, text) in with_line(10, "c10,1,0.5,\"SECRET") {
        let text = text.replace("n12", "\"SECRET, n12\"");
        let e = refused(name, &text);
        assert_eq!(e.row, Some(10), "{text:?}: {e}");
        assert!(
            e.what
                .starts_with("a quote is opened here and closed on line 12, but text follows it"),
            "{e}"
        );
        assert!(!e.to_string().contains("SECRET"), "{e}");
    }
    let e = refused("t.csv", "id,x\n1,\"5\" disk\"\n");
    assert_eq!(e.row, Some(2));
    assert!(e.what.contains("write each quote within it twice"), "{e}");
}

#[test]
fn quotes_that_are_in_order_are_read() {
    for (cell, want) in [
        ("\"two\nlines, \n\nand four\"", "two\nlines, \n\nand four"),
        ("\"a \"\"b\"\" c\"", "a \"b\" c"),
        ("\"\"\"\"", "\""),
        ("\"\"", ""),
        // Blanks behind the quotes are none of the cell.
        ("\"a\" ", "a"),
        // A quote within a cell that does not begin with one is a letter.
        ("5\" disk", "5\" disk"),
        ("5\"", "5\""),
        (" \"a", "\"a"),
    ] {
        for end in ENDS {
            let text = format!("id,note,z\n1,{cell},9\n2,x,8").replace('\n', end);
            let table = good("t.csv", &text);
            assert_eq!(
                table.column("note").unwrap(),
                [want.replace('\n', end).as_str(), "x"],
                "{text:?}"
            );
            assert_eq!(
                places(&table),
                [2, 3 + want.matches('\n').count() as u64],
                "{text:?}"
            );
        }
    }
}

#[test]
fn a_first_line_of_data_is_refused_without_its_cells() {
    for (line, at) in [
        ("P0,1,B,Hans Meier", 2),
        ("P0,Hans Meier,-0.25", 3),
        ("P0,Hans Meier,1e-3", 3),
        ("P0;Hans Meier;0,25", 3),
        ("P0,Hans Meier,1960-05-31", 3),
        ("P0,Hans Meier,1960-05-31T10:00:00Z", 3),
        ("P0,Hans Meier,31.05.1960", 3),
        ("17,Hans Meier,B", 1),
    ] {
        let e = refused("t.csv", format!("{line}\n{line}\n"));
        assert_eq!(e.row, Some(1));
        assert!(
            e.what.starts_with(&format!(
                "the first line seems to hold data, not names: its column {at} is a number"
            )),
            "{line}: {e}"
        );
        assert!(
            !e.what.contains("Hans") && !e.what.contains("P0") && !e.what.contains("1960"),
            "{e}"
        );
    }
    let e = refused("t.csv", format!("id,{}\n1,2\n", "x".repeat(5_000_000)));
    assert!(e.what.contains("its column 2 is longer than a name"), "{e}");
    assert!(e.to_string().len() < 400, "{}", e.to_string().len());
    // Cells that repeat are not shown either.
    let e = refused("t.csv", "Hans Meier,B,B\nErna Kurz,B,A\n");
    assert!(e.what.contains("columns 2 and 3 have the same name"), "{e}");
}

#[test]
fn names_with_numbers_in_them_are_names() {
    let names = [
        "class_1",
        "p0.5",
        "95% upper",
        "T1",
        "1st",
        "nan",
        "inf",
        "2024-05-31_volume",
        "#",
        "Δ",
    ];
    let table = good(
        "t.csv",
        format!("{}\n{}\n", names.join(","), ["x"; 10].join(",")),
    );
    assert_eq!(table.columns(), names);
    // Names of members and of Parquet's columns are never cells.
    assert_eq!(good("t.jsonl", "{\"0\":1,\"1\":2}").columns(), ["0", "1"]);
}

#[test]
fn a_missing_column_is_told_in_few_words_however_long_and_many_the_names() {
    let mut members: Vec<String> = (0..60)
        .map(|i| format!("\"{i}{}\":1", "x".repeat(100_000)))
        .collect();
    members.push("\"scores\":1".into());
    let table = good("t.jsonl", format!("{{{}}}", members.join(",")));
    let e = table.column("score").unwrap_err();
    assert!(
        e.what
            .starts_with("has no column `score`; it has, the nearest first: scores, 0xxx"),
        "{e}"
    );
    assert!(e.what.ends_with("… and 56 more"), "{e}");
    assert!(e.what.chars().count() < 300, "{e}");
}

#[test]
fn null_bytes_are_refused() {
    let bytes: Vec<u8> = "id,x\n1,2\n".bytes().flat_map(|b| [b, 0]).collect();
    let e = refused("t.csv", &bytes);
    assert!(e.what.contains("null bytes"), "{e}");
}

#[test]
fn a_name_that_is_there_twice_or_empty_is_refused() {
    let e = refused("t.csv", "id,score,id\n1,2,3\n");
    assert_eq!(e.row, Some(1));
    assert!(e.what.contains("columns 1 and 3 have the same name"), "{e}");
    // Names are told apart as they are read: without the blanks around them.
    let e = refused("t.csv", "id, id\n1,2\n");
    assert!(e.what.contains("columns 1 and 2"), "{e}");
    let e = refused("t.csv", "id,,x\n1,2,3\n");
    assert!(e.what.contains("column 2 has no name"), "{e}");
    let e = refused("t.jsonl", "{\"\": 1}\n");
    assert!(e.what.contains("column 1 has no name"), "{e}");
}

#[test]
fn a_file_without_rows_or_without_anything_is_refused() {
    for text in ["id,x\n", "id,x", "id,x\n\n\n"] {
        let e = refused("t.csv", text);
        assert!(e.what.contains("no row"), "{e}");
    }
    for (name, text) in [
        ("t.csv", ""),
        ("t.csv", "\u{feff}"),
        ("t.csv", "\n\n"),
        ("t.tsv", ""),
        ("t.jsonl", ""),
    ] {
        let e = refused(name, text);
        assert!(e.what.contains("is empty"), "{name} {text:?}: {e}");
    }
    let e = refused("t.jsonl", "\n  \n");
    assert!(e.what.contains("no object"), "{e}");
    let e = refused("t.jsonl", "{}\n");
    assert!(e.what.contains("no object"), "{e}");
}

#[test]
fn an_unknown_ending_is_refused_with_those_that_are_read() {
    for name in ["t.xlsx", "t", "csv.zip", ""] {
        let e = refused(name, "id\n1\n");
        assert_eq!(e.row, None);
        for ending in [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"] {
            assert!(e.what.contains(ending), "{e}");
        }
    }
}

#[test]
fn more_columns_than_are_read_are_refused() {
    let names: Vec<String> = (0..10_001).map(|i| format!("c{i}")).collect();
    let e = refused("t.csv", names.join(","));
    assert!(e.what.contains("10001 columns; at most 10000"), "{e}");
}

// JSON lines.

#[test]
fn json_lines_become_columns_in_the_order_of_first_sight() {
    let text = "{\"id\":\"a\",\"score\":0.25,\"call\":true}\n\n{\"call\":false,\"id\":\" b \",\"site\":null,\"n\":-3}\n";
    for name in ["t.jsonl", "t.ndjson"] {
        let table = good(name, text);
        assert_eq!(
            columns(&table),
            [
                ("id", vec!["a", "b"]),
                ("score", vec!["0.25", ""]),
                ("call", vec!["true", "false"]),
                ("site", vec!["", ""]),
                ("n", vec!["", "-3"]),
            ]
        );
        assert_eq!(places(&table), [1, 3]);
    }
}

#[test]
fn a_line_that_is_no_object_of_plain_values_is_refused_with_its_line() {
    for bad in [
        "[1,2]",
        "3",
        "\"text\"",
        "null",
        "{\"id\":[1]}",
        "{\"id\":{\"a\":1}}",
        "{\"id\":1,\"id\":2}",
        "{\"id\":1} {\"id\":2}",
        "{\"id\":1",
        "{\"id\":NaN}",
        "{'id':1}",
        "{\"id\":1e999}",
    ] {
        let e = refused("t.jsonl", format!("{{\"id\":0}}\n{bad}\n"));
        assert_eq!(e.row, Some(2), "{bad}: {e}");
        assert!(e.what.contains("each line is one object"), "{bad}: {e}");
        assert!(e.what.contains("each name once"), "{bad}: {e}");
    }
}

#[test]
fn deeply_nested_json_is_refused_and_ends() {
    let text = format!("{{\"id\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    refused("t.jsonl", text);
}

// Parquet.

fn stored(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/validation/parquet")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn expected_cells() -> serde_json::Map<String, serde_json::Value> {
    let text = include_str!("../../../testdata/validation/parquet.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    all["plain"].as_object().unwrap().clone()
}

/// `testdata/validation/tables.py` wrote the files with pyarrow, and the cells beside them.
#[test]
fn every_plain_parquet_type_and_compression_reads_as_pyarrow_wrote_it() {
    let want = expected_cells();
    for file in [
        "plain-none.parquet",
        "plain-snappy.parquet",
        "plain-gzip.parquet",
        "plain-zstd.parquet",
        "plain-lz4.parquet",
        "plain-brotli.parquet",
        "plain-no-dictionary.parquet",
        "plain-pages-v2.parquet",
    ] {
        let table = good(file, stored(file));
        assert_eq!(table.rows(), 3, "{file}");
        assert_eq!(table.columns().len(), want.len(), "{file}");
        for (name, cells) in &want {
            let cells: Vec<&str> = cells
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c.as_str().unwrap())
                .collect();
            assert_eq!(table.column(name).unwrap(), cells, "{file}: {name}");
        }
        assert_eq!(places(&table), [1, 2, 3], "{file}");
    }
}

#[test]
fn row_groups_of_a_parquet_file_are_read_one_after_the_other() {
    let table = good("t.parquet", stored("row-groups.parquet"));
    let want: Vec<String> = (0..40).map(|i| format!("case {i}")).collect();
    assert_eq!(table.column("id").unwrap(), want);
    assert_eq!(table.place(39), 40);
}

#[test]
fn nested_parquet_columns_are_refused_by_name() {
    for (file, column) in [("nested.parquet", "boxes"), ("struct.parquet", "box")] {
        let e = refused(file, stored(file));
        assert!(
            e.what.contains(&format!("column `{column}` is nested")),
            "{e}"
        );
    }
}

#[test]
fn a_parquet_file_without_rows_is_refused() {
    let e = refused("t.parquet", stored("no-rows.parquet"));
    assert!(e.what.contains("no row"), "{e}");
}

#[test]
fn a_parquet_file_cut_anywhere_is_refused() {
    let whole = stored("plain-snappy.parquet");
    for keep in (0..whole.len()).step_by(37) {
        let e = refused("t.parquet", &whole[..keep]);
        assert!(e.what.contains("Parquet"), "{keep}: {e}");
    }
}

#[test]
fn a_csv_file_called_parquet_is_refused() {
    let e = refused("t.parquet", "id,x\n1,2\n");
    assert!(e.what.contains("cannot be read as Parquet"), "{e}");
}

// Tables in memory.

#[test]
fn a_table_made_in_memory_holds_to_the_same_rules() {
    let digest = Digest::of(b"decisions");
    let rows = vec![words(&["1", "a"]), words(&["2", "b"])];
    let table = Table::of_rows("decisions", digest, &["id", "x"], rows).unwrap();
    assert_eq!(table.digest, digest);
    assert_eq!(places(&table), [1, 2]);
    let e = Table::of_rows("decisions", digest, &["id", "x"], vec![words(&["1"])]).unwrap_err();
    assert_eq!(e.row, Some(1));
    Table::of_rows("decisions", digest, &["id", "id"], Vec::new()).unwrap_err();
}

#[test]
fn a_column_is_added_once_and_at_its_full_length() {
    let mut table = good("t.csv", "id\n1\n2\n");
    table.add("dice", words(&["0.5", "0.6"])).unwrap();
    assert_eq!(table.column("dice").unwrap(), ["0.5", "0.6"]);
    let e = table.add("dice", words(&["0.5", "0.6"])).unwrap_err();
    assert!(e.what.contains("already has a column `dice`"), "{e}");
    let e = table.add("iou", words(&["0.5"])).unwrap_err();
    assert!(e.what.contains("another number of rows"), "{e}");
}

#[test]
fn a_filtered_table_keeps_the_places_of_its_rows() {
    let table = good("t.csv", "id\na\nb\nc\n").filtered(&[true, false, true]);
    assert_eq!(columns(&table), [("id", vec!["a", "c"])]);
    assert_eq!(places(&table), [2, 4]);
}

#[test]
fn a_column_that_is_not_there_names_the_nearest_first() {
    let table = good("t.csv", "zebra,scores,id\n1,2,3\n");
    let e = table.column("score").unwrap_err();
    assert!(
        e.what
            .contains("has no column `score`; it has, the nearest first: scores, "),
        "{e}"
    );
}

#[test]
fn the_distance_of_words_is_that_of_levenshtein() {
    // By hand: kitten -> sitten -> sittin -> sitting.
    for (a, b, d) in [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("same", "same", 0),
        ("ab", "ba", 2),
        ("größe", "grösse", 2),
    ] {
        assert_eq!(distance(a, b), d, "{a} {b}");
        assert_eq!(distance(b, a), d, "{b} {a}");
    }
}

// Joins.

fn key(list: &[&str]) -> Vec<String> {
    words(list)
}

#[test]
fn each_row_takes_its_partner_by_key_in_whatever_order() {
    let a = good("a.csv", "id,truth\n3,1\n1,0\n2,1\n");
    let b = good("b.csv", "score,id\n0.1,1\n0.2,2\n0.3,3\n");
    let (joined, unmatched) = a.join(&b, &key(&["id"]), false).unwrap();
    assert_eq!(
        columns(&joined),
        [
            ("id", vec!["3", "1", "2"]),
            ("truth", vec!["1", "0", "1"]),
            ("score", vec!["0.3", "0.1", "0.2"]),
        ]
    );
    assert_eq!(unmatched, Unmatched { here: 0, there: 0 });
    assert_eq!(joined.name, "a.csv");
    assert_eq!(places(&joined), [2, 3, 4]);
}

#[test]
fn several_rows_may_take_the_same_partner() {
    let lesions = good("lesions.csv", "patient,lesion\np1,1\np1,2\np2,1\n");
    let patients = good("patients.csv", "patient,sex\np1,f\np2,m\n");
    let (joined, _) = lesions.join(&patients, &key(&["patient"]), false).unwrap();
    assert_eq!(joined.column("sex").unwrap(), ["f", "f", "m"]);
}

#[test]
fn a_composite_key_is_compared_part_by_part() {
    // `a b` + `c` and `a` + `b c` are different keys.
    let a = good("a.csv", "p,q,x\na b,c,1\na,b c,2\n");
    let b = good("b.csv", "q,p,y\nb c,a,two\nc,a b,one\n");
    let (joined, _) = a.join(&b, &key(&["p", "q"]), false).unwrap();
    assert_eq!(joined.column("y").unwrap(), ["one", "two"]);
    assert_eq!(joined.columns(), ["p", "q", "x", "y"]);
}

#[test]
fn a_key_that_repeats_is_refused_with_both_rows() {
    let text = "id,x\n1,a\n2,b\n1,c\n2,d\n1,e\n";
    let a = good("a.csv", text);
    let e = a.unique(&key(&["id"])).unwrap_err();
    // Lines 4, 5 and 6 repeat lines 2, 3 and 2.
    assert_eq!(e.row, Some(4));
    assert!(e.what.contains("has the key (id) of row 2"), "{e}");
    assert!(
        e.what.contains("3 row(s) repeat a key: rows 4, 5, 6"),
        "{e}"
    );
    a.unique(&key(&["id", "x"])).unwrap();
    let b = good("b.csv", "id,y\n1,0\n2,0\n");
    let e = b.join(&a, &key(&["id"]), true).unwrap_err();
    assert_eq!((e.file.as_str(), e.row), ("a.csv", Some(4)));
}

#[test]
fn rows_without_a_partner_are_refused_with_their_line() {
    let a = good("a.csv", "id,x\n1,a\n2,b\n3,c\n");
    let b = good("b.csv", "id,y\n1,a\n");
    let e = a.join(&b, &key(&["id"]), false).unwrap_err();
    assert_eq!((e.file.as_str(), e.row), ("a.csv", Some(3)));
    assert!(
        e.what
            .contains("2 row(s) have no partner in b.csv: rows 3, 4"),
        "{e}"
    );
    assert!(e.what.contains("data.unmatched = \"exclude\""), "{e}");
    let e = b.join(&a, &key(&["id"]), false).unwrap_err();
    assert_eq!((e.file.as_str(), e.row), ("a.csv", Some(3)));
    assert!(e.what.contains("no partner in b.csv"), "{e}");
}

#[test]
fn rows_without_a_partner_are_left_out_and_counted_where_the_plan_says_so() {
    let a = good("a.csv", "id,x\n1,a\n2,b\n3,c\n");
    let b = good("b.csv", "id,y\n3,z\n4,w\n5,v\n1,u\n");
    let (joined, unmatched) = a.join(&b, &key(&["id"]), true).unwrap();
    assert_eq!(
        columns(&joined),
        [
            ("id", vec!["1", "3"]),
            ("x", vec!["a", "c"]),
            ("y", vec!["u", "z"])
        ]
    );
    assert_eq!(unmatched, Unmatched { here: 1, there: 2 });
    assert_eq!(places(&joined), [2, 4]);
}

#[test]
fn only_a_few_rows_are_named() {
    let rows: String = (0..20).map(|i| format!("{i},x\n")).collect();
    let a = good("a.csv", format!("id,x\n{rows}"));
    let b = good("b.csv", "id,y\n0,1\n");
    let e = a.join(&b, &key(&["id"]), false).unwrap_err();
    assert!(e.what.contains("rows 3, 4, 5, 6, 7 and 14 more"), "{e}");
}

#[test]
fn columns_of_the_same_name_are_refused() {
    let a = good("a.csv", "id,score\n1,2\n");
    let b = good("b.csv", "id,score\n1,3\n");
    let e = a.join(&b, &key(&["id"]), false).unwrap_err();
    assert_eq!(e.file, "b.csv");
    assert!(e.what.contains("column `score` is also in a.csv"), "{e}");
}

#[test]
fn an_empty_key_or_a_key_column_that_is_missing_is_refused() {
    let a = good("a.csv", "id,x\n1,a\n,b\n");
    let e = a.unique(&key(&["id"])).unwrap_err();
    assert_eq!(e.row, Some(3));
    assert!(e.what.contains("the key (id) is empty"), "{e}");
    let b = good("b.csv", "case,y\n1,a\n");
    let e = a.join(&b, &key(&["id"]), false).unwrap_err();
    assert_eq!(e.file, "b.csv");
    assert!(e.what.contains("has no column `id`"), "{e}");
}

// What holds for any input.

const SECRET: &str = "SECRETMARKER";

fn silent(e: &TableError) {
    let said = format!("{e} {e:?}");
    assert!(!said.contains(SECRET), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_error_of_a_damaged_file_repeats_a_cell(
        rows in prop::collection::vec(prop::collection::vec("[a-z\"\\n ]{0,3}", 1..5), 1..6),
        cut in 0usize..400,
        separator in prop::sample::select(vec![",", ";", "\t"]),
        damage in prop::option::of((0usize..400, any::<u8>())),
    ) {
        let header = ["id", "a", "b"].join(separator);
        let body: Vec<String> = rows
            .iter()
            .map(|r| r.iter().map(|c| format!("{SECRET}{c}")).collect::<Vec<_>>().join(separator))
            .collect();
        let mut bytes = format!("{header}\n{}\n", body.join("\n")).into_bytes();
        if let Some((at, byte)) = damage
            && let Some(slot) = bytes.get_mut(header.len() + 1 + at)
        {
            *slot = byte;
        }
        bytes.truncate((header.len() + 1 + cut).max(header.len() + 1));
        for name in ["t.csv", "t.parquet"] {
            if let Err(e) = Table::read(name, bytes.clone()) {
                silent(&e);
            }
        }
    }

    #[test]
    fn no_error_of_damaged_json_repeats_a_value(cut in 0usize..120, more in "[\\[\\]{}\",:0-9a-z]{0,8}") {
        let text = format!("{{\"id\":1,\"name\":\"{SECRET}\",\"x\":\"{SECRET}\"}}");
        let keep = cut.min(text.len());
        let text = format!("{{\"id\":0,\"name\":\"{SECRET}\"}}\n{}{more}", &text[..keep]);
        if let Err(e) = Table::read("t.jsonl", text.into_bytes()) {
            silent(&e);
        }
    }

    #[test]
    fn no_error_of_keys_and_joins_repeats_a_key(
        mine in prop::collection::vec(0u8..6, 1..8),
        theirs in prop::collection::vec(0u8..6, 1..8),
        exclude in any::<bool>(),
    ) {
        let table = |name: &str, column: &str, ids: &[u8]| {
            let rows: String = ids
                .iter()
                .map(|i| if *i == 0 { format!(",{SECRET}\n") } else { format!("{SECRET}{i},{SECRET}\n") })
                .collect();
            good(name, format!("id,{column}\n{rows}"))
        };
        let (a, b) = (table("a.csv", "x", &mine), table("b.csv", "y", &theirs));
        for e in [a.unique(&key(&["id"])).err(), a.join(&b, &key(&["id"]), exclude).err()].into_iter().flatten() {
            silent(&e);
        }
    }

    #[test]
    fn a_table_written_as_csv_reads_as_it_was(
        rows in prop::collection::vec(prop::collection::vec("[ -~äé\\n]{0,6}", 3), 1..8),
    ) {
        let quote = |c: &str| format!("\"{}\"", c.replace('"', "\"\""));
        let body: String = rows
            .iter()
            .map(|r| r.iter().map(|c| quote(c)).collect::<Vec<_>>().join(",") + "\n")
            .collect();
        let table = good("t.csv", format!("a,b,c\n{body}"));
        for (c, name) in ["a", "b", "c"].iter().enumerate() {
            let want: Vec<&str> = rows.iter().map(|r| r[c].trim()).collect();
            prop_assert_eq!(table.column(name).unwrap(), want);
        }
    }

    #[test]
    fn any_bytes_end_in_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in ["t.csv", "t.jsonl", "t.parquet"] {
            let _ = Table::read(name, bytes.clone());
        }
    }
}
