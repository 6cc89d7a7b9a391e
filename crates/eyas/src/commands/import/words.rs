//! A statement of SQL, word by word. Pure.

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a>(pub(crate) &'a str);

impl Words<'_> {
    /// Steps over `sign`, where it comes next.
    pub(crate) fn sign(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(sign)?;
        Some(())
    }

    /// Steps over these keywords, where all of them come next.
    pub(crate) fn keywords(&mut self, keywords: &str) -> Option<()> {
        let mut rest = *self;
        for keyword in keywords.split(' ') {
            let word = rest.0.trim_start();
            let (word, tail) = word.split_at(end_of_word(word));
            word.eq_ignore_ascii_case(keyword).then_some(())?;
            rest.0 = tail;
        }
        *self = rest;
        Some(())
    }

    /// `a` or `"a ""b"""`.
    pub(crate) fn identifier(&mut self) -> Option<String> {
        let text = self.0.trim_start();
        if let Some(quoted) = text.strip_prefix('"') {
            return self.quoted(quoted, '"');
        }
        let (name, rest) = text.split_at(end_of_word(text));
        self.0 = rest;
        // As PostgreSQL reads it.
        (!name.is_empty()).then(|| name.to_ascii_lowercase())
    }

    /// `'it''s'`.
    pub(crate) fn string(&mut self) -> Option<String> {
        let text = self.0.trim_start().strip_prefix('\'')?;
        self.quoted(text, '\'')
    }

    /// `public.ports.code`, part by part.
    pub(crate) fn path(&mut self) -> Option<Vec<String>> {
        let mut parts = vec![self.identifier()?];
        while self.sign('.').is_some() {
            parts.push(self.identifier()?);
        }
        Some(parts)
    }

    /// Up to the `quote` that stands alone.
    fn quoted(&mut self, mut rest: &str, quote: char) -> Option<String> {
        let mut name = String::new();
        loop {
            let (part, tail) = rest.split_once(quote)?;
            name += part;
            let Some(doubled) = tail.strip_prefix(quote) else {
                // Part of what this was made with, so the lifetime is that of `self`.
                self.0 = &self.0[self.0.len() - tail.len()..];
                return Some(name);
            };
            name.push(quote);
            rest = doubled;
        }
    }
}

fn end_of_word(text: &str) -> usize {
    let is_inside =
        |sign: char| sign.is_ascii_alphanumeric() || "_$".contains(sign) || !sign.is_ascii();
    text.find(|sign| !is_inside(sign)).unwrap_or(text.len())
}
