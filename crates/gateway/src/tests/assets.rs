//! `assets`: what is in the binary, and under which names it goes out.

use std::borrow::Cow;

use crate::assets::Assets;
use crate::tests::app::App;

fn made(main: &'static str) -> Assets {
    let files: [(&str, &'static [u8]); 3] = [
        ("index.html", b"<script src=\"/ui/a/__BUILD__/main.js\">"),
        ("main.js", main.as_bytes()),
        ("vendor/big.js.gz", b"\x1f\x8b"),
    ];
    Assets::of(files.into_iter().map(|(name, bytes)| (name, Cow::Borrowed(bytes))))
}

#[test]
fn the_build_changes_with_any_file_and_stands_in_the_page() {
    let (one, same, other) = (made("1"), made("1"), made("2"));
    assert_eq!(one.build(), same.build());
    assert_ne!(one.build(), other.build());
    let page = String::from_utf8(one.page("index.html").unwrap().bytes.to_vec()).unwrap();
    assert_eq!(page, format!("<script src=\"/ui/a/{}/main.js\">", one.build()));
}

#[test]
fn compressed_files_go_by_their_plain_name() {
    let assets = made("1");
    let big = assets.file("vendor/big.js").unwrap();
    assert!(big.is_gzip);
    assert_eq!(big.media_type, "text/javascript; charset=utf-8");
    assert!(assets.file("vendor/big.js.gz").is_none());
}

#[test]
fn our_scripts_lose_their_comments_and_keep_their_lines() {
    let script = "// a\n/**\n * b\n *\n */\nf(2 * 3); // c\n  // d\n*/ e";
    let files = ["main.js", "vendor/v.js", "style/a.css"];
    let assets = Assets::of(files.into_iter().map(|name| (name, Cow::Borrowed(script.as_bytes()))));
    assert_eq!(assets.file("main.js").unwrap().bytes, "\n\n\n\n\nf(2 * 3); // c\n\n");
    assert_eq!(assets.file("vendor/v.js").unwrap().bytes, script);
    assert_eq!(assets.file("style/a.css").unwrap().bytes, script);
}

#[test]
fn nothing_but_the_console_is_embedded() {
    let assets = Assets::load();
    for path in assets.paths() {
        let is_foreign =
            ["test/", "node_modules/", "package", "tsconfig"].iter().any(|p| path.starts_with(p));
        assert!(!is_foreign, "{path}");
    }
}

#[tokio::test]
async fn the_console_is_served_with_its_policy() {
    let app = App::start().await;
    for path in ["/ui", "/ui/", "/ui/events/some-id", "/ui/a"] {
        let answer = app.get(path).await;
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (200, Some("no-cache")),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(
            answer.header("content-security-policy"),
            Some(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
            )
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(!answer.text().contains("__BUILD__"));
    }
    let etag = app.get("/ui/").await.header("etag").unwrap().to_owned();
    let again = app.send("GET /ui/", &format!("If-None-Match: {etag}\r\n"), b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn files_of_this_build_may_be_kept_for_ever_and_others_are_gone() {
    let app = App::start().await;
    let build = app.edge.assets.build().to_owned();
    for path in app.edge.assets.paths() {
        let answer = app.get(&format!("/ui/a/{build}/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let is_gzip = answer.header("content-encoding") == Some("gzip");
        assert_eq!(is_gzip, answer.body.starts_with(b"\x1f\x8b"), "{path}");
        let other = app.get(&format!("/ui/a/0000000000000000/{path}")).await;
        assert_eq!(other.status, 404, "{path}");
    }
    assert_eq!(app.get(&format!("/ui/a/{build}/../secret")).await.status, 404);
    assert_eq!(app.get(&format!("/ui/a/{build}/")).await.status, 404);
}

#[tokio::test]
async fn the_api_page_is_served() {
    let app = App::start().await;
    for path in ["/docs", "/docs/"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("content-security-policy")
                .unwrap()
                .contains("style-src 'self' 'unsafe-inline'")
        );
    }
}
