//! Promise of `second_pass`: every name that PostgreSQL does not get is that of a test.

use std::path::Path;

use crate::second_pass::LEFT_OUT;

#[test]
fn what_postgresql_does_not_get_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/eyas/tests/it");
    for (name, why) in LEFT_OUT {
        let (module, test) = name.split_once("::").expect("a module, and perhaps a test");
        let file = folder.join(format!("{module}.rs"));
        let file = if file.is_file() { file } else { folder.join(module).join("mod.rs") };
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{name}: no such module"));
        assert!(text.contains(&format!("fn {test}")) || test.is_empty(), "{name}: no such test");
        assert!(!why.is_empty());
    }
}
