//! The console's files inside the binary.
//!
//! All of them together have one hash, the build. Pages name their files by it, so every file may be cached
//! for ever and no browser ever mixes two builds. In debug builds the files are read from disk at start.
//! Our own scripts go out without the text of their comments, which is a fifth of the console's size; the
//! lines stay, so an error names the line of the source.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;
use rust_embed::RustEmbed;

/// What is written in pages where the build's hash belongs.
const BUILD_MARK: &str = "__BUILD__";

#[derive(RustEmbed)]
#[folder = "../../ui/"]
#[exclude = "test/*"]
#[exclude = "node_modules/*"]
#[exclude = "package*.json"]
#[exclude = "*.md"]
#[exclude = "*.d.ts"]
#[exclude = "*.mjs"]
#[exclude = "tsconfig*"]
#[exclude = ".*"]
struct Files;

/// One file, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: &'static str,
    /// Stored compressed, and sent so: everything that runs a console understands gzip.
    pub(crate) is_gzip: bool,
}

/// All files by path, and the pages among them with the build filled in.
#[derive(Debug)]
pub(crate) struct Assets {
    build: String,
    files: BTreeMap<String, Asset>,
    pages: BTreeMap<String, Asset>,
}

impl Assets {
    /// Reads what the binary holds.
    pub(crate) fn load() -> Self {
        let names: Vec<_> = Files::iter().collect();
        Self::of(names.iter().filter_map(|name| Some((name.as_ref(), Files::get(name)?.data))))
    }

    /// The same from any list of files.
    pub(crate) fn of<'a>(list: impl Iterator<Item = (&'a str, Cow<'static, [u8]>)>) -> Self {
        let mut files = BTreeMap::new();
        for (name, data) in list {
            let (path, is_gzip) = match name.strip_suffix(".gz") {
                Some(path) => (path, true),
                None => (name, false),
            };
            let is_script = media_type(path).starts_with("text/javascript");
            let is_ours = is_script && !path.starts_with("vendor/");
            let bytes = match data {
                data if is_ours => Bytes::from(without_comments(&data)),
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            };
            let asset = Asset { bytes, media_type: media_type(path), is_gzip };
            files.insert(path.to_owned(), asset);
        }
        let mut hasher = DefaultHasher::new();
        for (path, asset) in &files {
            hasher.write(path.as_bytes());
            hasher.write_u8(0);
            hasher.write(&asset.bytes);
            hasher.write_usize(asset.bytes.len());
        }
        let build = format!("{:016x}", hasher.finish());
        let is_page = |asset: &Asset| asset.media_type.starts_with("text/html");
        let filled = files.iter().filter(|(_, asset)| is_page(asset)).map(|(path, asset)| {
            let text = String::from_utf8_lossy(&asset.bytes).replace(BUILD_MARK, &build);
            (path.clone(), Asset { bytes: Bytes::from(text), ..asset.clone() })
        });
        Self { pages: filled.collect(), build, files }
    }

    /// Hash of all files.
    pub(crate) fn build(&self) -> &str {
        &self.build
    }

    /// A file as it stands.
    pub(crate) fn file(&self, path: &str) -> Option<&Asset> {
        self.files.get(path)
    }

    /// A page, with the build filled in.
    pub(crate) fn page(&self, path: &str) -> Option<&Asset> {
        self.pages.get(path)
    }

    #[cfg(test)]
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

/// Empties the lines that are nothing but a comment. `ui/test/unit/served.test.mjs` proves for every file that
/// this takes away nothing else, such as a line of a text.
fn without_comments(script: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(script.len());
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        let is_comment = text == b"*"
            || [b"//".as_slice(), b"/*", b"* ", b"*/"].iter().any(|mark| text.starts_with(mark));
        match is_comment {
            true if line.ends_with(b"\n") => out.push(b'\n'),
            true => {}
            false => out.extend_from_slice(line),
        }
    }
    out
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}
