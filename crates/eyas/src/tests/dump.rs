//! Only statements of a dump are statements: whatever stands in texts, bodies of functions and comments is nobody's rows.

use std::io::{BufReader, Read as _};

use crate::commands::import::choice::choose;
use crate::commands::import::dump::{Dump, DumpError};
use crate::commands::import::server::Table;
use crate::commands::import::statements::{STATEMENT_BYTES_MAX, Statements};

/// What looks like rows wherever it stands.
const FAKE: &str = "\nCOPY public.fake (id) FROM stdin;\n1\n\\.\nINSERT INTO x VALUES (1);\n";

fn table(name: &str) -> Table {
    Table { name: name.to_owned(), columns: Vec::new(), references: Vec::new() }
}

fn names(dump: &str) -> Vec<String> {
    let dump = Dump::scan(dump.as_bytes()).unwrap_or_else(|error| panic!("{error}: {dump}"));
    dump.blocks.iter().map(|block| block.name.to_string()).collect()
}

#[test]
fn what_stands_in_texts_and_bodies_is_no_statement() {
    let fake = FAKE;
    let atomic = "CREATE OR REPLACE FUNCTION f() RETURNS void\n    LANGUAGE sql\nBEGIN ATOMIC\n \
        INSERT INTO t VALUES (CASE WHEN true THEN 1 END);\nINSERT INTO t VALUES (2);\nEND;\n";
    for piece in [
        format!("COMMENT ON TABLE a IS 'it''s {fake}';"),
        format!("COMMENT ON TABLE a IS E'it\\'s {fake}\\\\';"),
        format!("COMMENT ON TABLE a IS E'a'\n'it\\'s {fake}';"),
        format!("CREATE FUNCTION f() RETURNS void AS $$ {fake} ' \" $_$ $$;"),
        format!("CREATE FUNCTION f() RETURNS void AS $_a1$ {fake} $$ $_a1 $_$_a1$;"),
        format!("COMMENT ON TABLE \"a;\"\" {fake}\" IS NULL;"),
        format!("/* ' /* {fake} */ {fake} */ -- it's $$\nSET x = 1;"),
        format!("SET standard_conforming_strings = off;\nCOMMENT ON TABLE a IS 'it\\'s {fake}';"),
        format!("CREATE RULE r AS ON UPDATE TO a DO ALSO ({});", "DELETE FROM b; "),
        format!("SELECT a$b$ FROM c$d$; SELECT $1, 1$${fake}$$;"),
        atomic.to_owned(),
        "\\restrict it's\n\\connect \"a\"\n".to_owned(),
    ] {
        let dump = format!("{piece}\nCOPY public.a (id) FROM stdin;\nit's\n\\.\n{}\n", "SELECT 1;");
        assert_eq!(names(&dump), ["public.a"], "{dump}");
    }
}

#[test]
fn a_text_without_an_end_is_no_dump() {
    for text in ["COMMENT ON TABLE a IS 'b;\n", "SELECT $a$ $b$;\n", "/* /* */ ;\n", "a,b\n1,2\n"] {
        let error = Dump::scan(text.as_bytes()).unwrap_err();
        assert!(matches!(error, DumpError::CutStatement { .. }), "{text}: {error}");
    }
}

