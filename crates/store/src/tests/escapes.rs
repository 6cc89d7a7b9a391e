//! Which JSON texts a `json` column of PostgreSQL can hold for good.

use crate::postgres::escapes::fits_json;

#[test]
fn what_postgresql_cannot_take_apart_is_known() {
    for (text, fits) in [
        (r#"{"a":"plain"}"#, true),
        (r#""\u0041 \n \\ \"""#, true),
        (r#""\u0000""#, false),
        (r#""\\u0000""#, true),
        (r#""\\\u0000""#, false),
        (r#""\ud83d\ude00""#, true),
        (r#""\uD83D\uDE00 \uD83D\uDE00""#, true),
        (r#""\ud83d""#, false),
        (r#""\ud83dx\ude00""#, false),
        (r#""\ud83d\n""#, false),
        (r#""\ud83d\ud83d""#, false),
        (r#""\ude00""#, false),
        (r#""\ude00\ud83d""#, false),
    ] {
        assert_eq!(fits_json(text), fits, "{text}");
    }
}
