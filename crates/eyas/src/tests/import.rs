//! The dump's tables and their order, its values byte by byte, and rows that can be read from anywhere on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::commands::import::copy_text::{CopyRows, Spelling, unescape};
use crate::commands::import::dump::{Dump, DumpError};
use crate::commands::import::format::{Packing, RowFormat, of_name};
use crate::commands::import::order::order;
use crate::commands::import::source::{Source, content_name};

const DUMP: &str = "\
--
-- PostgreSQL database dump
--
SET client_encoding = 'UTF8';
COPY public.ports (code, \"na me\", parent_slug) FROM stdin;
CNCWN\tChiwan\tchina
NOOSL\tO\\\\slo\\tx\t\\N
\\.

COPY public.regions (slug, parent_slug) FROM stdin;
norway\tnorth
north\t\\N
\\.

COPY \"odd\".\"Ta\"\"ble\" (a) FROM stdin;
\\.

ALTER TABLE ONLY public.ports
    ADD CONSTRAINT ports_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.ports
    ADD CONSTRAINT f FOREIGN KEY (parent_slug) REFERENCES public.regions(slug);
ALTER TABLE ONLY public.regions
    ADD CONSTRAINT g FOREIGN KEY (parent_slug) REFERENCES public.regions(slug);
";

#[test]
fn a_dump_is_cut_into_its_tables() {
    let dump = Dump::scan(DUMP.as_bytes()).unwrap();
    let names: Vec<String> = dump.blocks.iter().map(|block| block.name.to_string()).collect();
    assert_eq!(names, ["public.ports", "public.regions", "odd.Ta\"ble"]);
    assert_eq!(dump.blocks[0].columns, ["code", "na me", "parent_slug"]);
    assert_eq!((dump.blocks[0].n_rows, dump.blocks[1].n_rows, dump.blocks[2].n_rows), (2, 2, 0));
    let block = &dump.blocks[1];
    let rows = &DUMP[block.offset as usize..(block.offset + block.size_bytes) as usize];
    assert_eq!(rows, "norway\tnorth\nnorth\t\\N\n");
    let regions = BTreeSet::from([dump.blocks[1].name.clone()]);
    let all = [dump.blocks[0].name.clone(), dump.blocks[1].name.clone()];
    assert_eq!(dump.references, all.map(|name| (name, regions.clone())).into());
}

#[test]
fn what_is_no_plain_dump_is_told_so() {
    let check = |text: &str| Dump::scan(text.as_bytes()).unwrap_err();
    assert!(matches!(
        check("--\nINSERT INTO public.a VALUES (1);\n"),
        DumpError::Inserts { line: 2 }
    ));
    assert!(matches!(check("PGDMP\x01\x0e"), DumpError::Archive));
    assert!(matches!(check("COPY a (b) FROM stdin;\n1\n"), DumpError::Cut { .. }));
    assert!(matches!(check("COPY a (b) FROM '/x';\n"), DumpError::Strange { line: 1, .. }));
}

#[test]
fn tables_come_behind_those_that_they_refer_to() {
    let references = |pairs: &[(&str, &str)]| {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in pairs {
            all.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        all
    };
    let check = |tables: &[&str], pairs: &[(&str, &str)], wanted: &[usize]| {
        assert_eq!(order(tables, &references(pairs)), wanted, "{tables:?} {pairs:?}");
    };
    check(&["a", "b"], &[], &[0, 1]);
    check(
        &["ports", "prices", "regions"],
        &[("ports", "regions"), ("prices", "ports"), ("regions", "regions")],
        &[2, 0, 1],
    );
    // What is not there is waited for by nobody; a ring keeps its order.
    check(&["a", "b"], &[("a", "z")], &[0, 1]);
    check(&["a", "b", "c"], &[("a", "b"), ("b", "a"), ("c", "a")], &[0, 1, 2]);
}

#[test]
fn values_of_copy_are_what_postgresql_means() {
    let check = |text: &[u8], wanted: Option<&[u8]>| {
        let mut out = Vec::new();
        let value = unescape(text, &mut out).map(|()| out.as_slice());
        assert_eq!(value, wanted, "{}", String::from_utf8_lossy(text));
    };
    check(b"plain", Some(b"plain"));
    check(b"\\N", None);
    check(b"", Some(b""));
    check(b"\\\\N", Some(b"\\N"));
    check(b"\\b\\f\\n\\r\\t\\v\\\\", Some(b"\x08\x0c\n\r\t\x0b\\"));
    check(b"\\101\\7x\\1234", Some(b"A\x07xS4"));
    check(b"\\x41\\x4g\\xg", Some(b"A\x04gxg"));
    check(b"\\q\\", Some(b"q\\"));
}

#[test]
fn rows_of_a_table_become_lines_of_json() {
    let columns = [
        ("n", Spelling::Number),
        ("ok", Spelling::Bool),
        ("doc", Spelling::Json),
        ("t\"x", Spelling::Text),
    ];
    let columns = columns.map(|(name, spelling)| (name.to_owned(), spelling));
    let check = |rows: &str, wanted: &str| {
        let mut out = String::new();
        CopyRows::new(Cursor::new(rows.to_owned()), columns.clone())
            .read_to_string(&mut out)
            .map(|_| assert_eq!(out, wanted))
    };
    check(
        "9007199254740993\tt\t{\"a\":1.0}\tx\\ny\n1.50\tf\t\\N\t\\N\nNaN\tt\t{\\n}\t1\n\\.\nrest",
        "{\"n\":9007199254740993,\"ok\":true,\"doc\":{\"a\":1.0},\"t\\\"x\":\"x\\ny\"}\n\
         {\"n\":1.50,\"ok\":false,\"doc\":null,\"t\\\"x\":null}\n\
         {\"n\":\"NaN\",\"ok\":true,\"doc\":{ },\"t\\\"x\":\"1\"}\n",
    )
    .unwrap();
    let instant = [("at".to_owned(), Spelling::Instant)];
    let mut out = String::new();
    CopyRows::new(
        Cursor::new("2026-11-01 08:00:00.5+00\n2026-11-01 08:00:00-03:30\n\\.\n"),
        instant,
    )
    .read_to_string(&mut out)
    .unwrap();
    assert_eq!(
        out,
        "{\"at\":\"2026-11-01 08:00:00.5+00:00\"}\n{\"at\":\"2026-11-01 08:00:00-03:30\"}\n"
    );
    assert!(check("1\tt\t1\n\\.\n", "").is_err(), "a value is missing");
    assert!(check("1\tt\t1\ta\tb\n\\.\n", "").is_err(), "a value too many");
    assert!(check("1\tt\t1\ta\n", "").is_err(), "no end");
}

#[test]
fn a_name_says_what_a_file_holds() {
    let check = |name: &str, wanted| assert_eq!(of_name(Path::new(name)), wanted, "{name}");
    check("a/prices.csv", (Some(RowFormat::Csv), Packing::Plain));
    check("prices.NDJSON.gz", (Some(RowFormat::Ndjson), Packing::Gzip));
    check("x.jsonl.zst", (Some(RowFormat::Ndjson), Packing::Zstd));
    check("x.json", (Some(RowFormat::Json), Packing::Plain));
    check("dump.sql.gz", (None, Packing::Gzip));
    check("-", (None, Packing::Plain));
}

#[test]
fn a_source_can_be_read_from_any_byte_on() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("dump.sql");
    std::fs::write(&plain, DUMP).unwrap();
    let packed = dir.path().join("dump.sql.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(DUMP.as_bytes()).unwrap();
    std::fs::write(&packed, gzip.finish().unwrap()).unwrap();
    assert_ne!(content_name(&plain).unwrap(), content_name(&packed).unwrap());

    let block = Dump::scan(DUMP.as_bytes()).unwrap().blocks.remove(0);
    let table = |path: &Path, packing| Source::Table {
        path: path.to_owned(),
        packing,
        block: block.clone(),
        spellings: vec![Spelling::Text; 3],
    };
    let rows = "{\"code\":\"CNCWN\",\"na me\":\"Chiwan\",\"parent_slug\":\"china\"}\n\
        {\"code\":\"NOOSL\",\"na me\":\"O\\\\slo\\tx\",\"parent_slug\":null}\n";
    let file = |path: &Path, packing| Source::File { path: path.to_owned(), packing };
    for (mut source, whole) in [
        (table(&plain, Packing::Plain), rows),
        (table(&packed, Packing::Gzip), rows),
        (file(&plain, Packing::Plain), DUMP),
        (file(&packed, Packing::Gzip), DUMP),
    ] {
        for offset in [0, 1, 57, whole.len()] {
            let mut read = String::new();
            let mut from = source.open(offset as u64, &Arc::default()).unwrap();
            from.read_to_string(&mut read).unwrap();
            assert_eq!(read, whole[offset..], "{source:?} from {offset}");
        }
    }
    assert!(
        table(&packed, Packing::Gzip).open(1000, &Arc::default()).is_err(),
        "it has no such byte"
    );
}