#[test]
fn what_cannot_be_read_says_what_to_make_instead() {
    let check = |text: &[u8], wanted: &str| {
        let error = Dump::scan(text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    };
    check(b"SET client_encoding = 'LATIN1';\n", "the dump is LATIN1, not UTF-8");
    check(b"\xff\xfe-\0-\0\n\0", "UTF-16");
    check(b"\x1f\x8b\x08\0\0\0\0\0", ".gz");
    check(b"toc.dat\0\0\0\0", "pg_restore");
    let two = "\\connect a\nCOPY a (b) FROM stdin;\n\\.\n\\connect b\n";
    check(two.as_bytes(), "line 4 of the dump goes on with another database");
}

#[test]
fn a_dump_of_windows_and_an_old_one_are_read() {
    let dump = "\u{feff}--\r\nSET client_encoding = 'UTF8';\r\nSET search_path = other, pg_catalog;\r\n\
        COPY a (id) FROM stdin;\r\n1\r\n\\.\r\nSET search_path = public, pg_catalog;\r\n\
        COPY a (id) FROM stdin;\r\n\\.\r\n";
    assert_eq!(names(dump), ["other.a", "public.a"]);
    let block = Dump::scan(dump.as_bytes()).unwrap().blocks.remove(0);
    let (start, end) = (block.offset as usize, (block.offset + block.size_bytes) as usize);
    assert_eq!((&dump[start..end], block.n_rows), ("1\r\n", 1));
}

#[test]
fn rows_of_two_schemas_never_go_into_one_table() {
    let text = "COPY public.a (id) FROM stdin;\n1\n\\.\nCOPY other.a (id) FROM stdin;\n2\n\\.\n\
        COPY other.b (id) FROM stdin;\n3\n\\.\nCOPY more.none (id) FROM stdin;\n\\.\nCOPY third.none (id) FROM stdin;\n\\.\n\
        ALTER TABLE ONLY other.a ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES other.b(id);\n";
    let chosen = |tables: &[&str], schema: Option<&str>| {
        let tables: Vec<Table> = tables.iter().map(|name| table(name)).collect();
        let choice = choose(Dump::scan(text.as_bytes()).unwrap(), &tables, schema)?;
        Ok::<_, String>(
            choice.wanted.iter().map(|block| block.name.to_string()).collect::<Vec<_>>(),
        )
    };
    let refused = chosen(&["a", "b"], None).unwrap_err();
    assert!(
        refused.contains("other.a and of public.a") && refused.contains("--schema"),
        "{refused}"
    );
    assert_eq!(chosen(&["b"], None).unwrap(), ["other.b"]);
    assert_eq!(chosen(&["a", "b"], Some("public")).unwrap(), ["public.a"]);
    assert_eq!(chosen(&["a", "b"], Some("other")).unwrap(), ["other.b", "other.a"]);
}

#[test]
fn tables_without_rows_or_columns_stop_no_others() {
    let text = "COPY public.zero  FROM stdin;\n\n\n\\.\nCOPY public.a (id) FROM stdin;\n\n\\.\n\
        COPY public.b (id) FROM stdin;\n\\.\n";
    let choose = |text: &str, tables: &[&str]| {
        let tables: Vec<Table> = tables.iter().map(|name| table(name)).collect();
        choose(Dump::scan(text.as_bytes()).unwrap(), &tables, None)
    };
    let choice = choose(text, &["zero", "a", "b"]).unwrap();
    assert_eq!((choice.wanted.len(), choice.wanted[0].name.table.as_str()), (1, "a"));
    assert_eq!(choice.empty, ["zero", "b"]);
    assert_eq!(choose(text, &["a"]).unwrap().missing, ["zero", "b"]);
    let bare = "COPY a (b) FROM stdin;\n1\n\\.\nCOPY c FROM stdin;\n1\n\\.\n";
    assert!(choose(bare, &["a", "c"]).unwrap_err().contains("line 4"));
    assert_eq!(choose(bare, &["a"]).unwrap().missing, ["c"]);
}

#[test]
fn the_sequences_of_what_is_imported_are_named() {
    let text = "ALTER SEQUENCE public.\"A_id_seq\" OWNED BY public.\"A\".id;\n\
        ALTER TABLE other.b ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME other.b_id_seq\n    START WITH 1\n);\n\
        COPY public.\"A\" (id) FROM stdin;\n1\n\\.\nCOPY other.b (id) FROM stdin;\n1\n\\.\n\
        SELECT pg_catalog.setval('public.\"A_id_seq\"', 7, true);\nSELECT pg_catalog.setval('other.b_id_seq', 8, false);\n\
        SELECT pg_catalog.setval('public.free', 9, true);\nSELECT pg_catalog.setval('public.unused', 1, false);\n";
    let sequences = |tables: &[&str], schema: Option<&str>| {
        let tables: Vec<Table> = tables.iter().map(|name| table(name)).collect();
        choose(Dump::scan(text.as_bytes()).unwrap(), &tables, schema).unwrap().sequences
    };
    let a = "SELECT pg_catalog.setval('public.\"A_id_seq\"', 7, true);";
    let b = "SELECT pg_catalog.setval('other.b_id_seq', 8, false);";
    let free = "SELECT pg_catalog.setval('public.free', 9, true);";
    assert_eq!(sequences(&["A", "b"], None), [a, b, free]);
    assert_eq!(sequences(&["A"], None), [a, free]);
    assert_eq!(sequences(&["A", "b"], Some("other")), [b]);
}

/// Numbers that look random, by a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Up to `n_max` of these, one after the other.
    fn some(&mut self, of: &[&str], n_max: usize) -> String {
        (0..self.below(n_max + 1)).map(|_| self.one_of(of)).collect()
    }
}

const SIGNS: &[&str] = &[
    FAKE,
    "'",
    "\"",
    "$",
    "$$",
    "$a$",
    "\\",
    "--",
    "/*",
    "*/",
    ";",
    "(",
    ")",
    "\n",
    " ",
    "e",
    "E'",
    "æ",
    "BEGIN ATOMIC",
    "\\.\n",
    "a",
];

/// A statement, with whatever its texts may hold.
fn statement(dice: &mut Dice) -> String {
    let signs = dice.some(SIGNS, 8);
    match dice.below(6) {
        0 => format!("COMMENT ON TABLE a IS '{}';\n", signs.replace('\'', "''")),
        1 => {
            let text = signs.replace('\\', "\\\\").replace('\'', dice.one_of(&["\\'", "''"]));
            format!("COMMENT ON TABLE a IS E'{text}';\n")
        }
        2 => format!("DROP TABLE \"{}\";\n", signs.replace('"', "\"\"")),
        3 => {
            // Nothing in it, and nothing that begins at its end, is the tag.
            let tag = dice.one_of(&["$tag$", "$_1$", "$ø$"]);
            format!("DO {tag}{signs}{tag};\n")
        }
        4 => format!("--{}\n", signs.replace('\n', " ")),
        _ => format!("/*{}*/\n", signs.replace(['/', '*'], "/**/ ")),
    }
}

#[test]
fn generated_dumps_are_cut_where_they_were_put_together() {
    for seed in 1..=500_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut dump, mut wanted) = (String::new(), Vec::new());
        for nth in 0..dice.below(12) {
            if dice.below(3) > 0 {
                dump += &statement(&mut dice);
                continue;
            }
            let end = dice.one_of(&["\n", "\r\n"]);
            dump += &format!(
                "COPY public.t{nth} (id){}FROM stdin;{end}",
                dice.one_of(&[" ", "\n", " /*;*/ "])
            );
            let offset = dump.len() as u64;
            // Nothing in rows has a meaning but the two signs that end them.
            let rows: Vec<String> = (0..dice.below(4))
                .map(|_| dice.some(SIGNS, 4).replace('\n', " ").replace("\\.", ""))
                .collect();
            dump.extend(rows.iter().map(|row| format!("{row}{end}")));
            wanted.push((
                format!("public.t{nth}"),
                offset,
                dump.len() as u64 - offset,
                rows.len() as u64,
            ));
            dump += &format!("\\.{end}");
        }
        let capacity = 1 + dice.below(40);
        let found = Dump::scan(BufReader::with_capacity(capacity, dump.as_bytes()))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}: {dump}"));
        let found: Vec<_> = found
            .blocks
            .iter()
            .map(|block| (block.name.to_string(), block.offset, block.size_bytes, block.n_rows))
            .collect();
        assert_eq!(found, wanted, "seed {seed}: {dump}");
        // Whatever is cut out of it has an answer, and no place outside of it.
        let from = (0..dice.below(dump.len() + 1))
            .rev()
            .find(|&at| dump.is_char_boundary(at))
            .unwrap_or(0);
        if let Ok(found) = Dump::scan(&dump.as_bytes()[from..]) {
            assert!(
                found.blocks.iter().all(|one| one.offset + one.size_bytes <= dump.len() as u64)
            );
        }
    }
}

#[test]
fn memory_has_an_end_whatever_a_dump_holds() {
    let long = |start: &'static str, end: &'static str| {
        let middle = std::io::repeat(b'a').take(3 * STATEMENT_BYTES_MAX as u64);
        BufReader::new(start.as_bytes().chain(middle).chain(end.as_bytes()))
    };
    let mut statements = Statements::new(long("COMMENT ON a IS 'b", "';\nSELECT 1;"));
    let first = statements.next().unwrap().unwrap().unwrap();
    assert_eq!((first.text.len(), first.is_whole, first.line), (STATEMENT_BYTES_MAX, false, 1));
    assert_eq!(statements.next().unwrap().unwrap().unwrap().text, "SELECT 1");
    assert!(matches!(
        Dump::scan(long("COPY a (", ") FROM stdin;\n")),
        Err(DumpError::Strange { line: 1, .. })
    ));
    assert!(matches!(Dump::scan(long("$", "")), Err(DumpError::CutStatement { line: 1 })));
}
